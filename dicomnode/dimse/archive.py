"""A peer as an archive of earlier studies: asked by C-FIND, read by C-GET or, where it prefers that, by C-MOVE."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from dicomnode.dimse import query
from dicomnode.dimse.query import Keys, Level, Limits, Match
from dicomnode.dimse.storing import Answer
from dicomnode.domain.identity import SOPClassUID
from dicomnode.domain.instance import Received
from dicomnode.settings import DicomSettings, PeerSettings

IMAGE_CLASSES: Final = tuple(
    SOPClassUID(uid)
    for uid in (
        "1.2.840.10008.5.1.4.1.1.4",  # MR Image
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR Image
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR Image
    )
)
"""What is fetched: nothing else can be compared."""


class DimseArchive:
    """How priors are searched and fetched.

    Parameters
    ----------
    local : DicomSettings
        Who asks, and to whom a C-MOVE brings them.
    take : callable
        Admits what a C-GET brings; the answer is that of a C-STORE.
    """

    def __init__(self, local: DicomSettings, take: Callable[[Received], Answer]) -> None:
        self._local, self._take = local, take

    def find(self, peer: PeerSettings, level: Level, keys: Keys, limits: Limits) -> Iterator[Match]:
        """Matches of a C-FIND; raises as :func:`dicomnode.dimse.query.find`."""
        return query.find(peer, self._local, level, keys, limits)

    def retrieve(self, peer: PeerSettings, keys: Keys, limits: Limits, arrived: Callable[[], int]) -> None:
        """Have these instances come in; raises as :func:`dicomnode.dimse.query.get`."""
        if peer.retrieve == "move":
            query.move(peer, self._local, "IMAGE", keys, limits, arrived=arrived)
        else:
            query.get(peer, self._local, "IMAGE", keys, IMAGE_CLASSES, self._take, limits)
