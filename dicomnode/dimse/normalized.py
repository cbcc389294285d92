"""The normalized services (PS3.7 chapter 10) that peers may ask of us: who may ask what, and the answer owed."""

from __future__ import annotations

import logging
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from io import BytesIO
from typing import Final, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_CREATE, N_EVENT_REPORT, N_SET
from pynetdicom.dsutils import decode
from pynetdicom.presentation import PresentationContext, build_context

from dicomnode.dicom.elements import open_data_set, walk
from dicomnode.dicom.header import is_uid
from dicomnode.dimse.storing import SUCCESS, Answer
from dicomnode.domain.identity import AETitle
from dicomnode.errors import (
    InvalidTarget,
    MissingDataSet,
    NoSuchClass,
    NotAllowed,
    ProcessingFailed,
    RequestError,
    TooMuch,
    UnknownOperation,
)

logger = logging.getLogger(__name__)

LONGEST: Final = 4 << 20
"""Bytes of a request's data set: a report on ten thousand instances has some 1.5 million."""


class Operation(IntEnum):
    """The DIMSE-N requests that may be served; the value is the Command Field (PS3.7 table E.1-1)."""

    N_EVENT_REPORT = 0x0100
    N_SET = 0x0120
    N_CREATE = 0x0140


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A DIMSE-N request of a peer that may make it."""

    operation: Operation
    sop_class_uid: str
    sop_instance_uid: str
    """A UID by its form; nothing else is proven of it."""
    event_type: int
    """Event Type ID of an N-EVENT-REPORT, else 0."""
    data_set: Dataset
    calling_aet: AETitle


Handler = Callable[[Request], None]
"""Does what was asked, durably, or raises the RequestError whose status is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One SOP class we take requests for."""

    sop_class_uid: str
    handlers: Mapping[Operation, Handler]
    callers: frozenset[str]
    """AE titles that may use it."""
    caller_provides: bool = False
    """The one who calls is the SCP and we are its SCU: it proposes these roles (PS3.7 D.3.3.4)."""

    def context(self) -> PresentationContext:
        """What is negotiated for it."""
        context = build_context(self.sop_class_uid, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
        if self.caller_provides:
            context.scu_role, context.scp_role = False, True
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A DIMSE-N request as a transport brings it."""

    operation: int
    sop_class_uid: str
    sop_instance_uid: str
    event_type: int
    abstract_syntax: str
    transfer_syntax: str
    data_set: bytes | None
    calling_aet: AETitle


class Services:
    """The table of what peers may ask, whichever transport brings it."""

    def __init__(self, services: Sequence[Service] = ()) -> None:
        self._services = {service.sop_class_uid: service for service in services}

    def contexts(self) -> list[PresentationContext]:
        """A presentation context for each service."""
        return [service.context() for service in self._services.values()]

    def callers(self) -> frozenset[str]:
        """AE titles that may use some service."""
        return frozenset(title for service in self._services.values() for title in service.callers)

    def offered(self, calling_aet: str) -> frozenset[str]:
        """SOP classes that a title may use."""
        return frozenset(uid for uid, service in self._services.items() if calling_aet in service.callers)

    def answer(self, asked: Asked) -> Answer:
        """Serve a request, whatever becomes of it."""
        try:
            handler = self._handler(asked)
            handler(_request(asked))
        except RequestError as refusal:
            logger.warning("request %04X refused with %04X: %s", asked.operation, refusal.status, refusal)
            return Answer(status=refusal.status, comment=str(refusal))
        except Exception as error:  # noqa: BLE001 - the last border: what went wrong is answered, so that it is asked again
            # The text of an unforeseen error may quote the data; its kind and its place may not.
            place = "".join(traceback.format_tb(error.__traceback__))
            logger.error("request %04X failed unforeseen: %s\n%s", asked.operation, type(error).__name__, place)
            return Answer(status=ProcessingFailed.status, comment="internal error, see the log of the receiver")
        return Answer(status=SUCCESS)

    def _handler(self, asked: Asked) -> Handler:
        service = self._services.get(asked.abstract_syntax)
        served = {int(operation): handler for operation, handler in service.handlers.items()} if service else {}
        if service is None or asked.operation not in served:
            raise UnknownOperation("this operation is not served for this SOP class")
        if asked.calling_aet not in service.callers:
            raise NotAllowed("the calling AE title may not ask for this")
        if asked.sop_class_uid != asked.abstract_syntax:
            raise NoSuchClass("the SOP class is not that of the presentation context")
        return served[asked.operation]


def _request(asked: Asked) -> Request:
    if not is_uid(asked.sop_instance_uid):
        raise InvalidTarget("the SOP Instance UID is missing or not a UID")
    if asked.data_set is None:
        raise MissingDataSet("the request needs a data set")
    if len(asked.data_set) > LONGEST:
        raise TooMuch("the data set is too long")
    syntax = UID(asked.transfer_syntax)
    try:
        deque(
            walk(*open_data_set(asked.data_set, asked.transfer_syntax)), maxlen=0
        )  # pydicom drops a cut tail silently
        data_set = decode(BytesIO(asked.data_set), syntax.is_implicit_VR, syntax.is_little_endian)
    except Exception as error:  # whatever pydicom makes of bytes that are no data set
        raise ProcessingFailed("the data set cannot be decoded") from error
    return Request(
        operation=Operation(asked.operation),
        sop_class_uid=asked.sop_class_uid,
        sop_instance_uid=asked.sop_instance_uid,
        event_type=asked.event_type,
        data_set=data_set,
        calling_aet=asked.calling_aet,
    )


def asked(event: evt.Event, calling_aet: AETitle) -> Asked:
    """A DIMSE-N request as pynetdicom brings it, whichever side opened the association."""
    request, event_type = event.request, 0
    if isinstance(request, N_SET):
        operation, data_set = Operation.N_SET, request.ModificationList
        sop_class, instance = request.RequestedSOPClassUID, request.RequestedSOPInstanceUID
    elif isinstance(request, N_EVENT_REPORT):
        operation, data_set = Operation.N_EVENT_REPORT, request.EventInformation
        sop_class, instance = request.AffectedSOPClassUID, request.AffectedSOPInstanceUID
        event_type = request.EventTypeID or 0
    else:
        created = cast(N_CREATE, request)
        operation, data_set = Operation.N_CREATE, created.AttributeList
        sop_class, instance = created.AffectedSOPClassUID, created.AffectedSOPInstanceUID
    return Asked(
        operation=operation,
        sop_class_uid=str(sop_class),
        sop_instance_uid=str(instance or ""),
        event_type=event_type,
        abstract_syntax=str(event.context.abstract_syntax),
        transfer_syntax=str(event.context.transfer_syntax),
        data_set=(data_set.getvalue() if data_set else b"") or None,
        calling_aet=calling_aet,
    )
