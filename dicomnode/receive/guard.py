"""The rules of identity: what request, presentation context and data set must agree on before anything is stored."""

from __future__ import annotations

from dicomnode.dicom.header import is_uid
from dicomnode.domain.instance import InstanceHeader, Received
from dicomnode.errors import IdentityMismatch, InvalidInstance, NotThisClass, NotUnderstood, UnusablePlace
from dicomnode.receive.walk import Identity


def check_request(received: Received) -> None:
    """The command against its presentation context.

    Raises
    ------
    NotThisClass
        The command names another SOP class than the context was accepted for.
    InvalidInstance
        The command's SOP Instance UID is not a UID.
    """
    if received.sop_class_uid != received.abstract_syntax:
        raise NotThisClass("SOP class is not the presentation context's")
    if not is_uid(received.sop_instance_uid):
        raise InvalidInstance("Affected SOP Instance UID is not a UID")


def check_identity(identity: Identity, received: Received) -> None:
    """The data set against the command, and whether it can be filed at all.

    Raises
    ------
    IdentityMismatch
        The data set is not the instance or the class the command names.
    UnusablePlace
        Study or Series Instance UID is missing or illegal.
    """
    if uid_text(identity.sop_class_uid) != received.sop_class_uid:
        raise IdentityMismatch("SOP Class UID of data set and command differ")
    if uid_text(identity.sop_instance_uid) != received.sop_instance_uid:
        raise IdentityMismatch("SOP Instance UID of data set and command differ")
    if not is_uid(uid_text(identity.study_instance_uid)):
        raise UnusablePlace("Study Instance UID is missing or not a UID")
    if not is_uid(uid_text(identity.series_instance_uid)):
        raise UnusablePlace("Series Instance UID is missing or not a UID")


def check_reading(header: InstanceHeader, identity: Identity) -> None:
    """The header as read against the identity as walked: two readers, one instance.

    A data set made to look different to different readers would otherwise be checked as one patient's and filed as
    another's.

    Raises
    ------
    NotUnderstood
        The two readings differ.
    """
    read = (header.sop_class_uid, header.sop_instance_uid, header.study_instance_uid, header.series_instance_uid)
    walked = (
        identity.sop_class_uid,
        identity.sop_instance_uid,
        identity.study_instance_uid,
        identity.series_instance_uid,
    )
    if read != tuple(map(uid_text, walked)):
        raise NotUnderstood("the data set's identity can be read in two ways")


def uid_text(raw: bytes) -> str:
    """The text of an encoded UI value; spaces are tolerated as padding besides the one NUL the standard knows."""
    return raw.rstrip(b"\0 ").decode("ascii", "replace")
