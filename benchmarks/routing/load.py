"""What else a node has to do while an advice is awaited: other exams that come in, and fusions to be made."""

from __future__ import annotations

import itertools
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.fusion import pairs
from benchmarks.routing.scanners import store
from dicomnode.demo.phantom import Exam, write_liver_exam
from dicomnode.domain.identity import digest_of
from dicomnode.settings import PeerSettings
from tests.plugins.fusion.files import write_pair

_LIVERS = 4
_UID = re.compile(rb"2\.25\.\d{20,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much of it, and the events by which it is told to begin another fusion and to end."""

    port: int
    streams: int
    """Exams that come in at the same time, without an end."""
    per_second: float
    """Images a second of each."""
    fusion_wanted: Event
    over: Event


def burden(load: Load, folder: Path) -> None:
    """Send until it is over; to be run in a process of its own."""
    os.nice(5)
    peer = PeerSettings(name="node", aet="DICOMNODE", port=load.port)
    for number in range(_LIVERS):
        write_liver_exam(folder / f"liver{number}", Exam(seed=number + 1, shape=(24, 192, 192)))
    livers = [sorted((folder / f"liver{number}").glob("*.dcm")) for number in range(_LIVERS)]
    count = itertools.count()
    duties = [threading.Thread(target=_livers, args=(load, peer, livers, count, folder)) for _ in range(load.streams)]
    duties.append(threading.Thread(target=_fusions, args=(load, peer, folder)))
    for duty in duties:
        duty.start()
    for duty in duties:
        duty.join()


def _livers(
    load: Load, peer: PeerSettings, livers: Sequence[Sequence[Path]], count: itertools.count[int], folder: Path
) -> None:
    for number in count:
        files = [_renamed(path, number, folder) for path in livers[number % len(livers)]]
        store(peer, files, load.per_second, load.over.is_set)
        for path in files:
            path.unlink()
        if load.over.is_set():
            return


def _renamed(path: Path, number: int, folder: Path) -> Path:
    """The same image as one of another exam: every UID made from a UUID is another of the same length."""

    def other(found: re.Match[bytes]) -> bytes:
        digits = str(int(digest_of([found[0].decode(), str(number)]), 16))
        return b"2.25." + digits[: len(found[0]) - 5].encode()

    fresh = folder / f"{number}-{path.name}"
    fresh.write_bytes(_UID.sub(other, path.read_bytes()))
    return fresh


def _fusions(load: Load, peer: PeerSettings, folder: Path) -> None:
    pair = pairs.make("philips", 2, degrees=10, millimetres=15)
    for number in itertools.count(1):
        files = write_pair(folder / "pair", pair, "Philips Medical Systems", number)
        while not load.fusion_wanted.wait(0.5):
            if load.over.is_set():
                return
        load.fusion_wanted.clear()
        store(peer, files, 50.0, load.over.is_set)
        if load.over.is_set():
            return
