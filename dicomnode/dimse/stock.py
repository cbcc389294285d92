"""pynetdicom's own server behind our port: one association, one thread that polls."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Collection
from typing import Final, cast
from weakref import WeakKeyDictionary

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.dimse_messages import C_STORE_RQ, N_EVENT_REPORT_RQ, N_SET_RQ
from pynetdicom.transport import ThreadedAssociationServer

from dicomnode.dimse.contexts import accepted
from dicomnode.dimse.library import application_entity
from dicomnode.dimse.normalized import Services, asked
from dicomnode.dimse.storing import Storing, received, response
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.errors import NotAllowed
from dicomnode.settings import DicomSettings

logger = logging.getLogger(__name__)

_ARTIM_SECONDS: Final = 10.0


class StockServer:
    """Listens, and passes each request on as a whole.

    Raises
    ------
    OSError
        When the address cannot be listened on.
    """

    def __init__(
        self, settings: DicomSettings, callers: Collection[str] | None, storing: Storing, services: Services
    ) -> None:
        self._storing = storing
        self._callers = callers
        self._services = services
        self._brought: WeakKeyDictionary[Association, set[SeriesInstanceUID]] = WeakKeyDictionary()
        self._ae = _entity(settings, callers, services)
        self._server = cast(
            ThreadedAssociationServer,
            self._ae.start_server(
                (settings.host, settings.port),
                block=False,
                evt_handlers=[
                    (evt.EVT_C_STORE, self._on_store),
                    (evt.EVT_N_EVENT_REPORT, self._on_request),
                    (evt.EVT_N_CREATE, self._on_request),
                    (evt.EVT_N_SET, self._on_request),
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
        if self._callers is not None and event.assoc.requestor.ae_title not in self._callers:
            return NotAllowed.status  # a caller of a service: pynetdicom accepts every context for everybody
        answer = self._storing.answer(received(event, AETitle(event.assoc.requestor.ae_title)))
        if answer.series is not None:
            self._brought.setdefault(event.assoc, set()).add(answer.series)
        return response(answer)

    def _on_request(self, event: evt.Event) -> tuple[int | Dataset, None]:
        return response(self._services.answer(asked(event, AETitle(event.assoc.requestor.ae_title)))), None

    def _on_released(self, event: evt.Event) -> None:
        series = self._brought.pop(event.assoc, set())
        self._storing.released(AETitle(event.assoc.requestor.ae_title), frozenset(series))


def _entity(settings: DicomSettings, callers: Collection[str] | None, services: Services) -> ApplicationEntity:
    ae = application_entity(AETitle(settings.aet))
    ae.supported_contexts = accepted()
    for context in services.contexts():
        ae.add_supported_context(
            context.abstract_syntax or "", context.transfer_syntax, context.scu_role, context.scp_role
        )
    ae.require_called_aet = True
    if callers is not None:
        # An empty list means "anybody" to pynetdicom; a title that nobody can know means nobody.
        ae.require_calling_aet = sorted({*callers, *services.callers()}) or [secrets.token_hex(8)]
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
    """Pynetdicom leaves a request without SOP Instance UID unanswered for ever; an abort is an answer."""
    message = event.message
    if not isinstance(message, C_STORE_RQ | N_EVENT_REPORT_RQ | N_SET_RQ):
        return
    keyword = "RequestedSOPInstanceUID" if isinstance(message, N_SET_RQ) else "AffectedSOPInstanceUID"
    if not message.command_set.get(keyword):
        event.assoc.abort(block=False)
