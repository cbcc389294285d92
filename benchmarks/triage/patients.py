"""Synthetic patients after treatment: recurrence, or one of three things that look like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from benchmarks.triage.anatomy import LATERAL_FAT, Ellipsoid, Vector, neck, pharynx, rotation, vector
from benchmarks.triage.physics import TISSUES, Tissue

Kind = Literal["recurrence", "fibrosis", "inflammation", "clear"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PREVALENCE = 0.45


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """0: as in a textbook; 1: the kinds hardly differ. Shape moves T1 most, water T2, agent contrast-enhanced T1."""

    shape: float = 0.62
    water: float = 0.88
    agent: float = 0.80


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MassEffect:
    """Surroundings pushed away from a centre, or pulled to it."""

    centre: Vector
    reach: float
    amount: float
    """mm; negative pulls, as a scar does."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Patient:
    """All there is before a scanner looks."""

    kind: Kind
    structures: tuple[Ellipsoid, ...]
    tissues: Mapping[str, Tissue]
    pose: Vector
    shift: Vector
    waves: Vector
    """(3, 7): amplitude, direction and phase of smooth deformations."""
    mass_effect: MassEffect | None
    texture: Vector
    """(8, 4): direction and phase."""


def draw(random: np.random.Generator, difficulty: Difficulty) -> Patient:
    """One patient of a kind drawn by prevalence."""
    kind: Kind = "recurrence"
    if random.random() >= PREVALENCE:
        kind = random.choice(["clear", "fibrosis", "inflammation"], p=[0.4, 0.35, 0.25])
    structures = _neck_and_pharynx(random, kind, difficulty)
    lesion, mass_effect = _lesion(random, kind, difficulty)
    waves = np.concatenate([random.normal(0, 0.9, (3, 3)), _waves(random, 3, (50, 110))], 1)
    return Patient(
        kind=kind,
        structures=(*structures, *lesion),
        tissues=_tissues(random, difficulty),
        pose=(rotation(random.normal(0, 4, 3)) * random.normal(1, 0.035, 3)).astype(np.float32),
        shift=vector(*random.normal(0, 3, 3)),
        waves=waves.astype(np.float32),
        mass_effect=mass_effect,
        texture=_waves(random, 8, (8, 30)).astype(np.float32),
    )


def _waves(random: np.random.Generator, count: int, lengths: tuple[float, float]) -> np.ndarray:
    directions = random.normal(0, 1, (count, 3))
    directions *= (2 * np.pi / random.uniform(*lengths, count) / np.linalg.norm(directions, axis=1))[:, None]
    return np.concatenate([directions, random.uniform(0, 2 * np.pi, (count, 1))], 1)


def _tissues(random: np.random.Generator, difficulty: Difficulty) -> dict[str, Tissue]:
    tissues = {name: _varied(random, tissue) for name, tissue in TISSUES.items()}
    irradiated = random.uniform(0.7, 1.5)
    tissues["marrow"] = replace(tissues["marrow"], fat=tissues["marrow"].fat * irradiated)
    for name in ("recurrence", "fibrosis", "inflammation"):
        tissues[name] = _towards_the_middle(random, TISSUES[name], difficulty)
    return tissues


def _varied(random: np.random.Generator, tissue: Tissue) -> Tissue:
    return Tissue(
        water=tissue.water * random.normal(1, 0.03),
        t1=tissue.t1 * random.normal(1, 0.06),
        t2=tissue.t2 * random.normal(1, 0.06),
        fat=tissue.fat * random.normal(1, 0.06),
        agent=tissue.agent * random.normal(1, 0.15),
    )


def _towards_the_middle(random: np.random.Generator, tissue: Tissue, difficulty: Difficulty) -> Tissue:
    """A lesion's tissue: with difficulty the kinds come nearer to each other and each spreads more."""
    water, agent = 0.7 * difficulty.water, 0.7 * difficulty.agent
    log_t2 = (1 - water) * np.log(tissue.t2) + water * np.log(66.0) + random.normal(0, 0.08 + 0.22 * difficulty.water)
    taken_up = (1 - agent) * tissue.agent + agent * 0.34 + random.normal(0, 0.03 + 0.12 * difficulty.agent)
    return replace(
        tissue,
        t2=float(np.exp(log_t2)),
        agent=max(float(taken_up), 0.02),
        t1=tissue.t1 * random.normal(1, 0.08),
        water=tissue.water * random.normal(1, 0.04),
    )


