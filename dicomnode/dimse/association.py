"""Open an association with a peer and close it again, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from dicomnode.dimse import tls
from dicomnode.dimse.library import application_entity
from dicomnode.domain.identity import AETitle
from dicomnode.errors import NothingAccepted, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings

_REJECTED: Final = (1, 2)
"""Permanently, for now (PS3.8 9.3.4)."""


@contextmanager
def opened(
    peer: PeerSettings,
    local: DicomSettings,
    contexts: list[PresentationContext],
    timeout: float,
    *,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[evt.EventHandlerType] = (),
) -> Iterator[Association]:
    """An association with a peer: released at the end, aborted when the block raises.

    Parameters
    ----------
    local : DicomSettings
        Who we are: our AE title, and our certificate where the peer wants TLS.
    contexts : list of PresentationContext
        What is proposed; the peer accepts at least one of them.
    timeout : float
        Seconds for the connection, and for each answer.
    roles : sequence of SCP_SCU_RoleSelectionNegotiation
        Classes in which we take the provider's part (PS3.7 D.3.3.4).
    handlers : sequence of (event, function)
        What the provider's part, or a watcher, does.

    Raises
    ------
    Unreachable
        When no association comes about.
    NothingAccepted
        When one would, but the peer takes nothing of what is proposed.
    """
    ae = application_entity(AETitle(local.aet))
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = timeout
    connected: list[evt.Event] = []
    context = tls.context_for(peer, local)
    try:
        association = ae.associate(
            peer.host,
            peer.port,
            contexts=contexts,
            ae_title=peer.aet,
            ext_neg=list(roles),
            evt_handlers=[(evt.EVT_CONN_OPEN, connected.append), *handlers],
            tls_args=(context, peer.host) if context else None,
        )
    except OSError as error:
        raise Unreachable(f"the address of {peer.name} is not known: {error.strerror}") from error
    if not association.is_established:
        if association.acceptor.primitive is not None and not association.is_rejected:
            raise NothingAccepted(f"{peer.name} accepted none of the presentation contexts")
        raise Unreachable(_why_not(association, peer, context, connected=bool(connected)))
    try:
        yield association
    except BaseException:
        association.abort()
        raise
    association.release()


def _why_not(
    association: Association, peer: PeerSettings, context: tls.ClientContext | None, *, connected: bool
) -> str:
    if not connected and not (context and context.failure):
        return f"{peer.name} does not answer at {peer.host}:{peer.port}"
    # pynetdicom takes an association that is rejected before it looks for one that never connected
    answer = association.acceptor.primitive or association.dul.peek_next_pdu()
    if isinstance(answer, A_ASSOCIATE) and answer.result in _REJECTED:
        return f"{peer.name} rejected the association: {answer.result_str}, {answer.reason_str}"
    return tls.blamed(peer, context, f"{peer.name} aborted the association or did not answer in time")
