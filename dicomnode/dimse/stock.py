"""pynetdicom's own server behind the storage port: one association, one thread that polls."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from io import BytesIO
from typing import Final, cast
from weakref import WeakKeyDictionary

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.transport import ThreadedAssociationServer

from dicomnode.dimse.contexts import accepted
from dicomnode.dimse.library import application_entity
from dicomnode.dimse.storing import SUCCESS, Storing
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.settings import DicomSettings

logger = logging.getLogger(__name__)

_LONGEST_COMMENT: Final = 64  # Error Comment (0000,0902) is LO
_ARTIM_SECONDS: Final = 10.0


class StockServer:
    """Listens, and passes each C-STORE on as a whole.

    Raises
    ------
    OSError
        When the address cannot be listened on.
    """

    def __init__(self, settings: DicomSettings, callers: Collection[str] | None, storing: Storing) -> None:
        self._storing = storing
        self._brought: WeakKeyDictionary[Association, set[SeriesInstanceUID]] = WeakKeyDictionary()
        self._ae = _entity(settings, callers)
        self._server = cast(
            ThreadedAssociationServer,
            self._ae.start_server(
                (settings.host, settings.port),
                block=False,
                evt_handlers=[
                    (evt.EVT_C_STORE, self._on_store),
                    (evt.EVT_RELEASED, self._on_released),
                    (evt.EVT_REJECTED, _on_rejected),
                    (evt.EVT_ABORTED, _on_aborted),
                    (evt.EVT_DIMSE_RECV, _on_message),
                ],
            ),
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """It took connections from the moment it was made."""

    def stop(self, seconds: float) -> None:
        """Abort what is open; an instance being admitted at this moment is finished first."""
        open_associations = self._server.active_associations
        self._ae.shutdown()
        for association in open_associations:
            association.join(seconds)

    def _on_store(self, event: evt.Event) -> int | Dataset:
        answer = self._storing.answer(_received(event))
        if answer.series is not None:
            self._brought.setdefault(event.assoc, set()).add(answer.series)
        if answer.status == SUCCESS:
            return SUCCESS
        refusal = Dataset()
        refusal.Status = answer.status
        refusal.ErrorComment = answer.comment[:_LONGEST_COMMENT]
        return refusal

    def _on_released(self, event: evt.Event) -> None:
        series = self._brought.pop(event.assoc, set())
        self._storing.released(AETitle(event.assoc.requestor.ae_title), frozenset(series))


def _entity(settings: DicomSettings, callers: Collection[str] | None) -> ApplicationEntity:
    ae = application_entity(AETitle(settings.aet))
    ae.supported_contexts = accepted()
    ae.require_called_aet = True
    if callers is not None:
        # An empty list means "anybody" to pynetdicom; a title that nobody can know means nobody.
        ae.require_calling_aet = sorted(callers) or [secrets.token_hex(8)]
    ae.maximum_associations = settings.max_associations
    ae.maximum_pdu_size = settings.max_pdu
    ae.network_timeout = settings.network_timeout
    ae.acse_timeout = min(_ARTIM_SECONDS, settings.network_timeout)
    return ae


def _on_rejected(event: evt.Event) -> None:
    # The titles are the stranger's own text and stay out of the log; the address is not.
    logger.warning("association from %s rejected: unknown title, or too many", event.assoc.requestor.address)


def _on_aborted(event: evt.Event) -> None:
    logger.warning("association from %s aborted", event.assoc.requestor.address)


def _on_message(event: evt.Event) -> None:
    """Pynetdicom leaves a C-STORE request without SOP Instance UID unanswered for ever; an abort is an answer."""
    message = event.message
    if isinstance(message, C_STORE_RQ) and not message.command_set.get("AffectedSOPInstanceUID"):
        event.assoc.abort(block=False)


def _received(event: evt.Event) -> Received:
    request = cast(C_STORE, event.request)
    data_set = cast(BytesIO, request.DataSet)  # pynetdicom passes no request on that has none
    return Received(
        sop_class_uid=str(request.AffectedSOPClassUID),
        sop_instance_uid=str(request.AffectedSOPInstanceUID),
        abstract_syntax=str(event.context.abstract_syntax),
        transfer_syntax_uid=str(event.context.transfer_syntax),
        data_set=(data_set.getvalue(),),
        calling_aet=AETitle(event.assoc.requestor.ae_title),
    )
