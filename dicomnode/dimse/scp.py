"""The C-STORE and C-ECHO provider: who may speak, and what is answered.

This is the port behind which the transport can change. Now it is pynetdicom's own server: one association, one
thread that polls.
"""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Callable, Sequence
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
from dicomnode.domain.identity import AETitle, StudyInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import OutOfResources, ReceiveError, SettingsError
from dicomnode.settings import DicomSettings, PeerSettings

logger = logging.getLogger(__name__)

_SUCCESS: Final = 0x0000
_LONGEST_COMMENT: Final = 64  # Error Comment (0000,0902) is LO
_ARTIM_SECONDS: Final = 10.0
_STOP_SECONDS: Final = 10.0

Admit = Callable[[Received], StudyInstanceUID]
Released = Callable[[AETitle, frozenset[StudyInstanceUID]], None]


class StorageSCP:
    """Answers associations from configured peers.

    Parameters
    ----------
    settings : DicomSettings
        Our title, address and limits.
    peers : sequence of PeerSettings
        Those with ``may_store`` may open an association; nobody else, unless ``accept_unknown_peers``.
    admit : callable
        Takes an instance and returns its study, or raises the ReceiveError whose status is answered.
    released : callable
        Told, with the studies it brought, when an association was released in good order.
    """

    def __init__(
        self, settings: DicomSettings, peers: Sequence[PeerSettings], admit: Admit, released: Released
    ) -> None:
        self._settings = settings
        self._admit = admit
        self._released = released
        self._brought: WeakKeyDictionary[Association, set[StudyInstanceUID]] = WeakKeyDictionary()
        self._ae = _entity(settings, [peer.aet for peer in peers if peer.may_store])
        self._server: ThreadedAssociationServer | None = None

    def start(self) -> None:
        """Listen; returns at once.

        Raises
        ------
        SettingsError
            When the address cannot be listened on.
        """
        try:
            self._server = self._ae.start_server(
                (self._settings.host, self._settings.port),
                block=False,
                evt_handlers=[
                    (evt.EVT_C_STORE, self._on_store),
                    (evt.EVT_RELEASED, self._on_released),
                    (evt.EVT_REJECTED, _on_rejected),
                    (evt.EVT_ABORTED, _on_aborted),
                    (evt.EVT_DIMSE_RECV, _on_message),
                ],
            )
        except OSError as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise SettingsError(f"dicom.host, dicom.port: cannot listen on {where}: {error.strerror}") from error

    @property
    def port(self) -> int:
        """The port we listen on: of interest where the settings say 0."""
        return int(self._server.server_address[1]) if self._server else self._settings.port

    def stop(self) -> None:
        """Abort what is open and stop listening; an instance being admitted at this moment is finished first."""
        if self._server is None:
            return
        open_associations = self._server.active_associations
        self._ae.shutdown()
        self._server = None
        for association in open_associations:
            association.join(_STOP_SECONDS)

    def _on_store(self, event: evt.Event) -> int | Dataset:
        try:
            study = self._admit(_received(event))
        except ReceiveError as refusal:
            logger.warning("C-STORE refused with %04X: %s", refusal.status, refusal)
            return _answer(refusal.status, str(refusal))
        except Exception as error:  # noqa: BLE001 - the last border: whatever went wrong, the sender must keep its copy
            # The text of an unforeseen error may quote the data; its kind and its place may not.
            place = "".join(traceback.format_tb(error.__traceback__))
            logger.error("C-STORE failed unforeseen: %s\n%s", type(error).__name__, place)
            return _answer(OutOfResources.status, "internal error, see the log of the receiver")
        self._brought.setdefault(event.assoc, set()).add(study)
        return _SUCCESS

    def _on_released(self, event: evt.Event) -> None:
        studies = self._brought.pop(event.assoc, None)
        if not studies:
            return
        try:
            self._released(AETitle(event.assoc.requestor.ae_title), frozenset(studies))
        except Exception as error:  # noqa: BLE001 - the last border: a lost hint costs time, and pynetdicom would hide it
            logger.warning("a release was not noted, quiet time must do: %s", type(error).__name__)


def _entity(settings: DicomSettings, allowed: list[str]) -> ApplicationEntity:
    ae = application_entity(AETitle(settings.aet))
    ae.supported_contexts = accepted()
    ae.require_called_aet = True
    if not settings.accept_unknown_peers:
        # An empty list means "anybody" to pynetdicom; a title that nobody can know means nobody.
        ae.require_calling_aet = allowed or [secrets.token_hex(8)]
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
        data_set=data_set.getvalue(),
        calling_aet=AETitle(event.assoc.requestor.ae_title),
    )


def _answer(status: int, comment: str) -> Dataset:
    answer = Dataset()
    answer.Status = status
    answer.ErrorComment = comment[:_LONGEST_COMMENT]
    return answer
