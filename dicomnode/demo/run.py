"""The demonstration: a synthetic exam goes through a real node to a stand-in PACS, and comes back measured."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dicomnode.demo import contact_sheet, results
from dicomnode.demo.pacs import AET, StandInPACS
from dicomnode.demo.phantom import Exam, Truth, write_liver_exam
from dicomnode.dimse import scu
from dicomnode.errors import DicomnodeError
from dicomnode.index import views
from dicomnode.node import Node
from dicomnode.settings import CompletenessSettings, DicomSettings, NodeSettings, PeerSettings, Settings

_MODALITY = DicomSettings(aet="MODALITY")
_PATIENCE_S = 120.0
_LOOK_S = 0.1


class DemoFailed(DicomnodeError):
    """The demonstration did not end with the results it should have."""


def run(output: Path) -> None:
    """Show the whole walk: C-STORE in, plugin, DICOM objects out, read back and compared.

    Parameters
    ----------
    output : Path
        Receives the objects that came back and ``contact-sheet.png``.

    Raises
    ------
    DemoFailed
        With what the node says about the exam.
    """
    console = Console()
    console.print(
        "[bold]dicomnode demo[/bold]: a synthetic liver exam, a node on SQLite, a stand-in PACS. No patient.\n"
    )
    with TemporaryDirectory(prefix="dicomnode-demo-") as scratch, _columns(console) as progress:
        folder = Path(scratch)
        truth = write_liver_exam(folder / "exam", Exam())
        with _pacs(output / "objects") as pacs_port, _node(folder / "var", pacs_port) as node:
            sent = _send(folder / "exam", node.port, progress)
            study = _wait(node, progress)
            rows = _objects(node, study)
    came_back = results.read(output / "objects")
    console.print(_object_table(rows))
    console.print(_comparison_table(truth, came_back.volume()))
    sheet = output / "contact-sheet.png"
    pictures = contact_sheet.lay_out(came_back)
    contact_sheet.write(sheet, pictures, title="dicomnode demo: synthetic phantom, not a patient")
    console.print(f"\n{sent} images in, {len(rows)} objects back in [bold]{output / 'objects'}[/bold]")
    console.print(f"pictures: [bold]{sheet}[/bold]")


def _columns(console: Console) -> Progress:
    text = TextColumn("{task.description:<34}")
    return Progress(text, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)


@contextmanager
def _pacs(folder: Path) -> Iterator[int]:
    for old in folder.glob("*.dcm"):
        old.unlink()
    pacs = StandInPACS(folder)
    yield pacs.start()
    pacs.stop()


@contextmanager
def _node(data: Path, pacs_port: int) -> Iterator[Node]:
    pacs = PeerSettings(name="pacs", aet=AET, port=pacs_port, receives=("SEG", "SR", "SC", "PM"))
    modality = PeerSettings(name="modality", aet=_MODALITY.aet, may_store=True)
    node = Node(
        Settings(
            node=NodeSettings(data=data),
            dicom=DicomSettings(host="127.0.0.1", port=0),
            completeness=CompletenessSettings(series_quiet=1.0),
            peers=(pacs, modality),
        )
    )
    node.start()
    try:
        yield node
    finally:
        node.stop()


def _send(exam: Path, port: int, progress: Progress) -> int:
    files = [scu.outgoing(path) for path in sorted(exam.glob("*.dcm"))]
    node = PeerSettings(name="node", aet="DICOMNODE", port=port)
    bar = progress.add_task("C-STORE to the node", total=len(files))
    for sent in scu.send(node, _MODALITY, files):
        if sent.status != 0:
            raise DemoFailed(f"the node did not take an image: {sent.text}")
        progress.advance(bar)
    return len(files)


def _wait(node: Node, progress: Progress) -> str:
    """Show where the exam stands until its results are delivered; returns its Study Instance UID."""
    bar = progress.add_task("waiting for the exam to be complete", total=None)
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with node.look() as session:
            (study,) = views.studies(session)
            uid = str(study["study_instance_uid"])
            tasks, series = views.tasks(session, uid), views.series(session, uid)
        if ended := [entry for entry in series if entry["outcome"] in ("failed", "not applicable", "held", "refused")]:
            raise DemoFailed(f"the exam ended without results: {ended[0]['outcome']}: {ended[0]['reason']}")
        for task in tasks:
            counts = task["deliveries"].get("pacs", {})
            total, done = sum(counts.values()), counts.get("delivered", 0)
            what = "delivering to the stand-in PACS" if total else f"{task['plugin']}: {task['state']}"
            progress.update(bar, description=what, total=total or None, completed=done)
            if total and done == total:
                return uid
        time.sleep(_LOOK_S)
    raise DemoFailed(f"no results within {_PATIENCE_S:g} s")


def _objects(node: Node, study: str) -> list[views.Record]:
    with node.look() as session:
        return views.objects(session, study)


def _object_table(rows: list[views.Record]) -> Table:
    table = Table(title="What came back", title_justify="left", box=None, pad_edge=False)
    for heading in ("Kind", "Objects", "Description", "State"):
        table.add_column(heading)
    for kind in sorted({row["kind"] for row in rows}):
        same = [row for row in rows if row["kind"] == kind]
        states = ", ".join(sorted({row["state"] for row in same}))
        table.add_row(kind, str(len(same)), same[0]["description"], states)
    return table


def _comparison_table(truth: Truth, percent: npt.NDArray[np.float32]) -> Table:
    """Median of the returned map in every region against what a perfect measurement reads."""
    table = Table(title="\nFat fraction, %", title_justify="left", box=None, pad_edge=False)
    table.add_column("Region")
    for heading in ("True", "Measured", "Error"):
        table.add_column(heading, justify="right")
    for region in truth.regions:
        true, measured = region.fat_fraction, region.measured(percent)
        table.add_row(region.name, f"{true:.1f}", f"{measured:.1f}", f"{measured - true:+.1f}")
    return table