def _neck_and_pharynx(random: np.random.Generator, kind: Kind, difficulty: Difficulty) -> list[Ellipsoid]:
    structures = neck(random)
    if random.random() < 0.5:  # fat differs between the sides in health too
        places = [n for n, structure in enumerate(structures) if structure.name == LATERAL_FAT]
        place = int(random.choice(places))
        less = random.uniform((0.6, 0.8, 0.8), (1.0, 1.05, 1.05)).astype(np.float32)
        structures[place] = replace(structures[place], radii=structures[place].radii * less)
    thickness, wall, lean = random.uniform(2.0, 4.0), "mucosa", random.normal(0, 0.5)
    if kind == "inflammation":
        thickness += random.uniform(1.0, 4.5)
        wall, lean = "inflammation", random.normal(0, 0.4 + 0.8 * difficulty.shape)
    structures += pharynx(thickness, wall, lean)
    if random.random() < 0.35:
        centre = vector(random.choice((-1, 1)) * 16, 17, random.uniform(-16, -4))
        radii = vector(*random.uniform(2.2, 4.2, 3))
        structures.append(Ellipsoid(centre=centre, radii=radii, tissue="node"))
    return structures


def _lesion(
    random: np.random.Generator, kind: Kind, difficulty: Difficulty
) -> tuple[list[Ellipsoid], MassEffect | None]:
    side = int(random.choice((-1, 1)))
    centre = np.array((side * random.uniform(14, 20), random.uniform(1, 9), random.uniform(-16, 2)))
    if kind == "recurrence":
        size = float(np.exp(np.log(9.0 - 4.0 * difficulty.shape) + random.normal(0, 0.22 + 0.2 * difficulty.shape)))
        amount = size * (0.45 - 0.25 * difficulty.shape) * random.uniform(0.5, 1.4)
        mass = _mass(random, centre, size, side)
        if random.random() < 0.35:  # the treated side may be scarred as well
            other = centre * np.array((-1, 1, 1)) + random.normal(0, 2, 3)
            mass += _scar(random, other, random.uniform(3, 5), random.uniform(0.4, 0.8))
        return mass, MassEffect(centre=vector(*centre), reach=1.7 * size, amount=amount)
    if kind == "fibrosis":
        size = float(np.exp(np.log(5.0 + 1.5 * difficulty.shape) + random.normal(0, 0.25 + 0.1 * difficulty.shape)))
        amount = -size * (0.45 - 0.25 * difficulty.shape) * random.uniform(0.3, 1.2)
        scar = _scar(random, centre, size, random.uniform(0.6, 1.0))
        return scar, MassEffect(centre=vector(*centre), reach=1.7 * size, amount=amount)
    if random.random() < 0.3:
        return _scar(random, centre, random.uniform(2.5, 4.5), random.uniform(0.3, 0.7)), None
    return [], None


def _mass(random: np.random.Generator, centre: np.ndarray, size: float, side: int) -> list[Ellipsoid]:
    """A lump, its growth into the lateral fat, and a smaller lump."""
    lateral = np.array((side * random.uniform(0.5, 1.1), random.normal(0, 0.3), random.normal(0, 0.4)))
    parts = (
        (np.zeros(3), 1.0),
        (lateral, random.uniform(0.55, 0.9)),
        (random.normal(0, 0.6, 3), random.uniform(0.4, 0.8)),
    )
    return [
        Ellipsoid(
            centre=vector(*(centre + size * away)),
            radii=vector(*(share * size * random.uniform(0.75, 1.25, 3))),
            tissue="recurrence",
            edge=1.2,
            turn=rotation(random.uniform(-40, 40, 3)),
            unmoved=True,
        )
        for away, share in parts
    ]


def _scar(random: np.random.Generator, centre: np.ndarray, size: float, share: float) -> list[Ellipsoid]:
    """Three strands with blurred edges."""
    return [
        Ellipsoid(
            centre=vector(*(centre + random.normal(0, 0.5, 3) * size)),
            radii=vector(*(size * random.uniform(0.5, 1.2, 3))),
            tissue="fibrosis",
            edge=2.5,
            share=share,
            turn=rotation(random.uniform(-40, 40, 3)),
            unmoved=True,
        )
        for _ in range(3)
    ]
