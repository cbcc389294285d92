"""Where the time goes: one liver exam from its first C-STORE to the last result in the PACS.

Every run uses a fresh node on SQLite at its default settings and a stand-in PACS on this machine. A small exam goes
before the one that is measured: after its start a node loads its libraries for seconds. Seconds depend on the machine;
the shares are what to compare. Last come the stages of the plugin alone, in seconds of processor time on one thread.

    python benchmarks/walk.py [--runs 5] [--slices 35]
"""

from __future__ import annotations

import argparse
import statistics
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dicomnode.demo.pacs import AET, StandInPACS
from dicomnode.demo.phantom import Exam, acquire, write_liver_exam
from dicomnode.dimse import scu
from dicomnode.index import views
from dicomnode.node import Node
from dicomnode.sdk import Case, Volume
from dicomnode.settings import DicomSettings, NodeSettings, PeerSettings, Settings
from dicomnode_plugins.fat_fraction import SPEC
from dicomnode_plugins.fat_fraction.run import run as fat_fraction

PHYSICS = {"MagneticFieldStrength": 1.5, "RepetitionTime": 150.0, "FlipAngle": 70.0}
STAGES = ("receive", "decide and start", "plugin and encoding", "delivery")


def walk(seed: int, slices: int) -> dict[str, float]:
    """Seconds of each stage of one walk."""
    with TemporaryDirectory(prefix="dicomnode-bench-") as name:
        folder = Path(name)
        write_liver_exam(folder / "small", Exam(seed=seed + 1000, shape=(12, 96, 128)))
        write_liver_exam(folder / "exam", Exam(seed=seed, shape=(slices, 256, 256)))
        pacs = StandInPACS(folder / "pacs")
        node = Node(_settings(folder, pacs.start()))
        node.start()
        try:
            _through(node, folder / "small", 1)
            return _through(node, folder / "exam", 2)
        finally:
            node.stop()
            pacs.stop()


def _through(node: Node, exam: Path, count: int) -> dict[str, float]:
    """Send an exam and wait for its results, those of the task that is the node's ``count``-th."""
    files = [scu.outgoing(path) for path in sorted(exam.glob("*.dcm"))]
    peer = PeerSettings(name="node", aet="DICOMNODE", port=node.port)
    start = time.time()
    for sent in scu.send(peer, DicomSettings(aet="MODALITY"), files):
        if sent.status != 0:
            raise SystemExit(f"not taken: {sent.text}")
    received = time.time()
    task, delivered = _wait(node, count)
    started, ended = (datetime.fromisoformat(task[key]).timestamp() for key in ("started", "ended"))
    marks = (start, received, started, ended, delivered)
    return dict(zip(STAGES, (later - earlier for earlier, later in pairwise(marks)), strict=True))


def _settings(folder: Path, port: int) -> Settings:
    return Settings(
        node=NodeSettings(data=folder / "var"),
        dicom=DicomSettings(host="127.0.0.1", port=0),
        peers=(
            PeerSettings(name="pacs", aet=AET, port=port, receives=("SEG", "SR", "SC", "PM")),
            PeerSettings(name="modality", aet="MODALITY", may_store=True),
        ),
    )


def _wait(node: Node, count: int) -> tuple[views.Record, float]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with node.look() as session:
            tasks = views.tasks(session)
        if tasks and tasks[0]["state"] == "failed":
            raise SystemExit(tasks[0]["reason"])
        if len(tasks) == count and set(tasks[0]["deliveries"].get("pacs", ())) == {"delivered"}:
            return tasks[0], time.time()
        time.sleep(0.02)
    raise SystemExit("no result within 120 s")


class Stages:
    """A context of one thread that notes the processor time at each step."""

    def __init__(self) -> None:
        self.threads = 1
        self.marks: list[tuple[float, str, float]] = []

    def progress(self, fraction: float, step: str) -> None:
        """Note a step."""
        self.marks.append((fraction, step, time.process_time()))

    def seconds(self) -> dict[str, float]:
        """Of each step, up to now."""
        marks = [*self.marks, (1.0, "", time.process_time())]
        return {step: later - earlier for (_, step, earlier), (_, _, later) in pairwise(marks)}


def plugin(seed: int, slices: int) -> dict[str, float]:
    """Processor seconds of each step of the plugin on the exam of :func:`walk`, without node or files."""
    exam = Exam(seed=seed, shape=(slices, 256, 256))
    signals, truth = acquire(exam)
    affine = np.array(truth.geometry.affine())
    opposed, in_phase = (
        Volume(array=array, affine=affine, acquisition={**PHYSICS, "EchoTime": echo})
        for array, echo in zip((signals.opposed, signals.in_phase), exam.echo_times, strict=True)
    )
    stages = Stages()
    fat_fraction(Case(volumes={"in_phase": in_phase, "opposed_phase": opposed}, parameters=SPEC.resolve({})), stages)
    return stages.seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--slices", type=int, default=35)
    options = parser.parse_args()
    runs = [walk(seed, options.slices) for seed in range(options.runs)]
    medians = {stage: statistics.median(run[stage] for run in runs) for stage in STAGES}
    total = sum(medians.values())
    print(f"{2 * options.slices} images in, {options.slices + 4} objects out, median of {options.runs} runs")
    for stage, seconds in medians.items():
        print(f"  {stage:<20} {seconds:6.2f} s  {100 * seconds / total:5.1f} %")
    after = statistics.median(sum(run[stage] for stage in STAGES[1:]) for run in runs)
    print(f"  last image to last result: {after:.2f} s")
    plugin(options.runs, 12)
    alone = [plugin(seed, options.slices) for seed in range(options.runs)]
    steps = ", ".join(f"{step} {statistics.median(run[step] for run in alone):.2f}" for step in alone[0])
    print(f"  the plugin alone, CPU seconds: {steps}")


if __name__ == "__main__":
    main()
