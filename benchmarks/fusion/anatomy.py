"""Random heads and necks of ellipsoids and tubes, with the nerves that neurography shows.

The origin is the nasopharynx; x runs to the left, y to the back, z to the head, mm. Every structure of one head
differs by up to 5 % in size from that of another, which is less than people differ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]
Point = tuple[float, float, float]

CONTRASTS = ("ce_t1", "ce_mrn", "t1", "t2", "ce_t1_fs")
SIGNAL: dict[str, tuple[float, ...]] = {
    "air": (0, 0, 0, 0, 0),
    "fat": (900, 45, 900, 620, 60),
    "muscle": (420, 90, 340, 210, 430),
    "bone": (70, 15, 60, 40, 60),
    "marrow": (760, 60, 760, 480, 160),
    "brain": (470, 430, 450, 420, 470),
    "white matter": (540, 330, 520, 330, 540),
    "csf": (150, 1000, 120, 1000, 150),
    "vitreous": (140, 960, 110, 980, 140),
    "mucosa": (780, 300, 350, 640, 800),
    "gland": (640, 120, 520, 470, 560),
    "node": (600, 260, 330, 520, 600),
    "vessel": (860, 10, 60, 40, 900),
    "nerve": (360, 860, 330, 520, 380),
    "tumour": (820, 150, 330, 560, 860),
    "cord": (480, 460, 460, 430, 480),
    "disc": (300, 150, 280, 260, 300),
}
"""By :data:`CONTRASTS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """Turned about its centre."""

    tissue: str
    centre: FloatArray
    radii: FloatArray
    rotation: FloatArray
    edge: float = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """A line of one thickness, with round ends."""

    tissue: str
    start: FloatArray
    end: FloatArray
    radius: float
    edge: float = 0.5


Shape = Ellipsoid | Tube


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Shapes, the later over the earlier, and plane waves of signal that run through all of them."""

    shapes: tuple[Shape, ...]
    waves: FloatArray
    """(n, 3) radian/mm."""
    phases: FloatArray
    """(n,) radian."""


def rotation(rx: float, ry: float, rz: float) -> FloatArray:
    """Rz @ Rx @ Ry, degrees about the axes of the patient."""
    (sx, sy, sz), (cx, cy, cz) = (f(np.deg2rad([rx, ry, rz])) for f in (np.sin, np.cos))
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return z @ x @ y


def draw(seed: int) -> Head:
    """The head of a seed, with a tumour beside the nasopharynx."""
    random = np.random.default_rng(seed)
    shapes: list[Shape] = [_ellipsoid(random, *row) for row in _TRUNK]
    for side in (1, -1):
        shapes += [_ellipsoid(random, *_mirrored(row, side)) for row in _PAIRED]
        shapes += [tube for row in _PAIRED_LINES for tube in _tubes(*row, side)]
        shapes += [
            tube for n, z in enumerate(range(-40, -148, -18)) for tube in _tubes("nerve", 1.7, _root(n, z), side)
        ]
    shapes += [_ellipsoid(random, *row) for row in _MIDLINE]
    shapes += _spine()
    shapes.append(_tumour(random))
    lengths = random.uniform(7, 30, (14, 1))
    directions = random.normal(size=(14, 3))
    waves = 2 * np.pi / lengths * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    return Head(shapes=tuple(shapes), waves=waves, phases=random.uniform(0, 6.28, 14))


def _ellipsoid(random: np.random.Generator, tissue: str, centre: Point, radii: Point, turn: Point = (0, 0, 0)) -> Shape:
    varied = np.asarray(radii) * (1 + 0.05 * random.uniform(-1, 1, 3))
    return Ellipsoid(tissue=tissue, centre=np.asarray(centre, float), radii=varied, rotation=rotation(*turn))


def _mirrored(row: tuple, side: int) -> tuple:
    tissue, (x, y, z), radii, *turn = row
    return tissue, (side * x, y, z), radii, *((rx, side * ry, side * rz) for rx, ry, rz in turn)


def _tubes(tissue: str, radius: float, points: tuple[Point, ...], side: int = 1) -> list[Shape]:
    placed = np.array(points, float) * (side, 1, 1)
    return [Tube(tissue=tissue, start=start, end=end, radius=radius) for start, end in pairwise(placed)]


def _root(number: int, z: float) -> tuple[Point, ...]:
    return (6, 44, z + 6), (20, 42, z), (40, 46, z - 12 - 2 * number), (62, 48, z - 26 - 5 * number)


def _spine() -> list[Shape]:
    shapes: list[Shape] = []
    for z in range(-34, -160, -18):
        for tissue, centre, radii, turn in (
            ("bone", (0, 30, z), (11, 9, 7.5), (0, 0, 0)),
            ("marrow", (0, 30, z), (9.5, 7.5, 6.5), (0, 0, 0)),
            ("disc", (0, 30, z - 9), (10, 8, 2.4), (0, 0, 0)),
            ("marrow", (0, 62, z - 4), (4, 12, 5), (25, 0, 0)),
        ):
            shapes.append(
                Ellipsoid(
                    tissue=tissue,
                    centre=np.array(centre, float),
                    radii=np.array(radii, float),
                    rotation=rotation(*turn),
                )
            )
    shapes += _tubes("csf", 8.0, ((0, 34, 4), (0, 44, -30), (0, 46, -160)))
    return shapes + _tubes("cord", 4.6, ((0, 34, 6), (0, 44, -30), (0, 46, -160)))


def _tumour(random: np.random.Generator) -> Shape:
    side = random.choice((-1, 1))
    centre = np.array((side * random.uniform(10, 22), random.uniform(-2, 8), random.uniform(-14, 2)))
    radii = random.uniform(7, 14, 3)
    return Ellipsoid(
        tissue="tumour", centre=centre, radii=radii, rotation=rotation(*random.uniform(-30, 30, 3)), edge=0.9
    )


_TRUNK = (
    ("fat", (0, 18, 62), (78, 98, 96)), ("muscle", (0, 18, 62), (74, 94, 92)),
    ("fat", (0, 22, -95), (62, 62, 120)), ("muscle", (0, 24, -95), (56, 56, 118)),
    ("fat", (0, -40, -20), (56, 52, 62)), ("muscle", (0, -36, -20), (50, 48, 58)),
    ("bone", (0, 24, 70), (70, 88, 84)), ("marrow", (0, 24, 70), (68, 86, 82)), ("bone", (0, 24, 70), (66, 84, 80)),
    ("csf", (0, 24, 71), (64, 82, 78)), ("brain", (31, 24, 74), (30, 78, 70)), ("brain", (-31, 24, 74), (30, 78, 70)),
    ("white matter", (30, 22, 78), (22, 62, 50)), ("white matter", (-30, 22, 78), (22, 62, 50)),
    ("brain", (0, 60, 18), (46, 26, 22)), ("white matter", (0, 30, 25), (14, 12, 24)),
    ("csf", (9, 18, 80), (5, 34, 12), (10, 0, 8)), ("csf", (-9, 18, 80), (5, 34, 12), (10, 0, -8)),
)  # fmt: skip
_PAIRED = (
    ("vitreous", (32, -58, 32), (14, 14, 13)), ("fat", (32, -40, 32), (13, 16, 12)),
    ("bone", (27, -45, 2), (15, 17, 16)), ("air", (27, -45, 2), (13.5, 15.5, 14.5)),
    ("gland", (52, 16, -22), (12, 18, 26), (0, 0, 12)), ("muscle", (40, -4, -26), (8, 20, 24), (0, 8, 0)),
    ("marrow", (46, -14, -30), (5, 18, 30), (15, 0, 0)), ("fat", (30, 2, -6), (9, 13, 16)),
    ("muscle", (27, -5, -4), (4, 14, 15)), ("gland", (30, -22, -68), (14, 20, 10)),
    ("bone", (58, 40, 8), (14, 18, 20)), ("air", (58, 44, 2), (9, 10, 12)), ("node", (36, 20, -60), (7, 9, 12)),
)  # fmt: skip
_PAIRED_LINES = (
    ("vessel", 3.2, ((26, 22, -160), (27, 18, -80), (24, 14, -30), (22, 12, 6))),
    ("vessel", 4.2, ((33, 30, -160), (34, 26, -80), (30, 22, -20), (28, 24, 4))),
    # trigeminal ganglion to mandibular and inferior alveolar nerve; lingual; maxillary
    ("nerve", 1.5, ((10, 24, 22), (20, 6, 16), (24, 0, 6), (27, -2, -14), (36, -6, -30))),
    ("nerve", 1.5, ((36, -6, -30), (40, -24, -46), (26, -50, -56))),
    ("nerve", 1.2, ((27, -2, -14), (30, -10, -28), (26, -26, -44), (16, -42, -46))),
    ("nerve", 1.2, ((20, 6, 16), (22, -14, 14), (26, -32, 18), (26, -58, 10))),
    # facial; vagus and hypoglossal
    ("nerve", 1.1, ((22, 30, 14), (44, 34, 2), (52, 24, -16), (58, 4, -26))),
    ("nerve", 1.4, ((14, 32, 0), (26, 26, -16), (31, 22, -60), (31, 26, -150))),
)  # fmt: skip
_MIDLINE = (
    ("marrow", (0, 8, 6), (14, 12, 9)), ("air", (0, -8, 14), (12, 11, 9)), ("muscle", (0, 12, -14), (20, 4, 22)),
    ("mucosa", (0, 2, -8), (16, 8, 14)), ("air", (0, 0, -10), (10, 6, 13)), ("bone", (0, -30, -2), (3, 26, 16)),
    ("mucosa", (7, -32, -4), (4, 22, 13)), ("mucosa", (-7, -32, -4), (4, 22, 13)),
    ("muscle", (0, -38, -36), (26, 28, 20)), ("fat", (0, -30, -38), (3, 22, 16)),
    ("air", (0, -4, -45), (9, 7, 30)), ("air", (0, -8, -110), (9, 9, 60)),
)  # fmt: skip
