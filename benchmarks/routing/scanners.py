"""Scanners that send exams as scanners do, in a process of their own: the node shares no interpreter with them."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from benchmarks.routing.exams import Written
from dicomnode.dimse import scu
from dicomnode.settings import DicomSettings, PeerSettings

MANNERS = {"series": 0.70, "interleaved": 0.10, "stalled": 0.08, "incomplete": 0.07, "contrast first": 0.05}
WHOLE = ("series", "interleaved", "stalled")
"""The manners in which all that the advice needs does come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """All scanners together: where they send to, how many there are, and seconds from one exam of each to its next."""

    port: int
    scanners: int
    every: float


def send_all(
    room: Room, exams: Sequence[Written], manners: Sequence[str], answers: SimpleQueue[dict[str, float]]
) -> None:
    """Send every exam; the answer is when the last image of each was acknowledged, seconds since 1970."""
    scanner = _Scanner(peer=PeerSettings(name="node", aet="DICOMNODE", port=room.port), every=room.every)
    with ThreadPoolExecutor(room.scanners) as threads:
        work = enumerate(zip(exams, manners, strict=True))
        jobs = [threads.submit(scanner.send, e, m, random.Random(n), n < room.scanners) for n, (e, m) in work]
    for job in jobs:
        job.result()
    answers.put(scanner.acknowledged)


def store(
    peer: PeerSettings, files: Sequence[Path], per_second: float = 0.0, over: Callable[[], bool] = lambda: False
) -> float:
    """Send files in one association, at a pace if there is one; returns when the last was acknowledged.

    Parameters
    ----------
    over : callable
        Says True when the rest need not be sent any more.

    Raises
    ------
    SystemExit
        When the node does not take one.
    """
    outgoing = [scu.outgoing(path) for path in files]
    at = 0.0
    for sent in scu.send(peer, DicomSettings(aet="SCANNER"), outgoing):
        if sent.status != 0:
            raise SystemExit(f"not taken: {sent.text}")
        at = time.time()
        if over():
            break
        if per_second:
            time.sleep(1 / per_second)
    return at


@dataclass
class _Scanner:
    peer: PeerSettings
    every: float
    acknowledged: dict[str, float] = field(default_factory=dict)

    def send(self, made: Written, manner: str, chance: random.Random, first: bool) -> None:
        """Send one exam and wait until the next is due; the first exams do not all begin at once."""
        if first:
            time.sleep(chance.uniform(0, self.every))
        begun = time.monotonic()
        self.acknowledged[made.accession] = self._series(made, manner, chance)
        time.sleep(max(0.0, begun + self.every * chance.uniform(0.8, 1.2) - time.monotonic()))

    def _series(self, made: Written, manner: str, chance: random.Random) -> float:
        t1, t2 = made.series["t1"], made.series["t2"]
        pause = chance.uniform(0.5, 2.0)
        if manner == "contrast first":
            store(self.peer, made.series["t1c"])
        if manner == "interleaved":
            return store(self.peer, [path for pair in zip(t1, t2, strict=True) for path in pair])
        store(self.peer, t1)
        time.sleep(pause)
        if manner == "stalled":
            store(self.peer, t2[: len(t2) // 2])
            time.sleep(5.0)
            return store(self.peer, t2[len(t2) // 2 :])
        return store(self.peer, t2[:-4] if manner == "incomplete" else t2)
