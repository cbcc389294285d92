"""What is reported of low-fat areas: their discs, numbers, and whether they are typical of focal fatty sparing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dicomnode.sdk import Case, Finding, Measurement, QualitativeEvaluation, Segment, Segmentation
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, CUBIC_CENTIMETER, FAT_FRACTION, MEAN, PERCENT, RATIO, VOLUME
from dicomnode.sdk.findings import Colour
from dicomnode_plugins.fat_fraction import codes, enhancement, placement, sparing
from dicomnode_plugins.fat_fraction.axial import AxialView, axial_view
from dicomnode_plugins.fat_fraction.dual_echo import FloatArray, Mask
from dicomnode_plugins.fat_fraction.enhancement import Contrast
from dicomnode_plugins.fat_fraction.organs import Organs
from dicomnode_plugins.fat_fraction.roi import Disc
from dicomnode_plugins.fat_fraction.sparing import Candidate

TYPICAL = "Typical of focal fatty sparing"
NOT_TYPICAL = "Not typical of focal fatty sparing, possible lesion"
UNDECIDED = (
    "Low-fat area. Without a precontrast and a hepatobiliary series of one protocol it cannot be told from vessel or "
    "lesion."
)
MOST = 6
"""Areas that are reported."""
_COLOURS = ((240, 220, 60), (255, 120, 120), (120, 180, 255))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """Low-fat areas and what the contrast agent says of them."""

    areas: tuple[tuple[Candidate, Contrast], ...] = ()
    """At most :data:`MOST`, those most like sparing first, then larger ones; masks in axial planes."""
    said: tuple[str, ...]
    """Of the search as a whole: how many there are, how the contrast-enhanced series were placed, or why not."""


def search(case: Case, percent: FloatArray, organs: Organs) -> Judged:
    """Look for focal fatty sparing in an accepted liver outline.

    Parameters
    ----------
    percent : (z, y, x) float32
        Fat fraction on the grid of the in-phase echo; NaN where there is none.
    """
    level = float(np.nanmedian(percent[organs.core].astype(np.float64)))
    if level < sparing.STEATOSIS:
        said = f"Not applicable: the liver reads {level:.1f} %; below {sparing.STEATOSIS:g} % nothing is spared."
        return Judged(said=(said,))
    in_phase = case.volume("in_phase")
    view = axial_view(in_phase.affine)
    signal, liver, core = (view.of(array) for array in (in_phase.array, organs.liver, organs.core))
    found = sparing.candidates(view.of(percent), signal, liver, core, view.spacing(in_phase.spacing))
    if not found:
        return Judged(said=("No low-fat area that can hold a region of 0.5 cm2.",))
    volumes, placed = _enhanced(case, organs.liver, view)
    areas = [(candidate, enhancement.measure(candidate, signal, volumes)) for candidate in found]
    areas.sort(key=lambda area: len(area[1].doubts))
    areas = areas[:MOST]
    count = f"{len(found)} low-fat areas; the {len(areas)} most like sparing are reported, larger ones first."
    return Judged(areas=tuple(areas), said=(count, placed))


def findings(case: Case, percent: FloatArray, judged: Judged) -> list[Finding]:
    """Segments, regions, numbers and judgements of the areas."""
    said: list[Finding] = [QualitativeEvaluation(name=codes.SPARING, value=words) for words in judged.said]
    if not judged.areas:
        return said
    view = axial_view(case.volume("in_phase").affine)
    seen = view.of(percent)
    return [
        *said,
        *_segments([candidate for candidate, _ in judged.areas], view),
        *(
            finding
            for number, (candidate, contrast) in enumerate(judged.areas, start=1)
            for finding in _described(candidate, number, seen, contrast)
        ),
    ]


def circles(case: Case, judged: Judged) -> tuple[tuple[Mask, Colour], ...]:
    """The regions of interest on the grid of the in-phase echo, with the colours of their borders."""
    if not judged.areas:
        return ()
    view = axial_view(case.volume("in_phase").affine)
    shape = judged.areas[0][0].area.shape
    inside, beside = (
        view.back(np.logical_or.reduce([disc.mask(shape) for disc in discs]))
        for discs in zip(*((candidate.focus, candidate.parenchyma) for candidate, _ in judged.areas), strict=True)
    )
    return (inside, _COLOURS[1]), (beside, _COLOURS[2])


def judgement(contrast: Contrast) -> str:
    """Typical only when everything speaks for sparing; undecided without contrast-enhanced volumes."""
    if math.isnan(contrast.hepatobiliary) and not contrast.doubts:
        return UNDECIDED
    return f"{NOT_TYPICAL}: {'; '.join(contrast.doubts)}." if contrast.doubts else f"{TYPICAL}."


def _enhanced(case: Case, liver: Mask, view: AxialView) -> tuple[tuple[FloatArray, FloatArray] | None, str]:
    """Both contrast-enhanced volumes on the axial grid, and how they were placed or why they are not used."""
    if missing := [role for role in ("precontrast", "hepatobiliary") if role not in case.volumes]:
        return None, f"Without a {' and a '.join(missing)} series no area is called sparing."
    before, after = case.volume("precontrast"), case.volume("hepatobiliary")
    if different := enhancement.unlike(before, after):
        return None, f"The contrast-enhanced series do not compare: {different}."
    in_phase = case.volume("in_phase")
    water = (in_phase.array + case.volume("opposed_phase").array) / np.float32(2)
    placed = placement.register(before, after, water, in_phase, liver)
    if placed.doubt:
        return None, f"The contrast-enhanced series could not be placed: {placed.doubt}. No area is called sparing."
    one, other = (
        view.of(placement.resampled(volume, in_phase, place.shift))
        for volume, place in ((before, placed.before), (after, placed.after))
    )
    return (one, other), placed.said


def _segments(candidates: list[Candidate], view: AxialView) -> list[Finding]:
    """The areas, and apart from them the discs that lie in them and beside them."""
    shape = candidates[0].area.shape
    areas, discs = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    named = [_labels(number) for number in range(1, len(candidates) + 1)]
    for number, candidate in enumerate(candidates):
        areas[candidate.area] = number + 1
        discs[candidate.focus.mask(shape)] = 2 * number + 1
        discs[candidate.parenchyma.mask(shape)] = 2 * number + 2
    around = tuple(_segment(area, 0) for area, _, _ in named)
    inside = tuple(_segment(label, colour) for _, *pair in named for colour, label in enumerate(pair, start=1))
    return [
        Segmentation(on="in_phase", labels=view.back(areas), segments=around),
        Segmentation(on="in_phase", labels=view.back(discs), segments=inside),
    ]


def _described(candidate: Candidate, number: int, percent: FloatArray, contrast: Contrast) -> list[Finding]:
    area, in_area, in_parenchyma = _labels(number)
    return [
        QualitativeEvaluation(name=codes.SPARING, value=judgement(contrast), of=area),
        Measurement(name=VOLUME, value=candidate.volume, unit=CUBIC_CENTIMETER, of=area, decimals=1),
        Measurement(name=codes.DELTA, value=candidate.delta(percent), unit=PERCENT, of=area),
        *_disc(candidate.focus, in_area, percent, contrast.focus),
        *_disc(candidate.parenchyma, in_parenchyma, percent, contrast.parenchyma),
    ]


def _disc(disc: Disc, of: str, percent: FloatArray, enhanced: float) -> list[Finding]:
    found: list[Finding] = [
        Measurement(name=FAT_FRACTION, value=disc.mean(percent), unit=PERCENT, of=of, derivation=MEAN),
        Measurement(name=codes.AREA, value=disc.area, unit=codes.SQUARE_CENTIMETER, of=of, decimals=3),
    ]
    if not math.isnan(enhanced):
        found.append(Measurement(name=codes.ENHANCEMENT, value=enhanced, unit=RATIO, of=of))
    return found


def _labels(number: int) -> tuple[str, str, str]:
    return f"Low-fat area {number}", f"ROI in low-fat area {number}", f"ROI in parenchyma {number}"


def _segment(label: str, colour: int) -> Segment:
    return Segment(label=label, category=ANATOMICAL_STRUCTURE, type=codes.REGION, colour=_COLOURS[colour])
