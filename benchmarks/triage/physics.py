"""Spin-echo signal of tissue: water and fat with their relaxation times, and contrast agent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

Sequence = Literal["t1", "t2", "t1c"]
SEQUENCES: tuple[Sequence, ...] = ("t1", "t2", "t1c")

_FAT_T1, _FAT_T2, _FAT_T2_IN_ECHO_TRAINS = 290.0, 70.0, 115.0  # ms at 1.5 T; long echo trains brighten fat
_R1, _R2 = 4.5, 5.5  # relaxivity, per mmol/L and second
_T2_WEIGHTED = 40.0  # ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """Densities relative to pure water; times in ms at 1.5 T; agent in mmol/L after contrast."""

    water: float
    t1: float
    t2: float
    fat: float = 0.0
    agent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One scanner's settings; triples are for T1, T2 and contrast-enhanced T1."""

    field: float = 1.5
    repetition: tuple[float, float, float] = (580.0, 4200.0, 600.0)
    echo: tuple[float, float, float] = (9.4, 92.0, 9.4)
    fat_kept: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Share of the fat signal that suppression leaves."""
    snr: tuple[float, float] = (14.0, 32.0)
    """Of muscle on T1, from and to."""
    shading: float = 0.35
    slice_mixing: float = 0.0
    """Share of a slice that comes from its neighbours."""

    def signal(self, tissue: Tissue) -> tuple[float, float, float]:
        """Noise-free signal on T1, T2 and contrast-enhanced T1."""
        return tuple(self._signal(tissue, n) for n in range(3))  # type: ignore[return-value]

    def _signal(self, tissue: Tissue, n: int) -> float:
        repetition, echo, strength = self.repetition[n], self.echo[n], self.field / 1.5
        agent = tissue.agent / 1000 if SEQUENCES[n] == "t1c" else 0.0
        t1 = 1 / (1 / (tissue.t1 * strength**0.33) + _R1 * agent)
        t2 = 1 / (1 / (tissue.t2 * strength**-0.12) + _R2 * agent)
        fat_t2 = _FAT_T2_IN_ECHO_TRAINS if echo > _T2_WEIGHTED else _FAT_T2
        water = tissue.water * (1 - math.exp(-repetition / t1)) * math.exp(-echo / t2)
        fat = tissue.fat * (1 - math.exp(-repetition / (_FAT_T1 * strength**0.2))) * math.exp(-echo / fat_t2)
        return water + self.fat_kept[n] * fat


_BASE = Protocol()
PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        "base": _BASE,
        "fat-suppressed T2": replace(_BASE, fat_kept=(1.0, 0.10, 1.0)),
        "fat-suppressed": replace(_BASE, fat_kept=(0.12, 0.10, 0.12)),
        "fat-suppressed T1C": replace(_BASE, fat_kept=(1.0, 1.0, 0.12)),
        "3 T": replace(_BASE, field=3.0, repetition=(650, 4500, 650), echo=(11, 90, 11), shading=0.6, snr=(22.0, 45.0)),
        "noise": replace(_BASE, snr=(6.0, 10.0)),
        "echo time 120": replace(_BASE, echo=(9.4, 120.0, 9.4)),
        "thick slices": replace(_BASE, slice_mixing=0.35),
    }
)

TISSUES: Mapping[str, Tissue] = MappingProxyType(
    {
        "air": Tissue(water=0.0, t1=1000, t2=50),
        "fat": Tissue(water=0.06, t1=700, t2=50, fat=0.88, agent=0.04),
        "muscle": Tissue(water=0.85, t1=900, t2=40, fat=0.03, agent=0.10),
        "bone": Tissue(water=0.07, t1=800, t2=20, fat=0.02),
        "marrow": Tissue(water=0.42, t1=750, t2=55, fat=0.45, agent=0.08),
        "brain": Tissue(water=0.80, t1=800, t2=90, agent=0.01),
        "csf": Tissue(water=1.00, t1=3500, t2=700),
        "mucosa": Tissue(water=0.90, t1=950, t2=85, agent=0.42),
        "gland": Tissue(water=0.72, t1=750, t2=65, fat=0.25, agent=0.32),
        "node": Tissue(water=0.88, t1=950, t2=78, fat=0.05, agent=0.32),
        "vessel": Tissue(water=0.06, t1=1300, t2=100, agent=2.5),
        "recurrence": Tissue(water=0.88, t1=1000, t2=76, agent=0.42),
        "fibrosis": Tissue(water=0.74, t1=860, t2=38, fat=0.03, agent=0.16),
        "inflammation": Tissue(water=0.95, t1=1150, t2=125, agent=0.50),
    }
)
