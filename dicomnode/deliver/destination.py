"""What can be asked of a destination: to store, to commit itself, to say what it has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from dicomnode.deliver.pace import Pace
from dicomnode.deliver.wording import choose
from dicomnode.dicom.recoding import written_in
from dicomnode.dicomweb.client import Client
from dicomnode.dimse import commitment, presence, scu
from dicomnode.dimse.normalized import Request
from dicomnode.domain.delivery import Answer, Reference
from dicomnode.domain.identity import SOPInstanceUID
from dicomnode.errors import Refused
from dicomnode.settings import DicomSettings, PeerSettings

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
    local : DicomSettings
        Who we are.
    report_wait : float
        Seconds to wait for a commitment report on the association that asks for it.
    """

    def __init__(self, local: DicomSettings, report_wait: float) -> None:
        self._local = local
        self._report_wait = report_wait

    def store(self, peer: PeerSettings, files: Sequence[Path]) -> Iterator[Answer]:
        """Send files by C-STORE. One that cannot be read or worded keeps none of the others back."""
        ready = [_ready(peer, file) for file in files]
        answers = scu.send(peer, self._local, [each[0] for each in ready if not isinstance(each, Answer)])
        pace = Pace(peer.megabytes_per_second * 1e6)
        for each in ready:
            if isinstance(each, Answer):
                yield each
            else:
                (outgoing, remark), sent = each, next(answers)
                yield Answer(status=_NOT_TAKEN if sent.status is None else sent.status, text=sent.text, remark=remark)
                pace.sent(outgoing.path.stat().st_size)
        for _ in answers:  # the end of the iteration is the release of the association
            pass

    def commit(
        self, peer: PeerSettings, transaction_uid: str, references: Sequence[Reference], take: Callable[[Request], None]
    ) -> None:
        """Ask for storage commitment by N-ACTION."""
        commitment.ask(peer, self._local, transaction_uid, references, take, wait=self._report_wait)

    def look_for(self, peer: PeerSettings, files: Sequence[Path]) -> Collection[SOPInstanceUID]:
        """Ask by C-FIND for the series these instances are in."""
        return presence.look_for(peer, self._local, files)


def _ready(peer: PeerSettings, file: Path) -> tuple[scu.Outgoing, str] | Answer:
    """How a file goes to a peer and what a person should know of that; an answer where it does not go."""
    try:
        outgoing = scu.outgoing(file)
    except (OSError, Refused):
        return UNREADABLE
    try:
        wording = choose(file, peer.character_sets)
    except Refused as error:
        return Answer(status=None, text=str(error))
    return replace(outgoing, character_set=wording.character_set), wording.remark


def _opened(file: scu.Outgoing) -> BinaryIO:
    return BytesIO(written_in(file.path, file.character_set)) if file.character_set else file.path.open("rb")


class WebDestination:
    """A peer that speaks DICOMweb: STOW-RS to store, QIDO-RS to find."""

    def store(self, peer: PeerSettings, files: Sequence[Path]) -> Iterator[Answer]:
        """Send files by STOW-RS, each in a request of its own."""
        pace = Pace(peer.megabytes_per_second * 1e6)
        with _client(peer) as client:
            for file in files:
                ready = _ready(peer, file)
                if isinstance(ready, Answer):
                    yield ready
                else:
                    outgoing, remark = ready
                    with _opened(outgoing) as content:
                        status, text = client.store(content)
                    yield Answer(status=status, text=text, remark=remark)
                    pace.sent(file.stat().st_size)

    def commit(
        self,
        _peer: PeerSettings,
        _transaction_uid: str,
        _references: Sequence[Reference],
        _take: Callable[[Request], None],
    ) -> None:
        """Refuse: queries decide."""
        raise Refused("DICOMweb knows no storage commitment")

    def look_for(self, peer: PeerSettings, files: Sequence[Path]) -> Collection[SOPInstanceUID]:
        """Ask by QIDO-RS for the series these instances are in."""
        with _client(peer) as client:
            return {
                uid
                for (study, series), wanted in presence.places(files).items()
                for uid in wanted & client.instances(study, series)
            }


class Destinations:
    """Each peer by the protocol it speaks."""

    def __init__(self, dimse: Destination, web: Destination) -> None:
        self._dimse, self._web = dimse, web

    def store(self, peer: PeerSettings, files: Sequence[Path]) -> Iterator[Answer]:
        """Send files; one answer for each, in their order."""
        return self._of(peer).store(peer, files)

    def commit(
        self, peer: PeerSettings, transaction_uid: str, references: Sequence[Reference], take: Callable[[Request], None]
    ) -> None:
        """Ask for storage commitment."""
        self._of(peer).commit(peer, transaction_uid, references, take)

    def look_for(self, peer: PeerSettings, files: Sequence[Path]) -> Collection[SOPInstanceUID]:
        """Which of these instances it has."""
        return self._of(peer).look_for(peer, files)

    def _of(self, peer: PeerSettings) -> Destination:
        return self._web if peer.url else self._dimse


def _client(peer: PeerSettings) -> Client:
    return Client(peer.url, peer.authorization.get_secret_value())
