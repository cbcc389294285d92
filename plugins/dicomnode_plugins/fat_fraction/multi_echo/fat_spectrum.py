"""What this patient's own fat sounds like: the likeliest phasor, given human fat and the patient's voxels.

A priori fat is a triglyceride: chain length, double bonds and methylene-interrupted ones fix the size of its nine peaks
(Hamilton et al., NMR Biomed 2011). Around the liver's these three vary as in human fat; peaks are a little stronger or
weaker and lie a little elsewhere (temperature, unresolved multiplets); published spectra are directions of their own.
With a normal distribution of each, the most probable phasor is a linear problem, joint over voxels, after water, fat,
phase, field and R2* of each voxel are projected out (self-calibration, Yu et al., MRM 2008). Voxels that hold water and
fat tell what pure fat cannot: which part of the phasor stands still against water.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from dicomnode_plugins.fat_fraction.multi_echo.six_peaks import HERTZ_PER_TESLA, PEAKS, Peaks, Times, phasor, turns
from dicomnode_plugins.fat_fraction.multi_echo.voxel_fit import Fitted, energy, fitted

SHIFTS = (-3.80, -3.40, -3.11, -2.67, -2.45, -1.93, -0.50, 0.49, 0.59)
"""ppm from water: methyl, methylene, beta-carboxyl, alpha-olefinic, alpha-carboxyl, diacyl, glycerol (2), olefinic."""
LIVER = (1.92, 0.32, 17.45)
"""Double bonds, methylene-interrupted ones and chain length of liver fat (Hamilton et al. 2011)."""
PUBLISHED: tuple[Peaks, ...] = (
    PEAKS,
    ((-3.29, 0.75), (-2.49, 0.17), (0.74, 0.08)),
    ((-3.80, 0.090), (-3.40, 0.583), (-3.10, 0.060), (-2.68, 0.085), (-2.46, 0.060), (-1.95, 0.015), (-0.50, 0.040),
     (0.49, 0.010), (0.59, 0.057)),
    ((-3.80, 0.087), (-3.40, 0.568), (-3.11, 0.058), (-2.70, 0.092), (-2.45, 0.058), (-1.93, 0.027), (-0.50, 0.038),
     (0.61, 0.073)),
    ((-3.73, 0.08), (-3.33, 0.63), (-3.04, 0.07), (-2.60, 0.09), (-2.38, 0.07), (-1.86, 0.02), (0.68, 0.04)),
    ((-3.90, 0.087), (-3.50, 0.694), (-2.70, 0.128), (-2.04, 0.004), (-0.49, 0.039), (0.50, 0.048)),
)  # fmt: skip
"""Liver (Hamilton 2011); Yu 2008; adipose tissue and marrow (Ren 2008); marrow (Karampinos 2014); liver (Zhong 2014);
liver with iron (Hernando 2013)."""
_VARIES = (1.0, 0.3, 0.4)  # of LIVER, standard deviations
_SHARE = 0.2  # of each peak
_PLACE = 0.03  # of each peak, ppm
_TOWARDS = 0.5  # to each of the published
_LEAST = 1e-3  # of the strongest direction; weaker ones cannot be told
_ROUNDS = 4
_SPOILED = 4.0  # times the median of what is left: no water and fat alone
_TRUSTED = 4000.0  # voxels; more do not make errors of the model smaller

Phasor = npt.NDArray[np.complex128]
"""One unit of fat against water, (echoes,)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HumanFat:
    """Normal distribution of the phasor: mean, and independent directions of one standard deviation."""

    mean: Phasor
    directions: npt.NDArray[np.complex128]
    """(echoes, directions)."""


def protons(double_bonds: float, interrupted: float, chain: float) -> npt.NDArray[np.float64]:
    """Protons of one triglyceride under each of :data:`SHIFTS` (Hamilton et al. 2011)."""
    methylene = 6 * (chain - 4) - 8 * double_bonds + 2 * interrupted
    return np.array(
        [9, methylene, 6, 4 * (double_bonds - interrupted), 6, 2 * interrupted, 4, 1, 2 * double_bonds], np.float64
    )


