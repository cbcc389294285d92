"""The field of every voxel, chosen between the minima of its residual so that neighbours agree.

For a fixed R2* the least-squares residual of a voxel is a trigonometric polynomial of the field whose coefficients add
up over voxels (variable projection; Hernando et al., MRM 2010). A block of voxels therefore has one exact joint
residual, and a block that holds both water and fat is not ambiguous. The field is fixed from coarse blocks to single
voxels; at each level min-sum messages between neighbours (Felzenszwalb and Huttenlocher 2006) choose among the deepest
minima. A field that is off by the fat shift exchanges water and fat: the swap that this must prevent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dicomnode_plugins.fat_fraction.multi_echo.six_peaks import Times, fat_shift, field_period, phasor

R2_STAR = (20.0, 60.0, 120.0, 200.0)
"""1/s; the residual of a field is that of the best of these."""
BLOCKS = ((8, 60), (4, 30), (1, 6))
"""Edge of the blocks in the plane, and rounds of messages, coarse to fine."""
CANDIDATES = 3
"""Deepest minima kept for each voxel."""
_STEP = 0.04  # of the field grid, in fat shifts
_SMOOTH = 0.115  # difference of neighbours that costs one unit, in fat shifts
_JUMP = 9.0  # what any larger difference costs at most
_GUIDE = 0.28  # distance from the coarser level that costs half a unit, in fat shifts
_MOST = (60.0, 6.0)  # largest cost of a residual and of leaving the coarser level
_ACROSS_SLICES = 0.5  # trust between slices against that in the plane
_CHUNK = 65536
_WAYS = ((-3, 1), (-3, -1), (-2, 1), (-2, -1), (-1, 1), (-1, -1))
"""Axis of (z, y, x) and direction in which a message travels; neighbours in the list are opposite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Echoes:
    """Signal of the voxels that are looked at."""

    signal: Tensor
    """(echoes, voxels) complex64."""
    where: Tensor
    """(voxels,) int64, their places in the flattened grid."""
    shape: tuple[int, int, int]
    times: Times
    tesla: float

    def on_grid(self, values: Tensor) -> Tensor:
        """Columns of the voxels as (..., z, y, x), zero elsewhere."""
        full = torch.zeros((*values.shape[:-1], int(np.prod(self.shape))), dtype=values.dtype)
        full[..., self.where] = values
        return full.view(*values.shape[:-1], *self.shape)


def field_map(echoes: Echoes) -> Tensor:
    """Field of the voxels, Hz, (voxels,) float32; up to its period where the echoes are evenly spaced."""
    lags, grid, shift = _lags(echoes.times)[2], _grid(echoes.times, echoes.tesla), fat_shift(echoes.tesla)
    polynomials = torch.stack([_polynomial(echoes, decay) for decay in R2_STAR])
    energy = (echoes.signal.abs() ** 2).sum(0)
    noise = _noise(polynomials, energy, lags, grid, len(echoes.times))
    period = field_period(echoes.times)
    whole, strength = echoes.on_grid(polynomials), echoes.on_grid(energy)
    guide: Tensor | None = None
    for edge, rounds in BLOCKS:
        if edge == 1:
            weight, (field, cost) = strength, map(echoes.on_grid, _minima(polynomials, lags, grid))
        else:
            weight, pooled = _pooled(strength[None, None], edge)[0, 0], _pooled(whole, edge)
            field, cost = (part.view(-1, *weight.shape) for part in _minima(pooled.flatten(2), lags, grid))
        gain = min(edge * edge, 16) / (2 * noise)
        price = 0.25 * ((cost - cost.amin(0)) * gain).clamp_(max=_MOST[0])
        if guide is not None:
            nearest = functional.interpolate(guide[:, None], size=weight.shape[1:], mode="nearest")[:, 0]
            away = _wrapped(field - nearest, period) / (_GUIDE * shift)
            price += 0.5 * (away**2).clamp_(max=_MOST[1])
        trust = (weight / weight[weight > weight[weight > 0].mean()].median()).clamp(max=1)
        scale = _SMOOTH * shift * (1 + edge / 4)
        guide = _agreed(field, price, trust, rounds, scale, period)
    assert guide is not None
    return guide.flatten()[echoes.where]


