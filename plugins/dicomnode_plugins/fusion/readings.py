"""Every figure of the registration as a coded measurement."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dicomnode.sdk import Finding, Measurement, QualitativeEvaluation
from dicomnode.sdk.codes import MILLIMETER, NO_UNITS, RATIO
from dicomnode_plugins._imaging import bending, examination
from dicomnode_plugins.fusion import contrast
from dicomnode_plugins.fusion.codes import CAUTION, DEGREE, private

FIGURES = {
    examination.SCORE: (private("REG_SCORE", "Mean squared local correlation"), NO_UNITS),
    examination.FALL: (private("REG_FALL", "Fall of the local correlation 4 mm away"), NO_UNITS),
    examination.MIRROR: (private("REG_MIRROR", "Local correlation of the mirror image over that of the image"), RATIO),
    examination.AGREEMENT: (private("REG_AGREEMENT", "Share of starts that end within 3 mm of the best"), RATIO),
    examination.SPREAD: (private("REG_SPREAD", "Median distance of the starts' ends from the best"), MILLIMETER),
    examination.INVERSE: (private("REG_INVERSE", "Distance between both directions of the registration"), MILLIMETER),
    examination.HALVES: (private("REG_HALVES", "Distance between two halves of the patches"), MILLIMETER),
    examination.PULL: (private("REG_PULL", "Median motion that parts of 30 mm still ask for"), MILLIMETER),
    examination.ELSEWHERE: (private("REG_ELSEWHERE", "Parts of 30 mm that fit better elsewhere"), NO_UNITS),
    examination.OVERLAP: (private("REG_OVERLAP", "Share of the smaller field of view inside the larger one"), RATIO),
    examination.INFORMATION: (private("REG_NMI", "Normalised mutual information"), NO_UNITS),
    examination.GAIN: (private("REG_GAIN", "Local correlation gained over the headers' pose"), NO_UNITS),
    examination.TURN: (private("REG_TURN", "Rotation against the headers"), DEGREE),
    examination.SHIFT: (private("REG_SHIFT", "Displacement against the headers"), MILLIMETER),
    examination.SEARCHES: (private("REG_SEARCHES", "Coarse searches made"), NO_UNITS),
    examination.AFFINE_GAIN: (private("REG_AFF_GAIN", "Local correlation gained by an affine motion"), NO_UNITS),
    examination.STRETCH: (private("REG_STRETCH", "Largest stretch or shear of the affine motion"), RATIO),
    bending.GAIN: (private("BEND_GAIN", "Local correlation of the neck gained by the bend"), NO_UNITS),
    bending.SURENESS: (private("BEND_SURENESS", "That gain over its standard error"), RATIO),
    bending.INFORMATION: (private("BEND_NMI", "Mutual information of the neck gained by the bend"), NO_UNITS),
    bending.LARGEST: (private("BEND_LARGEST", "Largest motion by the bend"), MILLIMETER),
    bending.SHRUNK: (private("BEND_SHRUNK", "Least Jacobian determinant of the bend"), RATIO),
    bending.GROWN: (private("BEND_GROWN", "Largest Jacobian determinant of the bend"), RATIO),
    contrast.FLUID: (private("REG_FLUID", "Base signal where the overlay is brightest, over the body's"), RATIO),
    contrast.FAT: (private("REG_FAT", "Overlay signal where the base is brightest, over fluid's"), RATIO),
}
"""Concept and unit of each figure."""


def measurements(figures: Mapping[str, float]) -> list[Finding]:
    """A measurement of each figure there is; one that could not be taken is said in words."""
    return [
        Measurement(name=code, value=figures[name], unit=unit, decimals=3)
        if math.isfinite(figures[name])
        else QualitativeEvaluation(name=CAUTION, value=f"{code.meaning}: cannot be measured")
        for name, (code, unit) in FIGURES.items()
        if name in figures
    ]
