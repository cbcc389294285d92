"""A picture of what advice on contrast has come to, month by month."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from dicomnode.domain.advice import AdviceKind
from dicomnode.errors import SettingsError
from dicomnode.monitor.savings import Month

_WORDS = {
    AdviceKind.MAY_BE_OMITTED: ("may be omitted", "#1b7837"),
    AdviceKind.RECOMMENDED: ("recommended", "#c2a500"),
    AdviceKind.STANDARD_PROTOCOL: ("as ordered", "#777777"),
    AdviceKind.RADIOLOGIST: ("not without the radiologist", "#b2182b"),
    AdviceKind.TOO_LATE: ("too late", "#bbbbbb"),
}


def draw(months: Sequence[Month], file: Path) -> None:
    """Draw exams by advice, and the contrast agent that was not given in all until then.

    Raises
    ------
    SettingsError
        When the file is no PNG or SVG by its name, or cannot be written.
    """
    if file.suffix.lower() not in (".png", ".svg"):
        raise SettingsError(f"{file}: a picture is written as .png or .svg")
    # Half a second that no other command needs.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [one.month for one in months]
    figure = Figure(figsize=(9, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    below = [0] * len(months)
    for kind, (words, colour) in _WORDS.items():
        counts = [one.advised.get(kind.value, 0) for one in months]
        left.bar(names, counts, bottom=below, color=colour, label=words)
        below = [low + count for low, count in zip(below, counts, strict=True)]
    left.set(ylabel="exams", title="contrast: what was advised")
    left.legend(fontsize="small")
    right.plot(names, list(accumulate(one.millilitres for one in months)), "o-", color="#1b7837")
    right.set(ylabel="mL", title="contrast agent not given, in all", ylim=(0, None))
    for axes in (left, right):
        axes.tick_params(axis="x", rotation=45)
    try:
        figure.savefig(file)
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from error
