"""What a C-STORE is answered and when a release counts, whichever transport brought it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Final, cast

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_STORE

from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import OutOfResources, ReceiveError

logger = logging.getLogger(__name__)

Admit = Callable[[Received], SeriesInstanceUID]
Released = Callable[[AETitle, frozenset[SeriesInstanceUID]], None]

SUCCESS: Final = 0x0000
LONGEST_COMMENT: Final = 64
"""Error Comment (0000,0902) is LO."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer owed to a C-STORE."""

    status: int
    comment: str = ""
    """Error Comment (0000,0902): no patient data, at most 64 characters are sent."""
    series: SeriesInstanceUID | None = None
    """What the instance belongs to, when it was taken."""


class Storing:
    """The node behind the provider.

    Parameters
    ----------
    admit : callable
        Takes an instance and returns its series, or raises the ReceiveError whose status is answered.
    released : callable
        Told, with the series it brought, when an association was released in good order.
    passing : tuple of exception types
        What the transport itself raises while `admit` asks it for bytes, and wants back.
    """

    def __init__(self, admit: Admit, released: Released, passing: tuple[type[Exception], ...] = ()) -> None:
        self._admit = admit
        self._released = released
        self._passing = passing

    def answer(self, received: Received) -> Answer:
        """Have an instance admitted."""
        try:
            return Answer(status=SUCCESS, series=self._admit(received))
        except self._passing:
            raise
        except ReceiveError as refusal:
            logger.warning("C-STORE refused with %04X: %s", refusal.status, refusal)
            return Answer(status=refusal.status, comment=str(refusal))
        except Exception as error:  # noqa: BLE001 - the last border: whatever went wrong, the sender must keep its copy
            # The text of an unforeseen error may quote the data; its kind and its place may not.
            place = "".join(traceback.format_tb(error.__traceback__))
            logger.error("C-STORE failed unforeseen: %s\n%s", type(error).__name__, place)
            return Answer(status=OutOfResources.status, comment="internal error, see the log of the receiver")

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
        """Note that an association which brought these series was released in good order."""
        if not series:
            return
        try:
            self._released(calling_aet, series)
        except Exception as error:  # noqa: BLE001 - the last border: a lost hint costs time, not the association's thread
            logger.warning("a release was not noted, quiet time must do: %s", type(error).__name__)


def received(event: evt.Event, calling_aet: AETitle) -> Received:
    """The request of a C-STORE event of pynetdicom."""
    request = cast(C_STORE, event.request)
    data_set = cast(BytesIO, request.DataSet)  # pynetdicom passes no request on that has none
    return Received(
        sop_class_uid=str(request.AffectedSOPClassUID),
        sop_instance_uid=str(request.AffectedSOPInstanceUID),
        abstract_syntax=str(event.context.abstract_syntax),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        data_set=(data_set.getvalue(),),
        calling_aet=calling_aet,
    )


def response(answer: Answer) -> int | Dataset:
    """An answer as pynetdicom wants it from a handler."""
    if answer.status == SUCCESS:
        return SUCCESS
    refusal = Dataset()
    refusal.Status = answer.status
    refusal.ErrorComment = answer.comment[:LONGEST_COMMENT]
    return refusal