def human_fat(times: Times, tesla: float) -> HumanFat:
    """What fat may sound like before any voxel is seen."""
    peaks, counts = turns(times, tesla, SHIFTS), protons(*LIVER)
    share = counts / counts.sum()
    mean = peaks @ share
    ways = []
    for number, size in enumerate(_VARIES):
        other = protons(*(value + size * (number == place) for place, value in enumerate(LIVER)))
        ways.append(peaks @ (other - counts) / counts.sum() - mean * (other - counts).sum() / counts.sum())
    ways.extend(_SHARE * (share * (peaks - mean[:, None])).T)
    ways.extend(_PLACE * (2j * np.pi * HERTZ_PER_TESLA * tesla * times[:, None] * peaks * share).T)
    ways.extend(_TOWARDS * (phasor(times, tesla, spectrum) - mean) for spectrum in PUBLISHED)
    stacked = np.concatenate([np.real(ways), np.imag(ways)], 1).T
    axes, sizes, _ = np.linalg.svd(stacked, full_matrices=False)
    columns = (axes * sizes)[:, sizes > _LEAST * sizes[0]]
    return HumanFat(mean=mean, directions=columns[: len(times)] + 1j * columns[len(times) :])


def told(signal: Tensor, times: Times, known: HumanFat, field: Tensor, decay: Tensor) -> Phasor:
    """The most probable phasor, given voxels of fat and of fat in water.

    Parameters
    ----------
    signal : (echoes, voxels) complex
        Of at least as many voxels as the phasor has directions.
    times : (echoes,)
    known : HumanFat
    field, decay : (voxels,)
        As fitted with the mean of human fat, Hz and 1/s.
    """
    signal, mean = signal.to(torch.complex128), torch.from_numpy(known.mean)
    directions = torch.from_numpy(known.directions)
    field, decay = field.double(), decay.double()
    amount, fat = torch.zeros(directions.shape[1], dtype=torch.float64), mean
    for _ in range(_ROUNDS):
        found = fitted(signal, times, fat, field, decay, steps=2)
        field, decay = found.field, found.decay
        error = energy(found.left)
        sound = error <= _SPOILED * error.median()
        slopes, rest = _free(found, times, fat, directions)
        slopes, rest = slopes[sound], rest[sound]
        amount = _amount(slopes, rest, amount)
        fat = mean + directions @ amount.to(torch.complex128)
    result: Phasor = fat.numpy()
    return result


def _amount(slopes: Tensor, rest: Tensor, amount: Tensor) -> Tensor:
    """The most probable way along each direction, in standard deviations, from a fit at ``amount``.

    Where this would be stranger than about one human fat in a thousand, the model is wrong elsewhere (rounded echo
    times, phase errors), and its errors are taken to be as much larger as it needs to be believed.
    """
    freedom, ways = max(rest.shape[1] - 5, 1), slopes.shape[2]
    noise = ((rest**2).sum(1).median() / freedom).clamp_min(1e-12)
    trust = min(1.0, _TRUSTED / len(rest)) / noise
    normal = torch.einsum("vek,vel->kl", slopes, slopes)
    right = torch.einsum("vek,ve->k", slopes, rest) + normal @ amount
    likely, prior = ways + 3 * (2 * ways) ** 0.5, torch.eye(ways, dtype=rest.dtype)
    while True:
        found: Tensor = torch.linalg.solve(trust * normal + prior, trust * right)
        if found @ found <= likely:
            return found
        trust = trust / 2


def _free(found: Fitted, times: Times, fat: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes along the directions, (voxels, 2 echoes, directions), and what is left, (voxels, 2 echoes).

    Of both the part that no change of a voxel's water, fat, common phase, field or R2* explains.
    """
    t = torch.from_numpy(times)[:, None]
    whole = found.water + found.fat
    phase = whole / whole.abs().clamp_min(1e-12)
    turning = found.turning * phase
    water, part = (found.water / phase).real, (found.fat / phase).real
    model = (water + part * fat[:, None]) * turning
    signal = found.left + (found.water + found.fat * fat[:, None]) * found.turning
    own = torch.stack([1j * model, turning, fat[:, None] * turning, 2j * np.pi * t * model, t * model], -1)
    basis, _ = torch.linalg.qr(_apart(own))
    slopes = _apart((part * turning)[..., None] * directions[:, None])
    rest = _apart((signal - model)[..., None])
    slopes, rest = (of - basis @ (basis.transpose(1, 2) @ of) for of in (slopes, rest))
    return slopes, rest[..., 0]


def _apart(columns: Tensor) -> Tensor:
    """(echoes, voxels, columns) complex as (voxels, 2 echoes, columns), real parts first."""
    return torch.cat([columns.real, columns.imag]).transpose(0, 1).contiguous()
