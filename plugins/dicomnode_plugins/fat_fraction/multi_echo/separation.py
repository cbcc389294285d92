"""Proton density fat fraction and R2* of complex echoes: field, then fat's spectrum, then every voxel's fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dicomnode_plugins.fat_fraction.dual_echo import FloatArray
from dicomnode_plugins.fat_fraction.multi_echo.field_map import Echoes, field_map
from dicomnode_plugins.fat_fraction.multi_echo.six_peaks import LIVER, Times, Weights, mixtures, phasor

GATE = 0.08
"""Of the 98th percentile of the first echo; voxels that are darker in every echo have no values."""
FAT = 70.0
"""%; what has more is fat that tells its spectrum."""
LEAST_FAT = 200
"""Voxels of fat that are asked for before their spectrum is believed."""
MIXTURES = mixtures()
_ENOUGH_FAT = 2000
_STRONG = 0.3  # of the 98th percentile of the first echo
_STEPS = 5
_START = 40.0  # 1/s
_LARGEST_STEP = (40.0, 30.0)  # Hz, and 1/s over 2 pi
_DECAYS = (-20.0, 900.0)  # 1/s
_CHUNK = 65536


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Separated:
    """Maps of one slab, (z, y, x) float32, NaN where there is too little signal."""

    percent: FloatArray
    """Proton density fat fraction, 100 F / (W + F)."""
    water: FloatArray
    """Magnitude at echo time 0, in units of the input."""
    fat: FloatArray
    r2_star: FloatArray
    """1/s."""
    field: FloatArray
    """Hz."""
    residual: FloatArray
    """Part of the signal's energy that the model does not explain, 0 to 1."""
    spectrum: Weights
    """The mixture of fat spectra that was fitted."""


def separate(
    signal: npt.NDArray[np.complex64], times: Times, tesla: float, spectrum: Weights | None = None
) -> Separated:
    """Fit water, fat, field and R2* to complex echoes.

    The spectrum of fat is that mixture of published ones which leaves the least of this patient's own fat unexplained
    (self-calibration, Yu et al., MRM 2008); where there is too little fat, it is that of the liver.

    Parameters
    ----------
    signal : (echoes, z, y, x) complex64
        Precession such that fat, below water in frequency, turns backwards.
    times : (echoes,)
        Ascending, s; six or more.
    tesla : float
        Field strength.
    spectrum : Weights, optional
        Fits this one, whatever the patient's fat says.
    """
    unit = _brightness(signal[0])
    size = np.abs(signal).max(0)
    box = tuple(_extent((size > GATE * unit).any(others)) for others in ((1, 2), (0, 2), (0, 1)))
    maps = np.full((6, *size.shape), np.nan, np.float32)
    maps[:, *box], fitted = _maps(signal[:, *box] / np.float32(unit), times, tesla, spectrum)
    maps[1:3] *= np.float32(unit)
    percent, water, fat, r2_star, field, residual = maps
    return Separated(
        percent=percent, water=water, fat=fat, r2_star=r2_star, field=field, residual=residual, spectrum=fitted
    )


def separate_either(
    signal: npt.NDArray[np.complex64], times: Times, tesla: float
) -> tuple[Separated, Literal["as given", "reversed"]]:
    """Separate with the sense of precession that leaves less of the middle slices unexplained.

    Scanners differ in the sign of their imaginary part, and no attribute tells it.
    """
    middle = signal.shape[1] // 2
    few = signal[:, max(middle - 1, 0) : middle + 1]
    given, turned = (_unexplained(separate(part, times, tesla, LIVER)) for part in (few, few.conj()))
    if turned < given:
        return separate(signal.conj(), times, tesla), "reversed"
    return separate(signal, times, tesla), "as given"


def _unexplained(found: Separated) -> float:
    known = found.residual[np.isfinite(found.residual)]
    return float(np.median(known)) if known.size else 1.0


def _maps(
    signal: npt.NDArray[np.complex64], times: Times, tesla: float, spectrum: Weights | None
) -> tuple[FloatArray, Weights]:
    """The six maps of :class:`Separated`, (6, z, y, x), of a signal of size 1, and the spectrum."""
    shape = signal.shape[1:]
    flat = torch.from_numpy(np.ascontiguousarray(signal.reshape(len(times), -1)))
    where = torch.nonzero(flat.abs().amax(0) > GATE)[:, 0]
    maps, chosen = torch.full((6, flat.shape[1]), torch.nan), spectrum or LIVER
    if len(where):
        echoes = Echoes(signal=flat[:, where], where=where, shape=shape, times=times, tesla=tesla)
        field = field_map(echoes)
        maps[:, where] = found = _all_fitted(echoes, field, chosen)
        if spectrum is None and (chosen := _spectrum(echoes, found)) != LIVER:
            maps[:, where] = _all_fitted(echoes, field, chosen)
    whole: FloatArray = maps.view(6, *shape).numpy()
    return whole, chosen


