"""Pictures of a training and of a calibration, as PNG files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dicomnode_plugins._learning.benefit import acting_on_all, decision_curve
from dicomnode_plugins._learning.discrimination import Labels, Scores, area, curve
from dicomnode_plugins._learning.training import Epoch

_BINS = 10


def losses(courses: Mapping[str, Sequence[Epoch]], file: Path, up: str = "binary cross entropy") -> None:
    """Training and validation loss of each network by epoch; a dot where the weights were kept."""
    with _figure(file, "epoch", up) as axes:
        for number, (name, epochs) in enumerate(courses.items()):
            at, colour = [epoch.number for epoch in epochs], f"C{number}"
            axes.plot(at, [epoch.training_loss for epoch in epochs], ":", color=colour, label=f"{name}, training")
            axes.plot(at, [epoch.validation_loss for epoch in epochs], color=colour, label=f"{name}, validation")
            kept = [epoch for epoch in epochs if epoch.kept][-1:]
            axes.plot([e.number for e in kept], [e.validation_loss for e in kept], "o", color=colour)


def receiver_operating(positive: Labels, scores: Mapping[str, Scores], file: Path) -> None:
    """One curve for each score, its area with interval in the legend."""
    with _figure(file, "1 - specificity", "sensitivity") as axes:
        axes.plot([0, 1], [0, 1], ":", color="gray")
        for name, values in scores.items():
            found, whole = curve(positive, values), area(positive, values)
            label = f"{name} {whole.value:.3f} ({whole.low:.3f}-{whole.high:.3f})"
            axes.step([1, *(1 - found.specificity), 0], [1, *found.sensitivity, 0], where="post", label=label)


def reliability(positive: Labels, probabilities: Mapping[str, Scores], file: Path) -> None:
    """Share of positives among the cases of each tenth of the scale."""
    with _figure(file, "probability said", "share of positives") as axes:
        axes.plot([0, 1], [0, 1], ":", color="gray")
        for name, values in probabilities.items():
            bins = np.minimum((values * _BINS).astype(int), _BINS - 1)
            counts = np.bincount(bins, minlength=_BINS)
            used = counts > 0
            said = np.bincount(bins, values, minlength=_BINS)[used] / counts[used]
            seen = np.bincount(bins, positive.astype(float), minlength=_BINS)[used] / counts[used]
            axes.plot(said, seen, "o-", label=name)


def decisions(positive: Labels, probabilities: Mapping[str, Scores], file: Path) -> None:
    """Net benefit of acting on each score, on everybody and on nobody."""
    thresholds = np.linspace(0, 0.95, 96)
    with _figure(file, "probability at which one would act", "net benefit") as axes:
        axes.plot(thresholds, np.zeros_like(thresholds), ":", color="gray", label="nobody")
        axes.plot(thresholds, acting_on_all(positive, thresholds), "--", color="gray", label="everybody")
        for name, values in probabilities.items():
            axes.plot(thresholds, decision_curve(positive, values, thresholds), label=name)
        axes.set_ylim(-0.05, max(0.05, float(positive.mean()) * 1.1))


@contextmanager
def _figure(file: Path, across: str, up: str) -> Iterator[Axes]:
    """One set of axes; drawn without a display, and the same bytes for the same content."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3)
    yield axes
    axes.legend(fontsize="small")
    figure.savefig(file, dpi=120, metadata={"Software": None})
