"""How soon does the technologist see the advice? Phantom exams sent as scanners send them, and the page watched.

    python -m benchmarks.routing.replay [--exams 200] [--scanners 4] [--every 10] [--no-load] [--out FOLDER]

A fresh node on SQLite with its web pages. Meanwhile four other exams come in at any time, 8 images a second each, and
fusions are made one after another, unless ``--no-load``. Scanners and load are processes of their own. Of each exam the
time is taken from the C-STORE response to the last image of T1 and T2 until the page's stream says the advice. Pauses
between series are seconds instead of minutes; what is in them for the node is the same. Exams of one scanner begin
``--every`` seconds: scanners need minutes, so that anything under 60 is more than a hospital sends. 200 exams of 4
scanners take some 9 minutes. ``--out`` keeps the moments of every exam, and their picture.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import random
import re
import resource
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sqlalchemy import select

from benchmarks.routing import stages
from benchmarks.routing.exams import Written, again, write
from benchmarks.routing.load import Load, burden
from benchmarks.routing.scanners import MANNERS, WHOLE, Room, send_all
from dicomnode.advice_settings import AdviceSettings, WebSettings
from dicomnode.index.schema import TaskRow
from dicomnode.node import Node
from dicomnode.settings import CompletenessSettings, DicomSettings, NodeSettings, PeerSettings, PluginSettings, Settings
from dicomnode.web.application import Sources
from dicomnode.web.server import serving

PATIENTS = 12
_ARTICLE = re.compile(r'<article.*?data-kind="(\w*)".*?<p class="label">([^<\s]+)', re.DOTALL)
_PROCESSES = multiprocessing.get_context("spawn")


@dataclass
class Page:
    """The page's stream: when each exam's advice was first said."""

    port: int
    seen: dict[str, tuple[str, float]] = field(default_factory=dict)

    def watch(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("GET", "/console/events")
        stream, lines = connection.getresponse(), list[str]()
        while line := stream.readline().decode():
            if line != "\n":
                lines.append(line.removeprefix("data: "))
                continue
            now = time.time()
            for kind, label in _ARTICLE.findall("".join(lines)):
                if kind:
                    self.seen.setdefault(label, (kind, now))
            lines.clear()


def _settings(folder: Path) -> Settings:
    assumed = {"assume_follow_up": True, "assume_no_demand": True}
    return Settings(
        node=NodeSettings(data=folder / "var"),
        dicom=DicomSettings(host="127.0.0.1", port=0),
        completeness=CompletenessSettings(missing_wait=20.0),
        advice=AdviceSettings(label=("AccessionNumber",)),
        web=WebSettings(enabled=True, port=0),
        peers=(PeerSettings(name="scanner", aet="SCANNER", may_store=True),),
        plugins={
            "contrast_routing": PluginSettings(parameters=assumed),
            "fat_fraction": PluginSettings(enabled=False),  # the other exams only come in
        },
    )


def _fusions(node: Node) -> list[tuple[datetime | None, datetime | None]]:
    """When each fusion was begun and ended."""
    with node.look() as session:
        found = session.execute(select(TaskRow.started, TaskRow.ended).where(TaskRow.plugin == "fusion"))
        return [(started, ended) for started, ended in found]


@contextmanager
def _burdened(node: Node, folder: Path, *, wanted: bool) -> Iterator[None]:
    """Other exams and fusions: three are under way at any time, one running and others that come in or wait."""
    if not wanted:
        yield
        return
    fusion_wanted, over = _PROCESSES.Event(), _PROCESSES.Event()
    load = Load(port=node.port, streams=4, per_second=8.0, fusion_wanted=fusion_wanted, over=over)
    process = _PROCESSES.Process(target=burden, args=(load, folder))
    process.start()

    def feed() -> None:
        asked = 0
        while not over.wait(1.0):
            if asked < sum(ended is not None for _, ended in _fusions(node)) + 3 and not fusion_wanted.is_set():
                asked += 1
                fusion_wanted.set()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        over.set()
        feeder.join()
        process.join()


def _advised(node: Node, wanted: int, seconds: float) -> dict[str, tuple[str, float]]:
    """What the board says of every exam once all are advised: the advice, and seconds until its deadline."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        stated = {
            one.label[0]: (f"{one.kind.value} {one.reason}", (one.deadline - one.stated).total_seconds())
            for one in node.advice.shown()
            if one.kind and one.stated and one.label and one.label[0].startswith("R")
        }
        if len(stated) >= wanted:
            return stated
        time.sleep(0.2)
    return stated


