"""Random upper abdomens that are hard to take apart: bowel on the liver, lungs, heart, vessels, foci and lesions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.fat_fraction.shapes import Ellipsoid, Point, Shape, Tube

SITES: dict[int, Point] = {
    1: (-6, 8, 10), 2: (44, -40, 24), 3: (20, -48, 12), 4: (-22, -34, -6),
    5: (-74, -38, -14), 6: (-84, 20, -22), 7: (-92, 24, 16), 8: (-66, -22, 32),
}  # fmt: skip
"""Where foci and lesions may lie, by Couinaud segment."""
LIVER_TISSUES = ("liver", "spared", "washout", "fnh", "cyst")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One abdomen."""

    shapes: list[Shape]
    tissues: dict[str, tuple[float, float, float, float, float]]
    """Water, fat, R2* 1/s, signal before contrast agent and in the hepatobiliary phase, both fat-suppressed."""
    spared: list[Ellipsoid]
    lesions: list[Ellipsoid]
    liver_fat: float
    """Part of the liver's signal, 0 to 1."""


def draw(random: np.random.Generator) -> Patient:
    """A patient with 15 to 47 % liver fat, 0 to 3 spared areas and 0 to 2 lesions."""
    liver_fat = random.uniform(0.15, 0.47)
    spared_fat = max(0.02, min(liver_fat - random.uniform(0.12, 0.34), 0.17))
    size = random.uniform(0.88, 1.04)
    shapes = [*_trunk(random), *_neighbours(random), *_liver(random)]
    order = [int(segment) for segment in random.permutation(list(SITES))]
    foci, others = int(random.choice([0, 1, 1, 2, 2, 3])), int(random.choice([0, 1, 1, 2]))
    spared = [
        _at(random, segment, "spared", tuple(random.uniform(6.5, 15, 3)), random.uniform(-20, 20))
        for segment in order[:foci]
    ]
    lesions = [
        _at(random, segment, str(random.choice(["washout", "washout", "fnh", "cyst"])), (r, r, r), 0.0)
        for segment, r in zip(order[foci : foci + others], random.uniform(6, 13, others), strict=True)
    ]
    return Patient(
        shapes=[_scaled(shape, size) for shape in (*shapes, *spared, *lesions)],
        tissues=_tissues(random, liver_fat, spared_fat),
        spared=[_scaled(shape, size) for shape in spared],
        lesions=[_scaled(shape, size) for shape in lesions],
        liver_fat=liver_fat,
    )


def _tissues(random: np.random.Generator, liver_fat: float, spared_fat: float) -> dict[str, tuple[float, ...]]:
    decay, bright = random.uniform(22, 55), 736.0 if liver_fat < 0.4 else 600.0
    marbling = random.uniform(0.03, 0.2)
    return {
        "skin fat": (60, 940, 20, 60, 60),
        "muscle": (560, 18, 32, 350, 420),
        "marbled muscle": (560 * (1 - marbling), 560 * marbling, 32, 340, 410),
        "liver": (800 * (1 - liver_fat), 800 * liver_fat, decay, 405, bright),
        "spared": (815 * (1 - spared_fat), 815 * spared_fat, decay, 481, bright * random.uniform(1.15, 1.5)),
        "washout": (690, 10, 20, 300, 250),
        "fnh": (780, 8, 25, 380, bright * 1.15),
        "cyst": (300, 0, 3, 200, 210),
        "spleen": (640, 4, random.uniform(18, 45), 300, 390),
        "blood": (500, 3, 12, 250, 420),
        "kidney": (650, 8, 20, 380, 620),
        "marrow": (330, 270, 60, 180, 200),
        "bile": (400, 0, 4, 260, 300),
        "lung": (20, 2, 60, 10, 10),
        "gas": (0, 0, 0, 0, 0),
        "heart": (600, 20, 25, 330, 480),
        "bowel": (random.uniform(520, 780), 10, 20, 300, 380),
        "stomach": (random.uniform(350, 700), 10, 10, 260, 300),
    }


def _trunk(random: np.random.Generator) -> list[Shape]:
    width, height, skin = random.uniform(140, 175), random.uniform(95, 120), random.uniform(8, 26)
    wide, high, wall = width - skin, height - 0.8 * skin, random.uniform(6, 10)
    return [
        Ellipsoid(tissue="skin fat", centre=(0, 0, 0), radii=(width, height, 400)),
        Ellipsoid(tissue="muscle", centre=(0, 0, 0), radii=(wide, high, 400)),
        Ellipsoid(tissue="skin fat", centre=(0, 0, 0), radii=(wide - wall, high - wall, 400)),
        Ellipsoid(tissue="marrow", centre=(0, 56, 0), radii=(20, 19, 400)),
        Ellipsoid(tissue="marbled muscle", centre=(-34, high - 22, 0), radii=(24, 16, 400)),
        Ellipsoid(tissue="marbled muscle", centre=(34, high - 22, 0), radii=(24, 16, 400)),
    ]


