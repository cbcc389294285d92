"""Examinations of hard patients: dual echo, precontrast and hepatobiliary volumes with coil profile and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.fat_fraction.patients import LIVER_TISSUES, Patient, draw
from benchmarks.fat_fraction.shapes import FloatArray, Grid, paint
from dicomnode.sdk import Volume

ECHO_TIMES = (2.4, 4.9)
"""Opposed and in phase, ms, 1.5 T: those of the paediatric study."""
DUAL_ECHO = Grid(shape=(24, 192, 256), spacing=(8.0, 1.6, 1.48))
THREE_D = (48, 192, 256), (4.0, 1.6, 1.48)
PEAKS = (
    (-3.80, 0.087), (-3.40, 0.693), (-2.60, 0.128), (-1.94, 0.004), (-0.39, 0.039), (0.60, 0.048),
)  # fmt: skip
"""Of liver fat: shift from water in ppm and part of the signal (Hamilton 2011)."""
_T1_RATIO = 1.64  # of fat over water, TR 160 ms and 70 degrees


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HardExam:
    """One examination and its truth."""

    volumes: dict[str, Volume]
    """By the plugin's input roles."""
    liver: npt.NDArray[np.bool_]
    tissue: npt.NDArray[np.str_]
    """Names by the numbers in ``top``."""
    top: npt.NDArray[np.uint8]
    percent: FloatArray
    """Signal fat fraction without noise."""
    patient: Patient


def examine(seed: int) -> HardExam:
    """An examination at 1.5 T; equal seeds give equal exams."""
    random = np.random.default_rng(seed)
    patient = draw(random)
    heavier = _T1_RATIO if random.integers(2) else 1.0
    peaks = PEAKS if random.integers(2) else ((-3.4, 1.0),)
    noise, coil = random.uniform(6, 20), _coil(random, DUAL_ECHO.shape, random.uniform(0, 0.25))
    moved = tuple(float(v) for v in random.normal(0, (1.5, 1.5, 3.0)))
    (water, fat, decay), top = paint(patient.shapes, {n: t[:3] for n, t in patient.tissues.items()}, DUAL_ECHO)
    opposed, in_phase = (
        np.abs(water + heavier * fat * _phasor(time, peaks)) * np.exp(-decay * np.float32(time * 1e-3))
        for time in ECHO_TIMES
    )
    names = np.array(["air", *(shape.tissue for shape in patient.shapes)])
    volumes = {
        role: _volume(_noisy(signal * coil, noise, random), DUAL_ECHO, time, 160.0, 70.0)
        for role, signal, time in (("in_phase", in_phase, ECHO_TIMES[1]), ("opposed_phase", opposed, ECHO_TIMES[0]))
    }
    for index, role, shift in ((3, "precontrast", (0.0, 0.0, 0.0)), (4, "hepatobiliary", moved)):
        grid = Grid(shape=THREE_D[0], spacing=THREE_D[1], shift=shift)
        (signal,), _ = paint(patient.shapes, {n: (t[index],) for n, t in patient.tissues.items()}, grid)
        volumes[role] = _volume(_noisy(signal * np.repeat(coil, 2, axis=0), 8.0, random), grid, 1.4, 3.5, 10.0)
    return HardExam(
        volumes=volumes,
        liver=np.isin(names, LIVER_TISSUES)[top],
        tissue=names,
        top=top,
        percent=(50 * (in_phase - opposed) / np.maximum(in_phase, 1e-6)).astype(np.float32),
        patient=patient,
    )


def _phasor(time: float, peaks: tuple[tuple[float, float], ...]) -> np.complex64:
    turns = np.array([shift for shift, _ in peaks]) * 42.577 * 1.5 * time * 1e-3
    return np.complex64(np.array([part for _, part in peaks]) @ np.exp(2j * np.pi * turns))


def _coil(random: np.random.Generator, shape: tuple[int, int, int], amount: float) -> FloatArray:
    z, y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    a = (random.uniform(-1, 1, 5) * amount / 2).astype(np.float32)
    profile = 1 + a[0] * z[:, None, None] + (a[1] * y + a[3] * y**2)[:, None] + a[2] * x + a[4] * x**2
    return profile.astype(np.float32)


def _noisy(signal: FloatArray, sigma: float, random: np.random.Generator) -> FloatArray:
    real, imaginary = (np.float32(sigma) * random.standard_normal(signal.shape, np.float32) for _ in range(2))
    return np.rint(np.hypot(signal + real, imaginary)).astype(np.float32)


def _volume(array: FloatArray, grid: Grid, time: float, repetition: float, flip: float) -> Volume:
    physics = {"EchoTime": time, "MagneticFieldStrength": 1.5, "RepetitionTime": repetition, "FlipAngle": flip}
    return Volume(array=array, affine=grid.affine, acquisition=physics)
