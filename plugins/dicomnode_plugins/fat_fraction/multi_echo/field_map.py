"""The field of every voxel, chosen between the minima of its residual so that neighbours agree.

For a fixed R2* the least-squares residual of a voxel is a trigonometric polynomial of the field whose coefficients add
up over voxels (variable projection; Hernando et al., MRM 2010). A block of voxels therefore has one exact joint
residual, and a block that holds both water and fat is not ambiguous. The field is fixed from coarse blocks to single
voxels; at each level min-sum messages between neighbours (Felzenszwalb and Huttenlocher 2006) choose among the deepest
minima. A field that is off by the fat shift exchanges water and fat: the swap that this must prevent.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial, reduce

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from dicomnode_plugins.fat_fraction.multi_echo.six_peaks import Times, fat_shift, field_period, phasor
from dicomnode_plugins.fat_fraction.multi_echo.threads import Threads

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


def field_map(echoes: Echoes, threads: Threads) -> Tensor:
    """Field of the voxels, Hz, (voxels,) float32; up to its period where the echoes are evenly spaced."""
    lags, grid, shift = _lags(echoes.times)[2], _grid(echoes.times, echoes.tesla), fat_shift(echoes.tesla)
    polynomials, energy = _polynomials(echoes, threads)
    noise = _noise(polynomials, energy, lags, grid, len(echoes.times), threads)
    period = field_period(echoes.times)
    strength, pooled = echoes.on_grid(energy), _pooled(echoes, polynomials, threads)
    guide: Tensor | None = None
    for edge, rounds in BLOCKS:
        if edge == 1:
            weight, (field, cost) = strength, map(echoes.on_grid, _minima(polynomials, lags, grid, threads))
        else:
            weight = _blocks(strength[None], edge)[0]
            found = _minima(pooled[edge].flatten(2), lags, grid, threads)
            field, cost = (part.view(-1, *weight.shape) for part in found)
        gain = min(edge * edge, 16) / (2 * noise)
        price = 0.25 * ((cost - cost.amin(0)) * gain).clamp_(max=_MOST[0])
        if guide is not None:
            nearest = functional.interpolate(guide[:, None], size=weight.shape[1:], mode="nearest")[:, 0]
            away = _wrapped(field - nearest, period) / (_GUIDE * shift)
            price += 0.5 * (away**2).clamp_(max=_MOST[1])
        trust = (weight / weight[weight > weight[weight > 0].mean()].median()).clamp(max=1)
        scale = _SMOOTH * shift * (1 + edge / 4)
        guide = _agreed(field, price, trust, rounds, scale, period, threads)
    assert guide is not None
    return guide.flatten()[echoes.where]


def _lags(times: Times) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of echoes m < n, the distinct times between them, and which pair has which."""
    first, second = np.triu_indices(len(times), 1)
    between, which = np.unique(np.round(times[second] - times[first], 6), return_inverse=True)
    return first, second, between, which


def _polynomials(echoes: Echoes, threads: Threads) -> tuple[Tensor, Tensor]:
    """Coefficients of the residual for each R2*, (decays, 1 + 2 lags, voxels), and the energy of the voxels.

    The coefficients are a constant, cosines and sines of 2 pi psi lag: residual = s^H P s for the projector P off the
    columns of water and fat, with the field turned out of s.
    """
    times = echoes.times
    first, second, between, which = _lags(times)
    fat = phasor(times, echoes.tesla)
    projectors = []
    for decay in R2_STAR:
        columns = np.stack([np.ones(len(times)), fat], 1) * np.exp(-decay * times)[:, None]
        projectors.append(np.eye(len(times)) - columns @ np.linalg.pinv(columns))
    voxels = echoes.signal.shape[1]
    found = torch.zeros(len(R2_STAR), 1 + 2 * len(between), voxels)
    energy = torch.empty(voxels)

    def work(part: slice) -> None:
        signal, own = echoes.signal[:, part], found[:, :, part]
        sizes = signal.real**2 + signal.imag**2
        torch.sum(sizes, 0, out=energy[part])
        for coefficients, projector in zip(own, projectors, strict=True):
            torch.sum(
                sizes * torch.from_numpy(projector.real.diagonal().astype(np.float32))[:, None], 0, out=coefficients[0]
            )
        for one, other, lag in zip(first, second, which, strict=True):
            product = signal[one].conj() * signal[other]
            for coefficients, projector in zip(own, projectors, strict=True):
                turned = product * complex(2 * projector[one, other])
                coefficients[1 + lag] += turned.real
                coefficients[1 + len(between) + lag] += turned.imag

    threads.each(work, voxels)
    return found, energy


def _grid(times: Times, tesla: float) -> Tensor:
    """Fields that are tried: a whole period, or a fat shift and more to both sides."""
    period, shift = field_period(times), fat_shift(tesla)
    half = period / 2 if np.isfinite(period) else max(0.5 / float(np.diff(times).min()), 1.2 * shift)
    count = int(np.ceil(half / (_STEP * shift))) + 1
    return torch.arange(-count, count + 1, dtype=torch.float32) * _STEP * shift


