"""What can be asked of a destination: to store, to commit itself, to say what it has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from dicomnode.deliver.pace import Pace
from dicomnode.dimse import commitment, presence, scu
from dicomnode.dimse.normalized import Request
from dicomnode.domain.delivery import Answer, Reference
from dicomnode.domain.identity import AETitle, SOPInstanceUID
from dicomnode.errors import Refused
from dicomnode.settings import PeerSettings

UNREADABLE = Answer(status=None, text="its file is gone or damaged")
_NOT_TAKEN = 0x0122


class Destination(Protocol):
    """A peer that results go to. Every method raises Unreachable when it cannot be asked at present."""

    def store(self, peer: PeerSettings, files: Sequence[Path]) -> Iterator[Answer]:
        """Send files; one answer for each, in their order."""

    def commit(
        self, peer: PeerSettings, transaction_uid: str, references: Sequence[Reference], take: Callable[[Request], None]
    ) -> None:
        """Ask for storage commitment; raises Refused where none is given."""

    def look_for(self, peer: PeerSettings, files: Sequence[Path]) -> Collection[SOPInstanceUID]:
        """Which of these instances it has; raises Refused where it does not say."""


class DimseDestination:
    """A peer that speaks DIMSE.

    Parameters
    ----------
    calling_aet : AETitle
        Our title.
    report_wait : float
        Seconds to wait for a commitment report on the association that asks for it.
    """

    def __init__(self, calling_aet: AETitle, report_wait: float) -> None:
        self._calling_aet = calling_aet
        self._report_wait = report_wait

    def store(self, peer: PeerSettings, files: Sequence[Path]) -> Iterator[Answer]:
        """Send files by C-STORE. One that cannot be read keeps none of the others back."""
        outgoing = [_readable(file) for file in files]
        answers = scu.send(peer, self._calling_aet, [file for file in outgoing if file is not None])
        pace = Pace(peer.megabytes_per_second * 1e6)
        for file in outgoing:
            if file is None:
                yield UNREADABLE
            else:
                sent = next(answers)
                yield Answer(status=_NOT_TAKEN if sent.status is None else sent.status, text=sent.text)
                pace.sent(file.path.stat().st_size)
        for _ in answers:  # the end of the iteration is the release of the association
            pass

    def commit(
        self, peer: PeerSettings, transaction_uid: str, references: Sequence[Reference], take: Callable[[Request], None]
    ) -> None:
        """Ask for storage commitment by N-ACTION."""
        commitment.ask(peer, self._calling_aet, transaction_uid, references, take, wait=self._report_wait)

    def look_for(self, peer: PeerSettings, files: Sequence[Path]) -> Collection[SOPInstanceUID]:
        """Ask by C-FIND for the series these instances are in."""
        return presence.look_for(peer, self._calling_aet, files)


def _readable(file: Path) -> scu.Outgoing | None:
    try:
        return scu.outgoing(file)
    except (OSError, Refused):
        return None
