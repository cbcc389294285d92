"""pynetdicom's settings are ours."""

from __future__ import annotations

import logging

import pydicom.config
from pynetdicom import _config
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import uid_to_service_class

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


def test_our_name_is_on_every_association() -> None:
    ae = application_entity(AETitle("DICOMNODE"))
    assert ae.ae_title == "DICOMNODE"
    assert ae.implementation_class_uid == IMPLEMENTATION_CLASS_UID
    assert ae.implementation_version_name == IMPLEMENTATION_VERSION_NAME
