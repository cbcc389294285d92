"""Whether images are of the kind a model was made for; what is outside is named, never extrapolated to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from dicomnode.sdk import Domain, Volume

_FAT_SATURATION = frozenset({"FS", "FATSAT", "FAT_SAT", "FAT SAT", "SPIR", "SPAIR", "WE", "FAT_SAT_GEMS"})
_MOST_CLIPPED = 0.01
_ROUNDING = 1e-3


def outside(domain: Domain, volumes: Mapping[str, Volume], unenhanced: Sequence[str]) -> tuple[str, ...]:
    """Every reason why a model may not speak about these volumes; empty when it may.

    Parameters
    ----------
    volumes : Mapping
        By input role.
    unenhanced : sequence of str
        Roles that must have been acquired before any contrast agent.
    """
    return tuple(
        f"{role}: {reason}"
        for role, volume in volumes.items()
        for reason in _reasons(domain, role, volume, unenhanced=role in unenhanced)
    )


def fat_saturated(volume: Volume) -> str:
    """The Scan Options (0018,0022) value that says fat was suppressed; empty when none does."""
    said = str(volume.acquisition.get("ScanOptions", "")).upper().split("\\")
    return next((word for word in said if word in _FAT_SATURATION), "")


def _reasons(domain: Domain, role: str, volume: Volume, *, unenhanced: bool) -> Iterator[str]:
    facts = volume.acquisition
    if unenhanced and facts.get("ContrastBolusAgent") == "yes":
        yield "it was acquired after a contrast agent"
    part = str(facts.get("BodyPartExamined", "")).upper()
    if domain.body_parts and part and part not in domain.body_parts:
        yield f"the body part is {part}; the model is for {', '.join(domain.body_parts)}"
    if role in domain.fat_saturated:
        word, wanted = fat_saturated(volume), domain.fat_saturated[role]
        if word and not wanted:
            yield f"fat is suppressed (Scan Options {word}); the model is for images with fat signal"
        if wanted and not word:
            yield "fat is not suppressed; the model is for fat-suppressed images"
    yield from _physics(domain, role, volume)
    yield from _grid(domain, volume)
    yield from _signal(volume)


def _physics(domain: Domain, role: str, volume: Volume) -> Iterator[str]:
    wanted = {"MagneticFieldStrength": ("field strength", "T", domain.field_strength)}
    if role in domain.echo_time:
        wanted["EchoTime"] = ("echo time", "ms", domain.echo_time[role])
    for keyword, (name, unit, (low, high)) in wanted.items():
        value = volume.acquisition.get(keyword)
        if not isinstance(value, (int, float)):
            yield f"its {name} is unknown"
        elif not low <= value <= high:
            yield f"its {name} is {value:.4g} {unit}; the model is for {low:g} to {high:g} {unit}"


def _grid(domain: Domain, volume: Volume) -> Iterator[str]:
    through, *within = volume.spacing
    slices = volume.array.shape[0]
    if through > domain.slice_spacing + _ROUNDING:
        yield f"its slices lie {through:.3g} mm apart; the model takes at most {domain.slice_spacing:g} mm"
    if max(within) > domain.pixel_spacing + _ROUNDING:
        yield f"its pixels lie {max(within):.3g} mm apart; the model takes at most {domain.pixel_spacing:g} mm"
    if slices < domain.fewest_slices:
        yield f"it has {slices} slices; the model needs {domain.fewest_slices}"


def _signal(volume: Volume) -> Iterator[str]:
    values = volume.array
    if not np.isfinite(values).all():
        yield "it holds values that are no numbers"
        return
    top = float(values.max())
    if top <= float(values.min()):
        yield "it holds one value only"
    elif (clipped := float(np.mean(values >= top))) > _MOST_CLIPPED:
        yield f"{clipped:.1%} of it are at its largest value: the signal is clipped"
