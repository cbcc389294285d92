"""Where the networks looked: a map on the T1, the same in colour, and what is above a level as a region."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dicomnode.sdk import Finding, Model, ParametricMap, SecondaryCapture, Segment, Segmentation, Volume
from dicomnode.sdk.codes import NO_UNITS
from dicomnode_plugins._imaging.grids import Image, Values, foreground
from dicomnode_plugins._imaging.hot_iron import colours, draw_bar
from dicomnode_plugins._imaging.lettering import WIDTH, Pixels, write
from dicomnode_plugins._imaging.resampling import resampled
from dicomnode_plugins._learning.nasopharynx import Prepared
from dicomnode_plugins.recurrence_triage import codes
from dicomnode_plugins.recurrence_triage.report import DEMONSTRATION
from dicomnode_plugins.recurrence_triage.verdict import Verdict

TITLE = "Attention of the triage networks"
_TARGET = 30.0  # mm to either side of the middle
_OPACITY = 0.5
_GRAY = (1.0, 99.0)


def attention(verdict: Verdict) -> npt.NDArray[np.float32]:
    """Mean attention of the networks that decided, (z, y, x) on the crop, 0 to 1."""
    mean = np.mean([found.attention for found in verdict.scores.values()], axis=0).astype(np.float32)
    return np.asarray(mean / max(float(mean.max()), 1e-6), np.float32)


def off_target(attention: npt.NDArray[np.float32], spacing: tuple[float, float, float]) -> float:
    """Part of the attention outside the middle 60 x 60 x 60 mm; 0 where there is none at all."""
    total = float(attention.sum())
    if total <= 0:
        return 0.0
    middle = tuple(
        slice(max(0, round((n - 1) / 2 - _TARGET / step)), round((n - 1) / 2 + _TARGET / step) + 1)
        for n, step in zip(attention.shape, spacing, strict=True)
    )
    return 1.0 - float(attention[middle].sum()) / total


def on_t1(attention: npt.NDArray[np.float32], prepared: Prepared, t1: Volume) -> Values:
    """The map on the grid of the T1; NaN outside the crop."""
    crop = Volume(array=attention, affine=prepared.affine)
    inside = Volume(array=np.ones_like(attention), affine=prepared.affine)
    placed, known = (resampled(volume, t1.affine, t1.array.shape, np.eye(4)) for volume in (crop, inside))
    values: Values = np.where(known > 0.99, placed, np.nan).astype(np.float32)
    return values


def findings(found: Values, roles: tuple[str, ...], t1: Volume, model: Model, level: float) -> list[Finding]:
    """Map, pictures and region; nothing at all where the networks looked nowhere."""
    if not np.nanmax(found, initial=0.0) > 0:
        return []
    said: list[Finding] = [
        ParametricMap(
            on="t1",
            derived_from=roles,
            array=found,
            quantity=codes.ATTENTION,
            unit=NO_UNITS,
            label="ATTENTION",
            title=TITLE,
            value_range=(0.0, 1.0),
            window=(0.5, 1.0),
        ),
        SecondaryCapture(on="t1", derived_from=roles, frames=frames(found, t1, model), title=f"{TITLE} on T1"),
    ]
    region = (np.nan_to_num(found) >= level).astype(np.uint8)
    if region.any():
        segment = Segment(label="Attention, not a contour", category=codes.SPATIAL, type=codes.ATTENTION)
        said.append(Segmentation(on="t1", labels=region, segments=(segment,), contoured=False))
    return said


def frames(found: Values, t1: Volume, model: Model) -> Pixels:
    """The T1 in gray with the attention over it, named, with a colour bar; (z, rows, columns, 3) uint8."""
    low, high = np.percentile(t1.array[foreground(Image.of(t1))], _GRAY)
    gray = np.clip((t1.array - low) / max(float(high - low), 1e-6), 0, 1)[..., None] * np.float32(255)
    share = np.nan_to_num(found)
    weight = (np.float32(_OPACITY) * np.sqrt(share))[..., None]
    pixels: Pixels = np.rint((1 - weight) * gray + weight * colours(share)).astype(np.uint8)
    lines = ["ATTENTION, NOT A CONTOUR"]
    if model.status == "demonstration":
        lines += DEMONSTRATION.split(" - ")
    for picture in pixels:
        _name(picture, lines)
        draw_bar(picture, "0", "1", _dot(picture))
    return pixels


def _dot(picture: Pixels) -> int:
    return max(1, int(picture.shape[1]) // 200)


def _name(picture: Pixels, lines: list[str]) -> None:
    dot = _dot(picture)
    longest = max(map(len, lines))
    picture[: (7 * len(lines) + 2) * dot, : (longest * WIDTH + 3) * dot] //= 4
    for number, line in enumerate(lines):
        write(picture, line, (2 + 7 * number) * dot, 2 * dot, dot)