def _neighbours(random: np.random.Generator) -> list[Shape]:
    def about(*radii: float) -> Point:
        x, y, z = np.array(radii) * random.uniform(0.92, 1.08, 3)
        return float(x), float(y), float(z)

    def anywhere(low: Point, high: Point) -> Point:
        x, y, z = random.uniform(low, high)
        return float(x), float(y), float(z)

    return [
        Ellipsoid(tissue="lung", centre=(-62, 14, 122), radii=about(60, 66, 66)),
        Ellipsoid(tissue="lung", centre=(62, 14, 118), radii=about(58, 66, 66)),
        Ellipsoid(tissue="heart", centre=(22, -22, 104), radii=about(46, 40, 36)),
        Ellipsoid(tissue="stomach", centre=(58, -18, 18), radii=about(40, 30, 34)),
        Ellipsoid(tissue="gas", centre=(62, -38, 22), radii=(20, 8, 16)),
        *(
            Ellipsoid(
                tissue="bowel",
                centre=anywhere((-90, -50, -95), (60, 10, -50)),
                radii=anywhere((12, 12, 12), (22, 22, 22)),
            )
            for _ in range(7)
        ),
        Ellipsoid(tissue="bowel", centre=(-70, -40, -66), radii=anywhere((16, 16, 16), (22, 22, 22))),
        Ellipsoid(tissue="spleen", centre=(85, 28, 14), radii=about(24, 38, 36)),
        Ellipsoid(tissue="kidney", centre=(-56, 50, -40), radii=about(24, 25, 44)),
        Ellipsoid(tissue="kidney", centre=(56, 50, -36), radii=about(24, 25, 44)),
    ]


def _liver(random: np.random.Generator) -> list[Shape]:
    right, turn = random.uniform(70, 82), random.uniform(-10, 10)
    x, y, z = np.array((right, 66, 62)) * random.uniform(0.92, 1.06, 3)
    left = np.array((56, 32, 28)) * random.uniform(0.9, 1.1, 3)
    a, b, c = (float(v) for v in left)
    return [
        Ellipsoid(tissue="liver", centre=(-52, -4, random.uniform(-4, 6)), radii=(float(x), float(y), float(z))),
        Ellipsoid(tissue="liver", centre=(30, -38, 22), radii=(a, b, c), turn=turn),
        Ellipsoid(tissue="bile", centre=(-28, -50, -34), radii=(13, 20, 16)),
        _vessel(((-12, 26, -140), (-14, 26, 0), (-18, 14, 40), (-14, 6, 66)), random.uniform(8, 11)),
        _vessel(((6, 32, -200), (6, 32, 200)), 9),
        _vessel(((-14, 24, -20), (-34, 6, 4), (-72, 0, 10), (-98, 6, 14)), random.uniform(4, 6.5)),
        _vessel(((-16, 12, 44), (-60, 0, 34), (-96, 4, 20)), random.uniform(3, 4.5)),
        _vessel(((-16, 10, 44), (-40, -24, 26), (-48, -50, 10)), random.uniform(3, 4.5)),
        _vessel(((-14, 8, 44), (20, -22, 30)), random.uniform(2.5, 4)),
    ]


def _vessel(points: tuple[Point, ...], radius: float) -> Tube:
    return Tube(tissue="blood", points=points, radius=radius)


def _at(random: np.random.Generator, segment: int, tissue: str, radii: Point, turn: float) -> Ellipsoid:
    x, y, z = np.array(SITES[segment]) + random.uniform(-4, 4, 3)
    return Ellipsoid(tissue=tissue, centre=(float(x), float(y), float(z)), radii=radii, turn=turn)


def _scaled(shape: Shape, size: float) -> Shape:
    def times(point: Point) -> Point:
        x, y, z = point
        return size * x, size * y, size * z

    if isinstance(shape, Tube):
        return Tube(tissue=shape.tissue, points=tuple(map(times, shape.points)), radius=size * shape.radius)
    return Ellipsoid(tissue=shape.tissue, centre=times(shape.centre), radii=times(shape.radii), turn=shape.turn)