def _lags(times: Times) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of echoes m < n, the distinct times between them, and which pair has which."""
    first, second = np.triu_indices(len(times), 1)
    between, which = np.unique(np.round(times[second] - times[first], 6), return_inverse=True)
    return first, second, between, which


def _polynomial(echoes: Echoes, decay: float) -> Tensor:
    """Coefficients of the residual, (1 + 2 lags, voxels): constant, cosines and sines of 2 pi psi lag.

    Residual = s^H P s for the projector P off the columns of water and fat, with the field turned out of s.
    """
    times = echoes.times
    columns = np.stack([np.ones(len(times)), phasor(times, echoes.tesla)], 1) * np.exp(-decay * times)[:, None]
    projector = np.eye(len(times)) - columns @ np.linalg.pinv(columns)
    first, second, between, which = _lags(times)
    found = torch.zeros(1 + 2 * len(between), echoes.signal.shape[1])
    for echo, signal in enumerate(echoes.signal):
        found[0] += float(projector[echo, echo].real) * signal.abs() ** 2
    for one, other, lag in zip(first, second, which, strict=True):
        product = echoes.signal[one].conj() * echoes.signal[other] * complex(2 * projector[one, other])
        found[1 + lag] += product.real
        found[1 + len(between) + lag] += product.imag
    return found


def _grid(times: Times, tesla: float) -> Tensor:
    """Fields that are tried: a whole period, or a fat shift and more to both sides."""
    period, shift = field_period(times), fat_shift(tesla)
    half = period / 2 if np.isfinite(period) else max(0.5 / float(np.diff(times).min()), 1.2 * shift)
    count = int(np.ceil(half / (_STEP * shift))) + 1
    return torch.arange(-count, count + 1, dtype=torch.float32) * _STEP * shift


def _minima(polynomials: Tensor, lags: np.ndarray, grid: Tensor, kept: int = CANDIDATES) -> tuple[Tensor, Tensor]:
    """The deepest minima along the field: Hz and residuals, (kept, voxels) each.

    ``polynomials`` are (decays, coefficients, voxels).
    """
    turns = 2 * np.pi * grid[:, None] * torch.from_numpy(lags.astype(np.float32))
    basis = torch.cat([torch.ones(len(grid), 1), torch.cos(turns), torch.sin(turns)], 1)
    found = []
    for part in torch.split(polynomials, _CHUNK, dim=2):
        cost = basis @ part[0]
        for other in part[1:]:
            torch.minimum(cost, basis @ other, out=cost)
        inner = (cost[1:-1] <= cost[:-2]) & (cost[1:-1] <= cost[2:])
        depth, index = torch.topk(torch.where(inner, cost[1:-1], torch.inf), kept, dim=0, largest=False)
        best = cost.argmin(0)
        lost = torch.isinf(depth)
        field = torch.where(lost, grid[best], grid[1:-1][index])
        found.append((field, torch.where(lost, cost.gather(0, best[None]), depth)))
    return torch.cat([field for field, _ in found], 1), torch.cat([depth for _, depth in found], 1)


def _noise(polynomials: Tensor, energy: Tensor, lags: np.ndarray, grid: Tensor, echoes: int) -> Tensor:
    """Variance of one channel, from what remains of strong voxels at their best field."""
    strong = torch.nonzero(energy > energy.mean())[:, 0]
    strong = strong[:: max(1, len(strong) // 2000)]
    left = _minima(polynomials[:, :, strong], lags, grid, 1)[1][0]
    return left.median().clamp_min(1e-12) / max(2 * echoes - 6, 1)


def _pooled(values: Tensor, edge: int) -> Tensor:
    """Mean over blocks in the plane of (a, b, z, y, x)."""
    flat = values.flatten(0, 2)[:, None]
    small = functional.avg_pool2d(flat, edge, ceil_mode=True, count_include_pad=False)
    return small.view(*values.shape[:3], *small.shape[-2:])


def _agreed(field: Tensor, price: Tensor, trust: Tensor, rounds: int, scale: float, period: float) -> Tensor:
    """Min-sum over six neighbours: field (z, y, x) out of candidates (labels, z, y, x) and their price."""
    messages = [torch.zeros_like(field) for _ in _WAYS]
    steps = []
    for axis, way in _WAYS:
        far = _moved(field, axis, way)
        link = torch.minimum(_moved(trust, axis, way), trust) * (_ACROSS_SLICES if axis == -3 else 1.0)
        apart = _wrapped(field[:, None] - far[None], period) / scale
        steps.append((apart**2).clamp_(max=_JUMP) * link)
    for _ in range(rounds):
        total = price + sum(messages)
        sent = []
        for number, ((axis, way), step) in enumerate(zip(_WAYS, steps, strict=True)):
            arriving = _moved(total - messages[number ^ 1], axis, way)
            best = (step + arriving[None]).amin(1)
            best -= best.amin(0)
            sent.append(0.5 * (best + messages[number]))
        messages = sent
    choice = (price + sum(messages)).argmin(0, keepdim=True)
    return field.gather(0, choice)[0]


def _moved(values: Tensor, axis: int, way: int) -> Tensor:
    """Each voxel's value given to its neighbour along an axis, zero where there is none."""
    size = values.shape[axis]
    out = torch.zeros_like(values)
    out.narrow(axis, max(way, 0), size - 1).copy_(values.narrow(axis, max(-way, 0), size - 1))
    return out


def _wrapped(difference: Tensor, period: float) -> Tensor:
    return difference if np.isinf(period) else difference - period * torch.round(difference / period)
