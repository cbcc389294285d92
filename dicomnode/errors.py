"""The whole exception tree, drawn in one place.

::

    DicomnodeError
     ├ SettingsError                  a configuration file or key is wrong
     ├ ReceiveError                   a C-STORE that may not be acknowledged; carries its DIMSE status
     │  ├ OutOfResources     A700     disk, index or a limit; the sender may try again
     │  │  └ InDoubt                  the index went away during the commit: it may have taken place
     │  ├ IdentityMismatch   A900     data set, command and presentation context disagree
     │  ├ NotUnderstood      C000     the bytes are not what their transfer syntax says
     │  ├ UnusablePlace      C010     Study or Series Instance UID missing or illegal
     │  ├ OtherPatient       C020     the study or series belongs to another patient or study
     │  ├ DuplicateInstance  0111     the SOP Instance UID exists with other content
     │  ├ InvalidInstance    0117     the SOP Instance UID is not a UID
     │  └ NotThisClass       0122     the SOP class is not the presentation context's
     ├ RequestError                   a DIMSE-N request that is not granted; carries its DIMSE status
     │  ├ InvalidValue       0106     an attribute has a value that it cannot have
     │  ├ ProcessingFailed   0110     the data set is none, or serving it failed
     │  ├ FinalStep          0110     a procedure step that has ended cannot be changed
     │  ├ DuplicateStep      0111     the procedure step exists
     │  ├ NoSuchInstance     0112     it is about an instance we do not know
     │  ├ NoSuchEvent        0113     the service has no event of this type
     │  ├ InvalidArgument    0115     an attribute says what it cannot
     │  ├ InvalidTarget      0117     the SOP Instance UID is missing or not a UID
     │  ├ NoSuchClass        0118     the SOP class is not the presentation context's
     │  ├ MissingAttribute   0120     a required attribute is missing
     │  ├ NotAllowed         0124     this peer may not ask for this
     │  ├ UnknownOperation   0211     the SOP class is not served in this way
     │  ├ MissingDataSet     0212     a data set is missing
     │  └ TooMuch            0213     it is longer than we take, or the index is away: ask again
     ├ Stopped                        the node is stopping; the work is to be done again
     ├ StoreError                     the object store failed
     ├ GeometryError                  instances do not form a volume
     ├ Unsuitable                     a plugin's verdict "not for this input": an outcome, never retried
     ├ BadOutcomes                    a table of outcomes cannot be believed
     ├ Frozen                         a plugin or model may not speak for now
     ├ PluginError                    a plugin did not do its work
     │  ├ BrokenPlugin                its specification or entry point cannot be loaded
     │  ├ PluginFailed                it raised
     │  ├ PluginTimedOut              it ran over its time
     │  ├ PluginCrashed               its process died
     │  ├ BadFinding                  what it returned is not a finding the node can write
     │  └ ModelRefused                a model that may not speak here: status, expiry, digest, format
     ├ EncodingError                  a finding cannot be expressed as a DICOM object
     ├ CheckFailed                    a finished object must not be sent
     ├ LimitExceeded                  a peer holds more, or takes longer, than a limit of ours allows
     └ DeliveryError                  a destination did not take an object
        ├ Unreachable                 try again later
        │  └ NothingAccepted          it is there, but takes none of the presentation contexts
        └ Refused                     a person must look
"""

from __future__ import annotations

from typing import ClassVar


class DicomnodeError(Exception):
    """Something dicomnode can name went wrong."""


class SettingsError(DicomnodeError):
    """A configuration file or key is wrong; the message says where and why."""


class ReceiveError(DicomnodeError):
    """A received instance must not be acknowledged.

    The message is sent as Error Comment (0000,0902): it never holds patient data and at most 64 characters matter.
    """

    status: ClassVar[int] = 0xC000


class OutOfResources(ReceiveError):
    """Disk, index or a limit stands in the way; the sender may try again."""

    status = 0xA700


class InDoubt(OutOfResources):
    """The index went away during the commit: it may have taken place or not."""


class IdentityMismatch(ReceiveError):
    """Data set, command and presentation context do not name the same instance."""

    status = 0xA900


class NotUnderstood(ReceiveError):
    """The bytes are not what their transfer syntax says."""

    status = 0xC000


