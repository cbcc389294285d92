"""The rules of identity: what request, presentation context and data set must agree on before anything is stored."""

from __future__ import annotations

from dataclasses import replace

from dicomnode.dicom.header import UIDs, is_uid
from dicomnode.domain.instance import InstanceHeader, Received
from dicomnode.errors import IdentityMismatch, InvalidInstance, NotThisClass, NotUnderstood, UnusablePlace


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


def check_identity(uids: UIDs, received: Received) -> None:
    """The data set against the command, and whether it can be filed at all.

    Raises
    ------
    IdentityMismatch
        The data set is not the instance or the class the command names.
    UnusablePlace
        Study or Series Instance UID is missing or illegal.
    """
    if uids.sop_class != received.sop_class_uid:
        raise IdentityMismatch("SOP Class UID of data set and command differ")
    if uids.sop_instance != received.sop_instance_uid:
        raise IdentityMismatch("SOP Instance UID of data set and command differ")
    if not is_uid(uids.study):
        raise UnusablePlace("Study Instance UID is missing or not a UID")
    if not is_uid(uids.series):
        raise UnusablePlace("Series Instance UID is missing or not a UID")


def check_reading(read: InstanceHeader, walked: InstanceHeader) -> None:
    """A header as a second reader reads it against what the proving walk kept: one instance of one patient.

    A data set made to look different to different readers would otherwise be checked as one patient's and filed as
    another's.

    Raises
    ------
    NotUnderstood
        The two readings differ.
    """
    if replace(read, facts={}, frames=()) != replace(walked, facts={}, frames=()):
        raise NotUnderstood("the data set's identity can be read in two ways")
