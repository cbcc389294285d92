"""The one place where pynetdicom's module-wide settings are fixed.

pynetdicom keeps its settings as module globals. `configure` sets those that differ from its defaults, each for a
reason; it may be called any number of times, and every part of this package calls it before it opens a connection.
"""

from __future__ import annotations

import logging
import socket
from contextlib import suppress

import pydicom.config
from pynetdicom import AE, _config, register_uid
from pynetdicom.service_class import StorageServiceClass
from pynetdicom.sop_class import uid_to_service_class
from pynetdicom.transport import AssociationSocket

from dicomnode.dimse.contexts import PRIVATE_STORAGE_CLASSES
from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, AETitle


def configure() -> None:
    """Fix pynetdicom's settings for this process."""
    # Identifiers of C-FIND and its like hold patient names; they have no place in a log.
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    # Its event loggers format every PDU and message, UIDs included, whether anybody reads them or not.
    _config.LOG_HANDLER_LEVEL = "none"
    # On every level it quotes peers' titles and instance UIDs as they came, line breaks and all. What an operator needs
    # to know of an association, this package says itself.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    # Judging what it reads, pydicom quotes the values it dislikes, UIDs and names, in warnings and in the log.
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    # Sending streams a file's bytes as they are; decoding and re-encoding would not give the same bytes back.
    _config.STORE_SEND_CHUNKED_DATASET = True
    # An illegal UID in a command must be answered with 0117, not with an abort of the whole association: we judge it.
    _config.ENFORCE_UID_CONFORMANCE = False
    # Classes it does not know would be negotiated and then aborted at their first C-STORE.
    for keyword, uid in PRIVATE_STORAGE_CLASSES.items():
        if uid_to_service_class(uid) is not StorageServiceClass:
            register_uid(uid, keyword, StorageServiceClass)
    # Its own leaves a socket open whose peer went first: shutdown() fails there, and close() is never reached.
    AssociationSocket._shutdown_socket = _close  # type: ignore[assignment, method-assign]  # noqa: SLF001


def _close(association: AssociationSocket) -> None:
    if association.socket is None:
        return
    with suppress(OSError):
        association.socket.shutdown(socket.SHUT_RDWR)
    association.socket.close()


def application_entity(ae_title: AETitle) -> AE:
    """A pynetdicom AE under our implementation's name."""
    configure()
    ae = AE(ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    return ae
