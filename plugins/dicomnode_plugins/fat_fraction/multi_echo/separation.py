"""Proton density fat fraction and R2* of complex echoes: field, then what fat sounds like, then every voxel's fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dicomnode_plugins.fat_fraction.dual_echo import FloatArray
from dicomnode_plugins.fat_fraction.multi_echo.fat_spectrum import Phasor, human_fat, told
from dicomnode_plugins.fat_fraction.multi_echo.field_map import Echoes, field_map
from dicomnode_plugins.fat_fraction.multi_echo.six_peaks import Times
from dicomnode_plugins.fat_fraction.multi_echo.threads import Threads, threads
from dicomnode_plugins.fat_fraction.multi_echo.voxel_fit import energy, fitted, percent

GATE = 0.08
"""Of the 98th percentile of the first echo; voxels that are darker in every echo have no values."""
FAT = (10.0, 70.0)
"""%; what has more than the first is asked about its fat, and what has more than the second is nearly all fat."""
LEAST_FAT = 200
"""Voxels of nearly all fat without which nothing is believed: artefacts look like a little fat."""
_MOST_FAT = 115.0  # %; noise alone lifts pure fat above 100
_ASKED = 4000  # of either kind
_SAMPLE = 40_000  # voxels that are looked through for fat
_STRONG = 0.3  # of the 98th percentile of the first echo


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
    phasor: Phasor
    """One unit of fat against water at each echo, as fitted."""
    told_by: int
    """Voxels that told it; 0 where there was too little fat and it is that of the literature, or was given."""


def separate(signal: npt.NDArray[np.complex64], times: Times, tesla: float, phasor: Phasor | None = None) -> Separated:
    """Fit water, fat, field and R2* to complex echoes.

    What fat sounds like is told by this patient's own fat, within what human fat may sound like; where there is too
    little, it is that of the liver in the literature.

    Parameters
    ----------
    signal : (echoes, z, y, x) complex64
        Precession such that fat, below water in frequency, turns backwards.
    times : (echoes,)
        Ascending, s; six or more.
    tesla : float
        Field strength.
    phasor : (echoes,) complex, optional
        Fits this one, whatever the patient's fat says.
    """
    unit = _brightness(signal[0])
    size = np.abs(signal).max(0)
    box = tuple(_extent((size > GATE * unit).any(others)) for others in ((1, 2), (0, 2), (0, 1)))
    maps = np.full((6, *size.shape), np.nan, np.float32)
    maps[:, *box], chosen, asked = _maps(signal[:, *box] / np.float32(unit), times, tesla, phasor)
    maps[1:3] *= np.float32(unit)
    share, water, fat, r2_star, field, residual = maps
    return Separated(
        percent=share,
        water=water,
        fat=fat,
        r2_star=r2_star,
        field=field,
        residual=residual,
        phasor=chosen,
        told_by=asked,
    )


def separate_either(
    signal: npt.NDArray[np.complex64], times: Times, tesla: float
) -> tuple[Separated, Literal["as given", "reversed"]]:
    """Separate with the sense of precession that leaves less of the middle slices unexplained.

    Scanners differ in the sign of their imaginary part, and no attribute tells it.
    """
    middle = signal.shape[1] // 2
    few = signal[:, max(middle - 1, 0) : middle + 1]
    fat = human_fat(times, tesla).mean
    given, turned = (_unexplained(separate(part, times, tesla, fat)) for part in (few, few.conj()))
    if turned < given:
        return separate(signal.conj(), times, tesla), "reversed"
    return separate(signal, times, tesla), "as given"


def _unexplained(found: Separated) -> float:
    known = found.residual[np.isfinite(found.residual)]
    return float(np.median(known)) if known.size else 1.0


def _maps(
    signal: npt.NDArray[np.complex64], times: Times, tesla: float, phasor: Phasor | None
) -> tuple[FloatArray, Phasor, int]:
    """The six maps of :class:`Separated`, (6, z, y, x), of a signal of size 1, the phasor, and how many told it."""
    shape = signal.shape[1:]
    flat = torch.from_numpy(np.ascontiguousarray(signal.reshape(len(times), -1)))
    where = torch.nonzero(flat.abs().amax(0) > GATE)[:, 0]
    maps, asked = torch.full((6, flat.shape[1]), torch.nan), 0
    if len(where):
        echoes = Echoes(signal=flat[:, where], where=where, shape=shape, times=times, tesla=tesla)
        with threads() as several:
            field = field_map(echoes, several)
            if phasor is None:
                phasor, asked = _phasor(echoes, field)
            maps[:, where] = _all_fitted(echoes, field, phasor, several)
    elif phasor is None:
        phasor = human_fat(times, tesla).mean
    whole: FloatArray = maps.view(6, *shape).numpy()
    return whole, phasor, asked


def _phasor(echoes: Echoes, field: Tensor) -> tuple[Phasor, int]:
    """What fat sounds like here, and how many voxels told it."""
    known = human_fat(echoes.times, echoes.tesla)
    strong = _thinned(torch.nonzero(echoes.signal.abs().amax(0) > _STRONG)[:, 0], _SAMPLE)
    found = fitted(echoes.signal[:, strong], echoes.times, torch.from_numpy(known.mean), field[strong])
    share = percent(found.water, found.fat)
    rich = torch.nonzero((share > FAT[1]) & (share < _MOST_FAT))[:, 0]
    mixed = torch.nonzero((share > FAT[0]) & (share <= FAT[1]))[:, 0]
    if len(rich) < LEAST_FAT:
        return known.mean, 0
    asked = torch.cat([_thinned(rich, _ASKED), _thinned(mixed, _ASKED)])
    signal, field, decay = echoes.signal[:, strong[asked]], found.field[asked], found.decay[asked]
    return told(signal, echoes.times, known, field, decay), len(asked)


def _thinned(places: Tensor, most: int) -> Tensor:
    return places[:: -(-len(places) // most) or 1]


def _all_fitted(echoes: Echoes, field: Tensor, phasor: Phasor, several: Threads) -> Tensor:
    """The six maps of the voxels, (6, voxels)."""
    fat = torch.from_numpy(phasor)

    def work(part: slice) -> Tensor:
        signal = echoes.signal[:, part]
        found = fitted(signal, echoes.times, fat, field[part])
        residual = energy(found.left) / energy(signal).clamp_min(1e-12)
        sizes = (percent(found.water, found.fat), found.water.abs(), found.fat.abs())
        return torch.stack([*sizes, found.decay, found.field, residual])

    return torch.cat(several.each(work, len(field)), 1)


def _brightness(first: npt.NDArray[np.complex64]) -> float:
    thinned = first.reshape(-1)[:: max(1, first.size // 200_000)]
    return float(np.percentile(np.abs(thinned), 98)) or 1.0


def _extent(any_signal: npt.NDArray[np.bool_]) -> slice:
    found = np.flatnonzero(any_signal)
    return slice(int(found[0]), int(found[-1]) + 1) if len(found) else slice(0, 1)