def _all_fitted(echoes: Echoes, field: Tensor, spectrum: Weights) -> Tensor:
    fat = phasor(echoes.times, echoes.tesla, spectrum)
    parts = torch.split(torch.arange(echoes.signal.shape[1]), _CHUNK)
    return torch.cat([_fitted(echoes.signal[:, part], field[part], echoes.times, fat) for part in parts], 1)


def _spectrum(echoes: Echoes, found: Tensor) -> Weights:
    """The mixture that leaves the least of what is nearly all fat."""
    rich = torch.nonzero((found[0] > FAT) & (found[0] <= 100) & (found[2] > _STRONG))[:, 0]
    if len(rich) < LEAST_FAT:
        return LIVER
    rich = rich[:: max(1, len(rich) // _ENOUGH_FAT)]
    signal, field = echoes.signal[:, rich], found[4, rich]
    left = [
        _fitted(signal, field, echoes.times, phasor(echoes.times, echoes.tesla, mixture))[5].median()
        for mixture in MIXTURES
    ]
    return MIXTURES[int(torch.stack(left).argmin())]


def _brightness(first: npt.NDArray[np.complex64]) -> float:
    thinned = first.reshape(-1)[:: max(1, first.size // 200_000)]
    return float(np.percentile(np.abs(thinned), 98)) or 1.0


def _extent(any_signal: npt.NDArray[np.bool_]) -> slice:
    found = np.flatnonzero(any_signal)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 1)


def _fitted(signal: Tensor, field: Tensor, times: Times, turning: npt.NDArray[np.complex128]) -> Tensor:
    """Gauss-Newton on water, fat and the complex field psi + i R2* / 2 pi; the six maps of some voxels.

    ``turning`` is the phasor of fat.
    """
    fat_phasor = torch.from_numpy(turning.astype(np.complex64))[:, None]
    t = torch.from_numpy(times.astype(np.float32))[:, None]
    decay = torch.full_like(field, _START)
    for _ in range(_STEPS):
        water_column, fat_column = _columns(field, decay, t, fat_phasor)
        water, fat = _solved(signal, water_column, fat_column)
        model = water * water_column + fat * fat_column
        change = _field_step(signal - model, water_column, fat_column, 2j * np.pi * t * model)
        field = field + change.real.clamp(-_LARGEST_STEP[0], _LARGEST_STEP[0])
        decay = decay + 2 * np.pi * change.imag.clamp(-_LARGEST_STEP[1], _LARGEST_STEP[1])
        decay = decay.clamp(*_DECAYS)
    water_column, fat_column = _columns(field, decay, t, fat_phasor)
    water, fat = _solved(signal, water_column, fat_column)
    left = signal - water * water_column - fat * fat_column
    residual = _energy(left) / _energy(signal).clamp_min(1e-12)
    return torch.stack([_percent(water, fat), water.abs(), fat.abs(), decay, field, residual])


def _columns(field: Tensor, decay: Tensor, t: Tensor, fat_phasor: Tensor) -> tuple[Tensor, Tensor]:
    water = torch.exp(torch.complex(-decay * t, 2 * np.pi * field * t))
    return water, water * fat_phasor


def _solved(signal: Tensor, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares on two columns for each voxel."""
    a, d, b = _energy(one), _energy(other), (one.conj() * other).sum(0)
    p, q = (one.conj() * signal).sum(0), (other.conj() * signal).sum(0)
    determinant = (a * d - b.abs() ** 2).clamp_min(1e-12)
    return (d * p - b * q) / determinant, (a * q - b.conj() * p) / determinant


def _field_step(left: Tensor, one: Tensor, other: Tensor, slope: Tensor) -> Tensor:
    """Least squares of what is left on the part of the field's slope that the two columns do not span."""
    water, fat = _solved(slope, one, other)
    free = slope - water * one - fat * other
    return (free.conj() * left).sum(0) / _energy(free).clamp_min(1e-12)


def _energy(column: Tensor) -> Tensor:
    return (column.real**2 + column.imag**2).sum(0)


def _percent(water: Tensor, fat: Tensor) -> Tensor:
    """The smaller part is read from the difference, so that noise does not lift 0 % (Liu et al., MRM 2007)."""
    total = (water + fat).abs().clamp_min(1e-12)
    return 100 * torch.where(fat.abs() > water.abs(), fat.abs() / total, 1 - water.abs() / total)
