"""pynetdicom's settings are ours."""

from __future__ import annotations

import importlib.util
import logging
import socket
from types import SimpleNamespace

import pydicom.config
from pynetdicom import _config
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import uid_to_service_class
from pynetdicom.transport import AssociationSocket

from dicomnode.dimse.contexts import PRIVATE_STORAGE_CLASSES
from dicomnode.dimse.library import application_entity, configure
from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, AETitle


def test_patient_data_stay_out_of_the_log() -> None:
    configure()
    assert not _config.LOG_REQUEST_IDENTIFIERS
    assert not _config.LOG_RESPONSE_IDENTIFIERS
    assert _config.LOG_HANDLER_LEVEL == "none"
    assert logging.getLogger("pynetdicom").getEffectiveLevel() > logging.CRITICAL
    assert pydicom.config.settings.reading_validation_mode == pydicom.config.IGNORE


def test_files_leave_as_they_are_and_illegal_uids_get_an_answer() -> None:
    configure()
    assert _config.STORE_SEND_CHUNKED_DATASET
    assert not _config.ENFORCE_UID_CONFORMANCE


def test_private_classes_are_storage_classes_however_often_it_is_said() -> None:
    configure()
    configure()
    assert {uid_to_service_class(uid) for uid in PRIVATE_STORAGE_CLASSES.values()} == {StorageServiceClass}


def never_connected() -> SimpleNamespace:
    """A socket that refuses ``shutdown()``, as one does whose peer has reset the connection."""
    return SimpleNamespace(socket=socket.socket())


def test_a_socket_is_closed_though_its_peer_went_first() -> None:
    configure()
    association = never_connected()
    AssociationSocket._shutdown_socket(association)  # type: ignore[arg-type]
    assert association.socket.fileno() == -1
    association.socket = None
    AssociationSocket._shutdown_socket(association)  # type: ignore[arg-type]


def test_pynetdicom_itself_still_leaves_it_open() -> None:
    """Fails when they mend it; then ours can go."""
    spec = importlib.util.find_spec("pynetdicom.transport")
    assert spec is not None
    assert spec.loader is not None
    untouched = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(untouched)
    association = never_connected()
    with association.socket:
        untouched.AssociationSocket._shutdown_socket(association)
        assert association.socket.fileno() != -1


def test_our_name_is_on_every_association() -> None:
    ae = application_entity(AETitle("DICOMNODE"))
    assert ae.ae_title == "DICOMNODE"
    assert ae.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert ae.implementation_version_name == IMPLEMENTATION_VERSION_NAME
