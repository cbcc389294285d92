"""The rules of identity: what request, presentation context and data set must agree on before anything is stored."""

from __future__ import annotations

from dicomnode.dicom.header import is_uid
from dicomnode.domain.instance import Received
from dicomnode.errors import IdentityMismatch, InvalidInstance, NotThisClass, UnusablePlace
from dicomnode.receive.walk import SERIES, SOP_CLASS, SOP_INSTANCE, STUDY, Values


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


def check_identity(values: Values, received: Received) -> None:
    """The data set against the command, and whether it can be filed at all.

    Raises
    ------
    IdentityMismatch
        The data set is not the instance or the class the command names.
    UnusablePlace
        Study or Series Instance UID is missing or illegal.
    """
    if _uid(values, SOP_CLASS) != received.sop_class_uid:
        raise IdentityMismatch("SOP Class UID of data set and command differ")
    if _uid(values, SOP_INSTANCE) != received.sop_instance_uid:
        raise IdentityMismatch("SOP Instance UID of data set and command differ")
    if not is_uid(_uid(values, STUDY)):
        raise UnusablePlace("Study Instance UID is missing or not a UID")
    if not is_uid(_uid(values, SERIES)):
        raise UnusablePlace("Series Instance UID is missing or not a UID")


def _uid(values: Values, tag: int) -> str:
    """Spaces are tolerated as padding besides the one NUL the standard knows."""
    return values.get(tag, ("", b""))[1].rstrip(b"\0 ").decode("ascii", "replace")