def _exams(folder: Path, count: int, manners: Sequence[str]) -> list[Written]:
    """The files of as many exams, of a few patients; with contrast only where a scanner sends it."""
    first = [write(folder / "first", n) for n in range(min(PATIENTS, count))]
    without = [{name: paths for name, paths in made.series.items() if name != "t1c"} for made in first]
    exams = []
    for n, manner in enumerate(manners):
        patient = first[n % len(first)]
        series = patient.series if manner == "contrast first" else without[n % len(first)]
        exams.append(again(patient, folder / "exams", 1000 + n, series))
    return exams


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exams", type=int, default=200)
    parser.add_argument("--scanners", type=int, default=4)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--no-load", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    chance = random.Random(7)
    manners = chance.choices(list(MANNERS), list(MANNERS.values()), k=given.exams)
    with TemporaryDirectory(prefix="dicomnode-bench-") as name, stages.calls() as called:
        folder = Path(name)
        exams = _exams(folder, given.exams, manners)
        node = Node(_settings(folder))
        node.start()
        begun = time.time()
        with serving(WebSettings(port=0), Sources(board=node.advice, check=node.check)) as port:
            page = Page(port=port)
            threading.Thread(target=page.watch, daemon=True).start()
            answers = _PROCESSES.SimpleQueue()
            room = Room(port=node.port, scanners=given.scanners, every=given.every)
            with _burdened(node, folder / "load", wanted=not given.no_load):
                scanners = _PROCESSES.Process(target=send_all, args=(room, exams, manners, answers))
                scanners.start()
                acknowledged = answers.get()
                scanners.join()
                stated = _advised(node, given.exams, 180)
            seconds = time.time() - begun
        with node.look() as session:
            rows = stages.rows(session, acknowledged, page.seen, called)
        fusions = _fusions(node)
        node.stop()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        f"{seconds:.0f} s; CPU s of node and page {used[0].ru_utime + used[0].ru_stime:.0f}, of all other processes "
        f"{used[1].ru_utime + used[1].ru_stime:.0f}"
    )
    report(exams, manners, stated, rows)
    if fusions:
        busy = sum((ended - started).total_seconds() for started, ended in fusions if started and ended)
        done = sum(ended is not None for _, ended in fusions)
        print(f"{done} fusions were made meanwhile; one was running {min(1.0, busy / seconds):.0%} of the time")
    if given.out is not None:
        given.out.mkdir(parents=True, exist_ok=True)
        (given.out / "routing-latency.json").write_text(json.dumps(rows))
        stages.draw([row for row in rows if row["exam"] in _needed(exams, manners)], given.out / "routing-latency.png")


def _needed(exams: Sequence[Written], manners: Sequence[str]) -> set[str]:
    return {e.accession for e, m in zip(exams, manners, strict=True) if m in WHOLE}


def report(
    exams: Sequence[Written], manners: Sequence[str], stated: dict[str, tuple[str, float]], rows: Sequence[stages.Row]
) -> None:
    """Print what came of it."""
    late = [one for one, (_, left) in stated.items() if left < 0]
    print(f"{len(exams)} exams, {len(stated)} ended in one stated advice, {len(late)} of them after their deadline")
    for manner in MANNERS:
        those = [stated.get(e.accession, ("none", 0.0))[0] for e, m in zip(exams, manners, strict=True) if m == manner]
        print(f"  {manner:14} {len(those):4}  {dict(Counter(one.partition(' ')[0] for one in those))}")
    needed = _needed(exams, manners)
    kept = [row for row in rows if row["exam"] in needed]
    if not kept:
        return
    p50, p95, p99 = np.quantile(stages.whole(kept), tuple(stages.TARGETS))
    print(
        f"last needed C-STORE response to the page, {len(kept)} exams of {len(needed)}: "
        f"p50 {p50:.2f} s, p95 {p95:.2f}, p99 {p99:.2f}"
    )
    for line in stages.table(kept):
        print(line)


if __name__ == "__main__":
    main()
