"""From six or more complex echoes to findings."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from dicomnode.sdk import Case, Context, Finding, Measurement, ParametricMap, QualitativeEvaluation, Unsuitable, Volume
from dicomnode.sdk.codes import MEDIAN, NO_UNITS
from dicomnode_plugins.fat_fraction import codes, protocol, readings, water_fat
from dicomnode_plugins.fat_fraction.multi_echo import separation, six_peaks
from dicomnode_plugins.fat_fraction.multi_echo.separation import Separated
from dicomnode_plugins.fat_fraction.water_fat import WaterFat

LEAST_ECHOES = 6
LEAST_SEPARABLE = 0.3
"""Least :func:`six_peaks.separable`; echoes that all lie in phase tell nothing."""
METHOD = (
    "Proton density fat fraction, 100 F / (W + F), from {count} complex echoes ({first:.2f} to {last:.2f} ms at "
    "{tesla:.3g} T): several fat peaks ({spectrum}), one R2*, field map, chosen because real and imaginary images of "
    "six or more echoes are there. Precession: {sense}."
)
OWN_FAT = "as {count} voxels of the patient's own fat tell them"
LIVER_FAT = "liver fat, Hamilton 2011, since there is too little fat to tell them"
CAUTION = (
    "T1 is not corrected: a flip angle above 5 degrees weights fat up ({angle}). Fat in the liver "
    "with another spectrum than that of the model shifts values: on phantoms by up to 0.4 points up to 50 % and up to "
    "1.0 above where the patient's own fat told the spectrum, by up to 3.3 and 4.2 where it could not. Swaps of water "
    "and fat remain possible where the signal is lost, at lungs and gas and at the edge of the field of view."
)
_ON = "real.1"
_SAME_TIME = 0.02  # ms
_SAME_PROTOCOL = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Echoes:
    """Complex echoes of one slab."""

    signal: npt.NDArray[np.complex64]
    """(echoes, z, y, x)."""
    times: six_peaks.Times
    tesla: float
    grid: Volume
    """The first real image."""


def run(case: Case, context: Context) -> list[Finding]:
    """Map proton density fat fraction and R2* and read them in the liver.

    Raises
    ------
    Unsuitable
        When the echoes are no set of six or more that tells water from fat.
    """
    echoes = complex_echoes(case.every("real"), case.every("imaginary"))
    torch.set_num_threads(context.threads)
    context.progress(0.1, "separating water and fat")
    found, sense = separation.separate_either(echoes.signal, echoes.times, echoes.tesla)
    context.progress(0.7, "body, liver and spleen")
    water, fat = (np.nan_to_num(part) for part in (found.water, found.fat))
    from_all = tuple(case.volumes)
    gate, limit = float(case.parameters["noise_gate"]), float(case.parameters["display_limit"])
    seen = water_fat.look(_ON, from_all, replace(echoes.grid, array=water), fat, found.percent, gate)
    maps, numbers = _decay(found, seen)
    said = [*numbers, *_said(echoes, sense, found.told_by)]
    return [*water_fat.findings(seen, "Proton density fat fraction", "PDFF", limit, said), *maps]


def complex_echoes(real: tuple[Volume, ...], imaginary: tuple[Volume, ...]) -> Echoes:
    """Real and imaginary images brought together by echo time, ascending.

    Raises
    ------
    Unsuitable
        When they do not pair, differ in protocol or grid, or are too few or too alike in phase.
    """
    real, imaginary = (tuple(sorted(volumes, key=protocol.echo_time)) for volumes in (real, imaginary))
    times = [protocol.echo_time(volume) for volume in real]
    others = [protocol.echo_time(volume) for volume in imaginary]
    if len(times) != len(others) or not np.allclose(times, others, rtol=0, atol=_SAME_TIME):
        raise Unsuitable(f"real echoes at {times} ms and imaginary echoes at {others} ms are no pairs")
    if len(times) < LEAST_ECHOES or np.diff(times).min() < _SAME_TIME or times[0] <= 0:
        raise Unsuitable(f"{LEAST_ECHOES} echoes of different times are asked, there are {times} ms")
    tesla = protocol.number(real[0], "MagneticFieldStrength")
    if not tesla:
        raise Unsuitable("the echoes have no field strength, so the frequency of fat is unknown")
    for volume in (*real, *imaginary):
        protocol.check_grid(real[0], volume)
        for keyword in ("RepetitionTime", "FlipAngle", "MagneticFieldStrength"):
            one, other = protocol.number(real[0], keyword), protocol.number(volume, keyword)
            if abs(one - other) > _SAME_PROTOCOL * max(one, other):
                raise Unsuitable(f"{keyword} differs between the echoes: {one:g} and {other:g}")
    seconds = np.array(times) / 1000
    if six_peaks.separable(seconds, tesla) < LEAST_SEPARABLE:
        raise Unsuitable(f"echoes at {times} ms and {tesla:.3g} T do not tell fat from water")
    signal = np.stack([one.array + 1j * other.array for one, other in zip(real, imaginary, strict=True)])
    return Echoes(signal=signal.astype(np.complex64), times=seconds, tesla=tesla, grid=real[0])


def _decay(found: Separated, seen: WaterFat) -> tuple[list[Finding], list[Finding]]:
    """R2* and what the model leaves, as maps, and in the liver as numbers."""
    known = np.isfinite(seen.percent)
    maps = (
        (found.r2_star, codes.R2_STAR, codes.PER_SECOND, "R2STAR", "R2*", (0.0, 500.0), (100.0, 200.0)),
        (found.residual, codes.RESIDUAL, NO_UNITS, "RESIDUAL", "Residual of the fit", (0.0, 1.0), (0.05, 0.1)),
    )
    shown: list[Finding] = [
        ParametricMap(
            on=seen.on,
            derived_from=seen.derived_from,
            array=np.where(known, array, np.float32(np.nan)),
            quantity=quantity,
            unit=unit,
            label=label,
            title=title,
            value_range=values,
            window=window,
        )
        for array, quantity, unit, label, title, values, window in maps
    ]
    if seen.organs.quality.failed:
        return shown, []
    core = seen.organs.core & known
    of = readings.LIVER
    return shown, [
        Measurement(
            name=codes.R2_STAR,
            value=float(np.median(found.r2_star[core])),
            unit=codes.PER_SECOND,
            of=of,
            derivation=MEDIAN,
            decimals=1,
        ),
        Measurement(
            name=codes.RESIDUAL,
            value=float(np.median(found.residual[core])),
            unit=NO_UNITS,
            of=of,
            derivation=MEDIAN,
            decimals=4,
        ),
    ]


def _said(echoes: Echoes, sense: str, told_by: int) -> list[Finding]:
    angle = protocol.number(echoes.grid, "FlipAngle")
    flip = f"this one is {angle:g}" if angle else "this one is unknown"
    first, last = 1000 * echoes.times[0], 1000 * echoes.times[-1]
    method = METHOD.format(
        count=len(echoes.times),
        first=first,
        last=last,
        tesla=echoes.tesla,
        sense=sense,
        spectrum=(OWN_FAT if told_by else LIVER_FAT).format(count=told_by),
    )
    return [
        QualitativeEvaluation(name=codes.METHOD, value=method),
        QualitativeEvaluation(name=codes.CAUTION, value=CAUTION.format(angle=flip)),
    ]
