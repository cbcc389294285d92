"""The segmentation of an exam: liver, its rim, spleen and the rest of the body, or the body alone."""

from __future__ import annotations

import numpy as np

from dicomnode.sdk import Segment, Segmentation
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, Code
from dicomnode.sdk.codes import LIVER as LIVER_CODE
from dicomnode_plugins.fat_fraction import codes
from dicomnode_plugins.fat_fraction.dual_echo import Mask
from dicomnode_plugins.fat_fraction.organs import Organs
from dicomnode_plugins.fat_fraction.readings import BODY, LIVER, REST, RIM, SPLEEN

WHITE, GREEN = (255, 255, 255), (90, 255, 90)
"""Borders of liver and spleen in colour pictures."""


def segmentation(on: str, body: Mask, found: Organs) -> Segmentation:
    """What the numbers of the report were read in; parts do not overlap.

    Parameters
    ----------
    on : str
        Input role whose grid the masks are on.
    """
    if found.quality.failed:
        return _drawn(on, (BODY, codes.BODY, (120, 170, 220), body))
    return _drawn(
        on,
        (LIVER, LIVER_CODE, (220, 130, 80), found.core),
        (RIM, LIVER_CODE, (240, 200, 150), found.liver & ~found.core),
        (REST, codes.BODY, (120, 170, 220), body & ~found.liver & ~found.spleen),
        *([(SPLEEN, codes.SPLEEN, (120, 200, 120), found.spleen)] if found.spleen.any() else []),
    )


def borders(found: Organs) -> tuple[tuple[Mask, tuple[int, int, int]], ...]:
    """What is drawn on colour pictures: nothing where no liver may be called one."""
    return () if found.quality.failed else ((found.liver, WHITE), (found.spleen, GREEN))


def _drawn(on: str, *parts: tuple[str, Code, tuple[int, int, int], Mask]) -> Segmentation:
    labels = np.zeros(parts[0][3].shape, np.uint8)
    for number, part in enumerate(parts, start=1):
        labels[part[3]] = number
    segments = tuple(
        Segment(label=label, category=ANATOMICAL_STRUCTURE, type=code, colour=colour)
        for label, code, colour, _ in parts
    )
    return Segmentation(on=on, labels=labels, segments=segments)
