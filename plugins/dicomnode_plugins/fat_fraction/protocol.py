"""Gates on the acquisition: are these two echoes an in-phase and opposed-phase pair? And what must be said of it."""

from __future__ import annotations

import math

import numpy as np

from dicomnode.sdk import Unsuitable, Volume

_HERTZ_PER_MILLITESLA = 42577.0  # proton, gamma / 2 pi
_FAT_WATER_SHIFT = 3.4e-6  # between water and the main methylene peak of fat
_PHASE_TOLERANCE = 32.0  # degrees; admits 2.4/4.9 ms at 1.5 T
_SAME_PROTOCOL = 0.01
_SAME_PLACE = 0.1  # mm
_FAT_SATURATION = frozenset({"FS", "FATSAT", "FAT_SAT", "FAT SAT", "SPIR", "SPAIR", "WE"})
_EXAMPLE_R2_STAR = 40.0  # 1/s, liver without iron at 1.5 T


def check(in_phase: Volume, opposed: Volume) -> None:
    """Hold the physics and the grids of both echoes against each other.

    Raises
    ------
    Unsuitable
        When field strength or echo time is missing, an echo time does not fit its role, fat was saturated, a contrast
        agent was given, the protocols differ, or the grids do.
    """
    for role, volume, half_turns in (("in-phase", in_phase, 0), ("opposed-phase", opposed, 1)):
        _check_phase(role, volume, half_turns)
        saturation = _FAT_SATURATION & set(str(volume.acquisition.get("ScanOptions", "")).upper().split("\\"))
        if saturation:
            raise Unsuitable(f"the {role} echo is fat-saturated (Scan Options {', '.join(sorted(saturation))})")
        if volume.acquisition.get("ContrastBolusAgent") == "yes":
            raise Unsuitable(f"the {role} echo was acquired after a contrast agent, which changes its T1 weighting")
    for keyword in ("RepetitionTime", "FlipAngle"):
        one, other = number(in_phase, keyword), number(opposed, keyword)
        if one and other and not math.isclose(one, other, rel_tol=_SAME_PROTOCOL):
            raise Unsuitable(f"{keyword} differs between the echoes: {one:g} in phase, {other:g} opposed")
    check_grid(in_phase, opposed)


def cautions(in_phase: Volume, opposed: Volume) -> list[str]:
    """What a reader must know of this pair of echo times, in sentences."""
    first, second = echo_time(opposed), echo_time(in_phase)
    reading = t2_star_error(in_phase, opposed)
    said = [
        f"T2* is not corrected: at these echo times ({first:.4g} ms opposed, {second:.4g} ms in phase) fat-free tissue "
        f"with R2* {_EXAMPLE_R2_STAR:g}/s reads {reading:+.1f} %, with iron more. "
        "T1 weighting and the side peaks of fat are not corrected either."
    ]
    if second < first:
        said.append("The in-phase echo comes before the opposed one: T2* decay reads as additional fat.")
    return said


def t2_star_error(in_phase: Volume, opposed: Volume, r2_star: float = _EXAMPLE_R2_STAR) -> float:
    """What fat-free tissue reads, percent, when only T2* decay sets the echoes apart.

    Parameters
    ----------
    r2_star : float
        Relaxation rate, 1/s.
    """
    return 50 * (1 - math.exp(r2_star * 1e-3 * (echo_time(in_phase) - echo_time(opposed))))


def echo_time(volume: Volume) -> float:
    """Echo time, ms; 0 when unknown."""
    return number(volume, "EchoTime")


def _check_phase(role: str, volume: Volume, half_turns: int) -> None:
    time = echo_time(volume)
    tesla = number(volume, "MagneticFieldStrength")
    if not time or not tesla:
        missing = "echo time" if not time else "field strength"
        raise Unsuitable(f"the {role} echo has no {missing}, so its fat-water phase is unknown")
    turns = time * tesla * _HERTZ_PER_MILLITESLA * _FAT_WATER_SHIFT
    off = ((turns - half_turns / 2 + 0.5) % 1 - 0.5) * 360
    if abs(off) > _PHASE_TOLERANCE:
        raise Unsuitable(
            f"the echo called {role} contradicts its echo time: {time:.4g} ms at {tesla:.3g} T is "
            f"{abs(off):.0f} degrees off {role}"
        )


def check_grid(in_phase: Volume, opposed: Volume) -> None:
    """Refuse images whose voxels do not lie on each other.

    Raises
    ------
    Unsuitable
        With the distance, or with the shapes.
    """
    if in_phase.array.shape != opposed.array.shape:
        raise Unsuitable(f"the echoes have different grids: {in_phase.array.shape} and {opposed.array.shape} voxels")
    slices, rows, columns = in_phase.array.shape
    corners = np.array([[x, y, z, 1] for x in (0, columns - 1) for y in (0, rows - 1) for z in (0, slices - 1)])
    apart = np.linalg.norm((corners @ (in_phase.affine - opposed.affine).T)[:, :3], axis=1).max()
    if apart > _SAME_PLACE:
        raise Unsuitable(f"the echoes lie on shifted grids, {apart:.1f} mm apart")


def number(volume: Volume, keyword: str) -> float:
    """A fact of the acquisition as a number; 0 when it is absent or text."""
    value = volume.acquisition.get(keyword, 0.0)
    return float(value) if isinstance(value, (int, float)) else 0.0
