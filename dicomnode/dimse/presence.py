"""Which instances a peer has, by C-FIND at IMAGE level: one query for each series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pydicom import dcmread

from dicomnode.dimse import query
from dicomnode.domain.identity import SOPInstanceUID
from dicomnode.errors import LimitExceeded, NothingAccepted, Refused, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings

_PLACE: Final = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
_SPARE: Final = 1000
"""Matches a series may have beyond those we ask about."""


def look_for(
    peer: PeerSettings, local: DicomSettings, files: Sequence[Path], timeout: float = 60.0
) -> frozenset[SOPInstanceUID]:
    """Those of these files' instances that the peer has.

    A query for the whole series is what every archive understands; lists of UIDs are not.

    Raises
    ------
    Refused
        When the peer gives no answers to queries.
    Unreachable
        When it cannot be asked, or does not answer to the end.
    """
    found: set[SOPInstanceUID] = set()
    for (study, series), instances in places(files).items():
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series, "SOPInstanceUID": ""}
        limits = query.Limits(number=len(instances) + _SPARE, seconds=timeout)
        try:
            for match in query.find(peer, local, "IMAGE", keys, limits):
                found |= instances & {SOPInstanceUID(match.get("SOPInstanceUID", ""))}
        except NothingAccepted as error:
            raise Refused("no queries are answered") from error
        except LimitExceeded as error:
            raise Unreachable(str(error)) from error
    return frozenset(found)


def places(files: Sequence[Path]) -> dict[tuple[str, str], set[SOPInstanceUID]]:
    """The instances in these files by Study and Series Instance UID."""
    found: dict[tuple[str, str], set[SOPInstanceUID]] = defaultdict(set)
    for file in files:
        header = dcmread(file, stop_before_pixels=True, specific_tags=_PLACE)
        found[str(header.StudyInstanceUID), str(header.SeriesInstanceUID)].add(SOPInstanceUID(header.SOPInstanceUID))
    return found
