"""Where the time goes between the last needed image and the page: each exam's moments, stage by stage, and a picture.

python -m benchmarks.routing.stages ROWS.json PICTURE.png     draws the rows that a replay has kept
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from dicomnode.execute.workers import Workers
from dicomnode.index.database import Transaction
from dicomnode.index.schema import SeriesRow, StudyRow, TaskInputRow, TaskRow
from dicomnode.index.schema_advice import AdviceRow

MOMENTS = ("acknowledged", "released", "planned", "started", "staged", "judged", "stated", "seen")
"""The last needed image has its response; its association is released; the task is written, and taken up; its volumes
are decoded; the plugin has answered; the advice is on the board; the page has it."""
TARGETS = {0.5: 1.0, 0.95: 2.0, 0.99: 5.0}
"""Share of the exams to the seconds within which they shall be advised."""

Row = dict[str, Any]
Calls = dict[tuple[str, str], tuple[float, float]]


@contextmanager
def calls() -> Iterator[Calls]:
    """When each isolated call of a task began and ended, by the first 16 digits of its id and the function's name."""
    seen: Calls = {}
    run = Workers.run

    def timed(self: Workers, function: Callable[..., Any], *arguments: Any, **limits: Any) -> Any:
        folder = next((one for one in arguments if isinstance(one, Path)), Path())
        begun = time.time()
        try:
            return run(self, function, *arguments, **limits)
        finally:
            seen[folder.name.partition("-")[0], function.__name__] = begun, time.time()

    Workers.run = timed  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        Workers.run = run  # type: ignore[method-assign]


def rows(
    session: Transaction,
    acknowledged: Mapping[str, float],
    seen: Mapping[str, tuple[str, float]],
    called: Calls,
) -> list[Row]:
    """The moments of every exam that a plugin has advised, seconds since 1970."""
    found = session.execute(
        select(StudyRow.accession_number, AdviceRow, TaskRow)
        .join(AdviceRow, AdviceRow.study_instance_uid == StudyRow.study_instance_uid)
        .join(TaskRow, TaskRow.task_id == AdviceRow.task_id)
    )
    made = []
    for accession, advice, task in found:
        if accession not in acknowledged or accession not in seen:
            continue
        released = session.scalars(
            select(SeriesRow.released)
            .join(TaskInputRow, TaskInputRow.series_instance_uid == SeriesRow.series_instance_uid)
            .where(TaskInputRow.task_id == task.task_id)
        )
        moments = (
            acknowledged[accession],
            max((one.timestamp() for one in released if one), default=None),
            task.created.timestamp(),
            task.started.timestamp(),
            called.get((task.task_id[:16], "stage"), (None, None))[1],
            called.get((task.task_id[:16], "run_case"), (None, None))[1],
            advice.stated.timestamp(),
            seen[accession][1],
        )
        made.append({"exam": accession, **dict(zip(MOMENTS, moments, strict=True))})
    return sorted(made, key=lambda row: float(row["acknowledged"]))


def whole(kept: Sequence[Row]) -> np.ndarray:
    """Seconds from the last needed response to the page, of each exam."""
    return np.array([row["seen"] - row["acknowledged"] for row in kept])


def table(kept: Sequence[Row]) -> Iterator[str]:
    """One line for each stage."""
    for before, after in pairwise(MOMENTS):
        spent = np.array([row[after] - row[before] for row in kept if row[before] and row[after]])
        if len(spent):
            p50, p95, p99 = np.quantile(spent, tuple(TARGETS)) * 1000
            yield f"  {before:>12} to {after:9} p50 {p50:6.0f} ms, p95 {p95:6.0f}, p99 {p99:6.0f}"


def draw(kept: Sequence[Row], file: Path) -> None:
    """The share of exams advised within so many seconds, with the targets, and the median of each stage."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    waits = np.sort(whole(kept))
    left.step(waits, np.arange(1, len(waits) + 1) / len(waits), where="post", label=f"{len(waits)} exams")
    left.plot(list(TARGETS.values()), list(TARGETS), "v", color="C3", label="targets: above and to the left")
    left.set(
        xlabel="seconds from the last needed C-STORE response to the page",
        ylabel="share of exams",
        xlim=(0, max(5.5, waits[-1] * 1.05)),
    )
    left.grid(alpha=0.3, which="both")
    left.legend(loc="lower right")
    names, medians = [], []
    for before, after in pairwise(MOMENTS):
        names.append(f"to {after}")
        medians.append(float(np.median([row[after] - row[before] for row in kept if row[before] and row[after]])))
    right.barh(names[::-1], [1000 * one for one in medians[::-1]])
    right.set(xlabel="median, ms", title="where they go")
    figure.savefig(file)


def main() -> None:
    kept = json.loads(Path(sys.argv[1]).read_text())
    draw(kept, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