def _minima(
    polynomials: Tensor, lags: np.ndarray, grid: Tensor, threads: Threads, kept: int = CANDIDATES
) -> tuple[Tensor, Tensor]:
    """The deepest minima along the field: Hz and residuals, (kept, voxels) each.

    ``polynomials`` are (decays, coefficients, voxels).
    """
    turns = 2 * np.pi * grid[:, None] * torch.from_numpy(lags.astype(np.float32))
    basis = torch.cat([torch.ones(len(grid), 1), torch.cos(turns), torch.sin(turns)], 1)

    def work(part: slice) -> tuple[Tensor, Tensor]:
        cost = basis @ polynomials[0, :, part]
        for other in polynomials[1:, :, part]:
            torch.minimum(cost, basis @ other, out=cost)
        inner = (cost[1:-1] <= cost[:-2]) & (cost[1:-1] <= cost[2:])
        depth, index = torch.topk(torch.where(inner, cost[1:-1], torch.inf), kept, dim=0, largest=False)
        best = cost.argmin(0)
        lost = torch.isinf(depth)
        field = torch.where(lost, grid[best], grid[1:-1][index])
        return field, torch.where(lost, cost.gather(0, best[None]), depth)

    found = threads.each(work, polynomials.shape[2])
    return torch.cat([field for field, _ in found], 1), torch.cat([depth for _, depth in found], 1)


def _noise(
    polynomials: Tensor, energy: Tensor, lags: np.ndarray, grid: Tensor, echoes: int, threads: Threads
) -> Tensor:
    """Variance of one channel, from what remains of strong voxels at their best field."""
    strong = torch.nonzero(energy > energy.mean())[:, 0]
    strong = strong[:: max(1, len(strong) // 2000)]
    left = _minima(polynomials[:, :, strong], lags, grid, threads, 1)[1][0]
    return left.median().clamp_min(1e-12) / max(2 * echoes - 6, 1)


def _pooled(echoes: Echoes, polynomials: Tensor, threads: Threads) -> dict[int, Tensor]:
    """Mean polynomials of blocks by their edge, (decays, coefficients, z, y, x)."""
    edges = [edge for edge, _ in BLOCKS if edge > 1]

    def work(polynomial: Tensor) -> list[Tensor]:
        whole = echoes.on_grid(polynomial)
        return [_blocks(whole, edge) for edge in edges]

    found = threads.pool.map(work, polynomials)
    return dict(zip(edges, map(torch.stack, zip(*found, strict=True)), strict=True))


def _blocks(values: Tensor, edge: int) -> Tensor:
    """Mean over blocks in the plane of (a, z, y, x)."""
    flat = values.flatten(0, 1)[:, None]
    small = functional.avg_pool2d(flat, edge, ceil_mode=True, count_include_pad=False)
    return small.view(*values.shape[:2], *small.shape[-2:])


def _agreed(
    field: Tensor, price: Tensor, trust: Tensor, rounds: int, scale: float, period: float, threads: Threads
) -> Tensor:
    """Min-sum over six neighbours: field (z, y, x) out of candidates (labels, z, y, x) and their price.

    The grid is walked as one line, on which a neighbour lies a fixed stride ahead or back.
    """
    labels, (_, rows, columns) = len(field), field.shape[1:]
    fields, prices = field.reshape(labels, -1), price.reshape(labels, -1)
    strides = (rows * columns, columns, 1)
    steps = [_steps(fields, _links(trust, axis), strides[axis], scale, period, threads) for axis in range(3)]
    messages, total = torch.zeros(3, 2, *fields.shape), torch.empty_like(fields)

    def gather(part: slice) -> None:
        torch.sum(messages[:, :, :, part], (0, 1), out=total[:, part]).add_(prices[:, part])

    def exchange(stride: int, step: Tensor, ahead: Tensor, back: Tensor, near: slice) -> None:
        far = slice(near.start + stride, near.stop + stride)
        leaving, returning = total[:, near] - back[:, near], total[:, far] - ahead[:, far]
        _send(leaving, step[:, :, near], ahead[:, far])
        _send(returning, step[:, :, near].transpose(0, 1), back[:, near])

    for _ in range(rounds):
        threads.each(gather, fields.shape[1])
        for stride, step, (ahead, back) in zip(strides, steps, messages, strict=True):
            threads.each(partial(exchange, stride, step, ahead, back), fields.shape[1] - stride)
    threads.each(gather, fields.shape[1])
    return fields.gather(0, total.argmin(0, keepdim=True)).view(field.shape[1:])


def _links(trust: Tensor, axis: int) -> Tensor:
    """Trust between each voxel and the next along an axis, flat; none where there is no next."""
    link, count = torch.zeros_like(trust), trust.shape[axis] - 1
    torch.minimum(trust.narrow(axis, 0, count), trust.narrow(axis, 1, count), out=link.narrow(axis, 0, count))
    return link.flatten() * (_ACROSS_SLICES if axis == 0 else 1.0)


def _steps(fields: Tensor, link: Tensor, stride: int, scale: float, period: float, threads: Threads) -> Tensor:
    """What it costs to go from each candidate to each of the voxel a stride ahead, (labels, labels, voxels)."""
    labels, count = fields.shape
    cost = torch.empty(labels, labels, count - stride)

    def work(near: slice) -> None:
        far = slice(near.start + stride, near.stop + stride)
        apart = _wrapped(fields[:, None, near] - fields[None, :, far], period).div_(scale)
        torch.mul(apart.square_().clamp_(max=_JUMP), link[near], out=cost[:, :, near])

    threads.each(work, count - stride)
    return cost


def _send(leaving: Tensor, step: Tensor, message: Tensor) -> None:
    """Halfway from the old message to the cheapest ways from every candidate, at least 0, in place."""
    best = reduce(torch.minimum, step + leaving[:, None])
    best -= reduce(torch.minimum, best)
    message.add_(best).mul_(0.5)


def _wrapped(difference: Tensor, period: float) -> Tensor:
    return difference if np.isinf(period) else difference - period * torch.round(difference / period)