class UnusablePlace(ReceiveError):
    """Study or Series Instance UID is missing or illegal."""

    status = 0xC010


class OtherPatient(ReceiveError):
    """The study or series already belongs to another patient or study."""

    status = 0xC020


class DuplicateInstance(ReceiveError):
    """The SOP Instance UID exists with other content."""

    status = 0x0111


class InvalidInstance(ReceiveError):
    """The SOP Instance UID is not a UID."""

    status = 0x0117


class NotThisClass(ReceiveError):
    """The SOP class is not the one of the presentation context."""

    status = 0x0122


class RequestError(DicomnodeError):
    """A DIMSE-N request is not granted (PS3.7 chapter 10 and Annex C).

    The message is sent as Error Comment (0000,0902): it never holds patient data and at most 64 characters matter.
    """

    status: ClassVar[int] = 0x0110


class InvalidValue(RequestError):
    """An attribute has a value that it cannot have."""

    status = 0x0106


class ProcessingFailed(RequestError):
    """The data set is none, or serving the request failed."""

    status = 0x0110


class FinalStep(RequestError):
    """A procedure step that has ended cannot be changed (PS3.4 F.7.2.2.2)."""

    status = 0x0110


class DuplicateStep(RequestError):
    """A procedure step of this SOP Instance UID exists."""

    status = 0x0111


class NoSuchInstance(RequestError):
    """The request is about an instance we do not know."""

    status = 0x0112


class NoSuchEvent(RequestError):
    """The service has no event of this type."""

    status = 0x0113


class InvalidArgument(RequestError):
    """An attribute says what it cannot."""

    status = 0x0115


class InvalidTarget(RequestError):
    """The SOP Instance UID is missing or not a UID."""

    status = 0x0117


class NoSuchClass(RequestError):
    """The SOP class is not the one of the presentation context."""

    status = 0x0118


class MissingAttribute(RequestError):
    """A required attribute is missing."""

    status = 0x0120


class NotAllowed(RequestError):
    """The peer may not ask for this."""

    status = 0x0124


class UnknownOperation(RequestError):
    """The SOP class is not served in this way."""

    status = 0x0211


class MissingDataSet(RequestError):
    """A data set is missing."""

    status = 0x0212


class TooMuch(RequestError):
    """The request is longer than we take, or we cannot work on it now."""

    status = 0x0213


class Stopped(DicomnodeError):
    """Work was broken off because the node is stopping; it did not fail and is to be done again."""


class StoreError(DicomnodeError):
    """The object store failed."""


class GeometryError(DicomnodeError):
    """Instances do not form a regular volume; the message names the reason."""


class Unsuitable(DicomnodeError):
    """Raised by a plugin: "not for this input". Reported as an outcome and never retried."""


class BadOutcomes(DicomnodeError):
    """A table of outcomes cannot be believed; the message names file line and reason."""


class Frozen(DicomnodeError):
    """A plugin or model may not speak for now: the exam ends without its results, and says who froze it and why."""


class PluginError(DicomnodeError):
    """A plugin did not do its work."""


class BrokenPlugin(PluginError):
    """The plugin's specification or entry point cannot be loaded."""


class PluginFailed(PluginError):
    """The plugin raised an exception."""


class PluginTimedOut(PluginError):
    """The plugin ran longer than its specification allows and was killed."""


class PluginCrashed(PluginError):
    """The plugin's process died."""


class BadFinding(PluginError):
    """The plugin returned something that is not a finding the node can write."""


class ModelRefused(PluginError):
    """A model may not speak here; the text says which, and what is wrong with its card or files."""


class EncodingError(DicomnodeError):
    """A finding cannot be expressed as a DICOM object."""


class CheckFailed(DicomnodeError):
    """A finished object does not hold what it must and is not sent."""


class LimitExceeded(DicomnodeError):
    """A peer holds more, or takes longer, than a limit of ours allows; the message says which."""


class DeliveryError(DicomnodeError):
    """A destination did not take an object."""


class Unreachable(DeliveryError):
    """The destination cannot be reached or has no room: try again later."""


class NothingAccepted(Unreachable):
    """The destination is there, but takes nothing of what was proposed."""


class Refused(DeliveryError):
    """The destination will never take this object as it is: a person must look."""
