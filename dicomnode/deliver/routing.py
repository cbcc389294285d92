"""Which results go where."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.settings import PeerSettings


def takers(peers: Sequence[PeerSettings], kind: str) -> frozenset[str]:
    """Names of the peers that receive a kind of result object."""
    return frozenset(peer.name for peer in peers if kind in peer.receives)


def routes(peers: Sequence[PeerSettings]) -> tuple[tuple[str, frozenset[str]], ...]:
    """(Name, kinds of result object) of every peer that receives something."""
    return tuple((peer.name, frozenset(peer.receives)) for peer in peers if peer.receives)
