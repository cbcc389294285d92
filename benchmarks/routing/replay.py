"""How soon does the technologist see the advice? Phantom exams sent as scanners send them, and the page watched.

    python -m benchmarks.routing.replay [--exams 200] [--scanners 2] [--every 10] [--no-load]

A fresh node on SQLite with its web pages; liver exams come in and are worked on meanwhile. Of each exam the time is
taken from the C-STORE response to the last image of T1 and T2 until the page's stream says the advice. Pauses between
series are seconds instead of minutes; what is in them for the node is the same. Exams of one scanner begin ``--every``
seconds: scanners need minutes, so that anything under 60 is more than a hospital sends.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.routing.exams import Written, again, write
from dicomnode.advice_settings import AdviceSettings, WebSettings
from dicomnode.demo.phantom import Exam, write_liver_exam
from dicomnode.dimse import scu
from dicomnode.node import Node
from dicomnode.settings import CompletenessSettings, DicomSettings, NodeSettings, PeerSettings, PluginSettings, Settings
from dicomnode.web.application import Sources
from dicomnode.web.server import serving

MANNERS = {"series": 0.70, "interleaved": 0.10, "stalled": 0.08, "incomplete": 0.07, "contrast first": 0.05}
PATIENTS = 12
_ARTICLE = re.compile(r'<article.*?data-kind="(\w*)".*?<p class="label">([^<\s]+)', re.DOTALL)


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
            now = time.monotonic()
            for kind, label in _ARTICLE.findall("".join(lines)):
                if kind:
                    self.seen.setdefault(label, (kind, now))
            lines.clear()


@dataclass
class Scanner:
    """Sends exams, and remembers when the last needed image was acknowledged."""

    peer: PeerSettings
    every: float = 10.0
    acknowledged: dict[str, float] = field(default_factory=dict)

    def send(self, made: Written, manner: str, chance: random.Random) -> None:
        begun = time.monotonic()
        self._series(made, manner, chance)
        time.sleep(max(0.0, begun + self.every * chance.uniform(0.8, 1.2) - time.monotonic()))

    def _series(self, made: Written, manner: str, chance: random.Random) -> None:
        t1, t2 = made.series["t1"], made.series["t2"]
        pause = chance.uniform(0.5, 2.0)
        if manner == "contrast first":
            self._store(made.series["t1c"])
        if manner == "interleaved":
            self._store([path for pair in zip(t1, t2, strict=True) for path in pair])
        else:
            self._store(t1)
            time.sleep(pause)
            if manner == "stalled":
                self._store(t2[: len(t2) // 2])
                time.sleep(5.0)
                self._store(t2[len(t2) // 2 :])
            else:
                self._store(t2[:-4] if manner == "incomplete" else t2)

    def _store(self, files: Sequence[Path]) -> None:
        outgoing = [scu.outgoing(path) for path in files]
        accession = files[0].name.partition("-")[0]
        for sent in scu.send(self.peer, DicomSettings(aet="SCANNER"), outgoing):
            if sent.status != 0:
                raise SystemExit(f"not taken: {sent.text}")
            self.acknowledged[f"R{int(accession):05}"] = time.monotonic()


def _settings(folder: Path) -> Settings:
    assumed = {"assume_follow_up": True, "assume_no_demand": True}
    return Settings(
        node=NodeSettings(data=folder / "var"),
        dicom=DicomSettings(host="127.0.0.1", port=0),
        completeness=CompletenessSettings(missing_wait=20.0),
        advice=AdviceSettings(label=("AccessionNumber",)),
        web=WebSettings(enabled=True, port=0),
        peers=(PeerSettings(name="scanner", aet="SCANNER", may_store=True),),
        plugins={"contrast_routing": PluginSettings(parameters=assumed)},
    )


def _livers(folder: Path, peer: PeerSettings, stop: threading.Event) -> None:
    """Other exams, one after another, until it is over."""
    seed = 0
    while not stop.is_set():
        seed += 1
        write_liver_exam(folder / str(seed), Exam(seed=seed, shape=(24, 192, 192)))
        files = [scu.outgoing(path) for path in sorted((folder / str(seed)).glob("*.dcm"))]
        for _ in scu.send(peer, DicomSettings(aet="SCANNER"), files):
            if stop.is_set():
                break
        stop.wait(2.0)


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exams", type=int, default=200)
    parser.add_argument("--scanners", type=int, default=2)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--no-load", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    chance = random.Random(7)
    with TemporaryDirectory(prefix="dicomnode-bench-") as name:
        folder = Path(name)
        first = [write(folder / "first", n) for n in range(min(PATIENTS, given.exams))]
        exams = [again(first[n % len(first)], folder / "exams", 1000 + n) for n in range(given.exams)]
        manners = chance.choices(list(MANNERS), list(MANNERS.values()), k=given.exams)
        node = Node(_settings(folder))
        node.start()
        with serving(WebSettings(port=0), Sources(board=node.advice, check=node.check)) as port:
            page, stop = Page(port=port), threading.Event()
            threading.Thread(target=page.watch, daemon=True).start()
            peer = PeerSettings(name="node", aet="DICOMNODE", port=node.port)
            scanner = Scanner(peer=peer, every=given.every)
            load = threading.Thread(target=_livers, args=(folder / "livers", peer, stop))
            if not given.no_load:
                load.start()
            with ThreadPoolExecutor(given.scanners) as scanners:
                work = zip(exams, manners, strict=True)
                jobs = [scanners.submit(scanner.send, e, m, random.Random(n)) for n, (e, m) in enumerate(work)]
            for job in jobs:
                job.result()
            stated = _advised(node, given.exams, 180)
            stop.set()
            if load.is_alive():
                load.join()
        node.stop()
    report(exams, manners, stated, page.seen, scanner.acknowledged, given.out)


def report(
    exams: Sequence[Written],
    manners: Sequence[str],
    stated: dict[str, tuple[str, float]],
    seen: dict[str, tuple[str, float]],
    acknowledged: dict[str, float],
    out: Path | None,
) -> None:
    """Print what came of it, and keep every latency where it is asked for."""
    late = [one for one, (_, left) in stated.items() if left < 0]
    print(f"{len(exams)} exams, {len(stated)} ended in one stated advice, {len(late)} of them after their deadline")
    for manner in MANNERS:
        those = [stated.get(e.accession, ("none", 0.0))[0] for e, m in zip(exams, manners, strict=True) if m == manner]
        print(f"  {manner:14} {len(those):4}  {dict(Counter(those))}")
    needed = {e.accession for e, m in zip(exams, manners, strict=True) if m in ("series", "interleaved", "stalled")}
    waits = np.array([seen[one][1] - acknowledged[one] for one in needed if one in seen])
    if not len(waits):
        return
    p50, p95, p99 = np.quantile(waits, (0.5, 0.95, 0.99))
    print(
        f"last needed C-STORE response to the page, {len(waits)} exams: p50 {p50:.2f} s, p95 {p95:.2f}, p99 {p99:.2f}"
    )
    if out is not None:
        out.write_text(json.dumps({"seconds": sorted(waits.tolist())}))


if __name__ == "__main__":
    main()
