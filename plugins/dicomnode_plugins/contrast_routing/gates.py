"""What must hold before a score is asked for at all; each gate that fails is a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from dicomnode.sdk import FactValue, Volume
from dicomnode.sdk.model import Domain

_SATURATED = 0.05
"""Share of voxels at the largest value above which the receiver was overdriven."""
_FAT_SATURATION = "FS"
"""Scan Options (0018,0022), defined term of PS3.3 C.8.3.1."""


def failed(volumes: Mapping[str, Volume], domain: Domain, facts: Mapping[str, FactValue]) -> tuple[str, ...]:
    """Every reason why no model may speak about this exam."""
    lines = [] if facts.get("npc-follow-up") == "yes" else [_indication(facts)]
    for role, volume in volumes.items():
        name = role.upper()
        lines += [f"{name}: {why}" for why in (*_quality(volume), *_envelope(role, volume, domain))]
    return tuple(lines)


def _indication(facts: Mapping[str, FactValue]) -> str:
    if facts.get("npc-follow-up") == "no":
        return "the exam is no follow-up of treated nasopharyngeal carcinoma"
    return "whether the exam is follow-up of treated nasopharyngeal carcinoma is not known"


def _quality(volume: Volume) -> Iterator[str]:
    values = volume.array
    if not np.isfinite(values).all():
        yield "some values are not numbers"
        return
    largest = float(values.max())
    if largest <= float(values.min()):
        yield "the images are empty"
    elif float((values >= largest).mean()) > _SATURATED:
        yield "the signal is saturated"


def _envelope(role: str, volume: Volume, domain: Domain) -> Iterator[str]:
    slices, *pixels = volume.spacing
    if slices > domain.slice_spacing:
        yield f"slices {slices:.3g} mm apart, the model knows at most {domain.slice_spacing:g}"
    if max(pixels) > domain.pixel_spacing:
        yield f"pixels of {max(pixels):.3g} mm, the model knows at most {domain.pixel_spacing:g}"
    if volume.array.shape[0] < domain.fewest_slices:
        yield f"{volume.array.shape[0]} slices, the model needs {domain.fewest_slices}"
    said = volume.acquisition
    if said.get("ContrastBolusAgent") == "yes":
        yield "contrast agent was given before"
    options = str(said.get("ScanOptions", "")).split("\\")
    wanted = domain.fat_saturated.get(role)
    if wanted is not None and wanted != (_FAT_SATURATION in options):
        yield f"fat {'not ' if wanted else ''}suppressed, the model knows it {'' if wanted else 'not '}suppressed"
    yield from _between("field strength", said.get("MagneticFieldStrength"), domain.field_strength, "T")
    if role in domain.echo_time:
        yield from _between("echo time", said.get("EchoTime"), domain.echo_time[role], "ms")
    part = str(said.get("BodyPartExamined", ""))
    if domain.body_parts and part and part not in domain.body_parts:
        yield f"body part {part}, the model knows {', '.join(domain.body_parts)}"


def _between(what: str, value: float | str | None, bounds: tuple[float, float], unit: str) -> Iterator[str]:
    if value is None:
        yield f"{what} is not stated"
    elif not bounds[0] <= float(value) <= bounds[1]:
        yield f"{what} {float(value):.4g} {unit} lies outside {bounds[0]:g} to {bounds[1]:g}"
