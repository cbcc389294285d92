"""One page of a result: three coloured slices, every number of the report, method and cautions; no patient data."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dicomnode.sdk import Finding, Measurement, QualitativeEvaluation, SecondaryCapture
from dicomnode_plugins._imaging import lettering
from dicomnode_plugins.fat_fraction.dual_echo import Mask

Pixels = npt.NDArray[np.uint8]

RESEARCH = "RESEARCH, NOT FOR DIAGNOSTIC USE. OUTLINES AND REGIONS ARE PROPOSALS THAT A PERSON MUST CONFIRM."
_WIDTH = 1024
_MARGIN = 16
_DOT = 2  # pixels of a letter's dot
_LINE = 14  # pixels from one line to the next
_SIGNS = (_WIDTH - 2 * _MARGIN) // (_DOT * lettering.WIDTH)
_SHOWN = 3  # slices
_FOOT = 48  # pixels below the text, where the node writes its own mark


def page(
    title: str, derived_from: tuple[str, ...], frames: Pixels, shown: Sequence[int], findings: Sequence[Finding]
) -> SecondaryCapture:
    """Draw the page from the other findings, so that it cannot say anything else.

    Parameters
    ----------
    title : str
        First line.
    frames : (z, rows, columns, 3) uint8
        Coloured slices.
    shown : sequence of int
        Slices that are shown, from :func:`slices`.
    findings : sequence of Finding
        Measurements and evaluations are written out in their order.
    """
    text = [line for paragraph in (RESEARCH, *_lines(findings)) for line in textwrap.wrap(paragraph, _SIGNS)]
    side = (_WIDTH - (_SHOWN + 1) * _MARGIN) // _SHOWN
    pictures = [_fitted(frames[plane], side) for plane in shown]
    top = 3 * _MARGIN
    below = top + max(picture.shape[0] for picture in pictures) + _MARGIN
    drawn = np.zeros((below + _LINE * len(text) + _FOOT, _WIDTH, 3), np.uint8)
    lettering.write(drawn, title, _MARGIN, _MARGIN, 2 * _DOT)
    for number, picture in enumerate(pictures):
        left = _MARGIN + number * (side + _MARGIN)
        drawn[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    for number, line in enumerate(text):
        lettering.write(drawn, line, below + _LINE * number, _MARGIN, _DOT)
    return SecondaryCapture(derived_from=derived_from, frames=drawn[None], title=f"{title}, summary")


def slices(region: Mask, wanted: Mask | None = None) -> tuple[int, ...]:
    """Three slices of a region, evenly spread; first of all those with most of what is wanted.

    Parameters
    ----------
    region, wanted : (z, y, x) bool
        Not empty; with ``wanted`` empty or absent the spread alone decides.
    """
    filled = np.flatnonzero(region.any((1, 2)))
    spread = [int(filled[round(share * (len(filled) - 1))]) for share in (0.25, 0.5, 0.75)]
    areas = np.zeros(len(region)) if wanted is None else wanted.sum((1, 2))
    best = [int(plane) for plane in np.argsort(-areas, kind="stable") if areas[plane] > 0]
    chosen = list(dict.fromkeys([*best[:_SHOWN], *spread]))[:_SHOWN]
    return tuple(sorted(chosen))


def _lines(findings: Sequence[Finding]) -> list[str]:
    """Measurements gathered by what they were taken of, then all that is said in words."""
    numbers: dict[str, list[str]] = {}
    for finding in findings:
        if isinstance(finding, Measurement):
            name = " ".join([finding.name.meaning, finding.derivation.meaning if finding.derivation else ""]).strip()
            value = f"{name} {finding.value:.{finding.decimals}f} {finding.unit.value.strip('{}')}"
            numbers.setdefault(finding.of, []).append(value.strip())
    words = [
        f"{finding.of or finding.name.meaning}: {getattr(finding.value, 'meaning', finding.value)}"
        for finding in findings
        if isinstance(finding, QualitativeEvaluation)
    ]
    return [*(f"{of or 'Exam'}: {', '.join(values)}" for of, values in numbers.items()), *words]


def _fitted(picture: Pixels, side: int) -> Pixels:
    """The picture by its nearest pixels in a square of a side."""
    rows, columns, _ = picture.shape
    scale = side / max(rows, columns)
    down, across = (
        np.minimum((np.arange(int(count * scale)) / scale).astype(int), count - 1) for count in (rows, columns)
    )
    fitted: Pixels = picture[down][:, across]
    return fitted
