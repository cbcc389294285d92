"""Water, fat, field and R2* of every voxel for a given phasor of fat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dicomnode_plugins.fat_fraction.multi_echo.six_peaks import Times

_START = 40.0  # 1/s
_LARGEST_STEP = (40.0, 30.0)  # Hz, and 1/s over 2 pi
_DECAYS = (-20.0, 900.0)  # 1/s


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Values of some voxels, (voxels,)."""

    water: Tensor
    """Complex, at echo time 0."""
    fat: Tensor
    field: Tensor
    """Hz."""
    decay: Tensor
    """R2*, 1/s."""
    turning: Tensor
    """(echoes, voxels) complex: what field and decay make of one unit of water."""
    left: Tensor
    """(echoes, voxels) complex: what the model leaves of the signal."""


def fitted(
    signal: Tensor, times: Times, phasor: Tensor, field: Tensor, decay: Tensor | None = None, steps: int = 5
) -> Fitted:
    """Gauss-Newton on water, fat and the complex field psi + i R2* / 2 pi.

    Parameters
    ----------
    signal : (echoes, voxels) complex
    times : (echoes,)
        s.
    phasor : (echoes,) complex
        Of fat.
    field : (voxels,)
        Start, Hz; within half a fat shift of the truth, or water and fat change places.
    decay : (voxels,), optional
        Start, 1/s.
    steps : int
        Five from a field map; fewer from a fit with a similar phasor.
    """
    phasor = phasor.to(signal.dtype)[:, None]
    t = torch.from_numpy(times).to(field.dtype)[:, None]
    decay = torch.full_like(field, _START) if decay is None else decay
    for _ in range(steps):
        turning = _turning(field, decay, t)
        water, fat = _solved(signal, turning, turning * phasor)
        model = (water + fat * phasor) * turning
        change = _field_step(signal - model, turning, turning * phasor, 2j * np.pi * t * model)
        field = field + change.real.clamp(-_LARGEST_STEP[0], _LARGEST_STEP[0])
        decay = decay + 2 * np.pi * change.imag.clamp(-_LARGEST_STEP[1], _LARGEST_STEP[1])
        decay = decay.clamp(*_DECAYS)
    turning = _turning(field, decay, t)
    water, fat = _solved(signal, turning, turning * phasor)
    left = signal - (water + fat * phasor) * turning
    return Fitted(water=water, fat=fat, field=field, decay=decay, turning=turning, left=left)


def energy(column: Tensor) -> Tensor:
    """Squared size over the echoes, (voxels,)."""
    return (column.real**2 + column.imag**2).sum(0)


def percent(water: Tensor, fat: Tensor) -> Tensor:
    """The smaller part is read from the difference, so that noise does not lift 0 % (Liu et al., MRM 2007)."""
    total = (water + fat).abs().clamp_min(1e-12)
    return 100 * torch.where(fat.abs() > water.abs(), fat.abs() / total, 1 - water.abs() / total)


def _turning(field: Tensor, decay: Tensor, t: Tensor) -> Tensor:
    return torch.exp(torch.complex(-decay * t, 2 * np.pi * field * t))


def _solved(signal: Tensor, one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Least squares on two columns for each voxel."""
    a, d, b = energy(one), energy(other), (one.conj() * other).sum(0)
    p, q = (one.conj() * signal).sum(0), (other.conj() * signal).sum(0)
    determinant = (a * d - b.abs() ** 2).clamp_min(1e-12)
    return (d * p - b * q) / determinant, (a * q - b.conj() * p) / determinant


def _field_step(left: Tensor, one: Tensor, other: Tensor, slope: Tensor) -> Tensor:
    """Least squares of what is left on the part of the field's slope that the two columns do not span."""
    water, fat = _solved(slope, one, other)
    free = slope - water * one - fat * other
    return (free.conj() * left).sum(0) / energy(free).clamp_min(1e-12)
