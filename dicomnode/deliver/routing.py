"""Which results go where."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.domain.task import STANDS_IN, ResultKind
from dicomnode.settings import PeerSettings

USUAL: frozenset[ResultKind] = frozenset({"SEG", "SR", "SC", "PM"})
"""What is made where nobody receives anything, to be looked at in the node."""


def routes(peers: Sequence[PeerSettings]) -> tuple[tuple[str, frozenset[str]], ...]:
    """(Name, kinds of result object) of every peer that receives something."""
    return tuple((peer.name, frozenset(peer.receives)) for peer in peers if peer.receives)


def kinds(peers: Sequence[PeerSettings]) -> frozenset[ResultKind]:
    """The kinds of result object that have to be made: all that a peer receives, and what may stand in for it."""
    received = {kind for peer in peers for kind in peer.receives}
    return frozenset(received.union(*(STANDS_IN.get(kind, ()) for kind in received))) or USUAL
