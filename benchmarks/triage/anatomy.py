"""Where things are in a neck: ordered soft ellipsoids in LPS mm about the nasopharynx, later ones over earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]

LATERAL_FAT = "parapharyngeal"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ellipsoid:
    """A structure of one tissue with a soft edge."""

    centre: Vector
    """x to the left, y to the back, z to the head, mm."""
    radii: Vector
    tissue: str
    edge: float = 1.0
    """Width of the transition, mm."""
    share: float = 1.0
    """Below 1 what lies underneath shines through, as between strands."""
    turn: Vector | None = None
    unmoved: bool = False
    """A lesion does not push itself."""
    name: str = ""


# (mirrored, centre, radii, tissue, edge): |x| of a mirrored one lies on both sides.
_STRUCTURES = (
    (False, (0, 15, 20), (80, 100, 140), "fat", 1),
    (False, (0, 15, 20), (74, 94, 134), "muscle", 1),
    (False, (0, 25, 78), (68, 86, 64), "bone", 1),
    (False, (0, 25, 78), (64, 82, 60), "brain", 3),
    (False, (0, 17, 14), (15, 11, 13), "bone", 1),  # clivus
    (False, (0, 17, 14), (13, 9, 11), "marrow", 2),
    (False, (0, -10, 24), (12, 11, 8), "air", 1),  # sphenoid sinus
    (False, (0, 32, -34), (13, 10, 26), "bone", 1),  # vertebrae
    (False, (0, 32, -34), (11, 8, 24), "marrow", 2),
    (False, (0, 50, -30), (9, 8, 60), "csf", 1),
    (False, (0, 50, -30), (5.5, 5, 62), "brain", 1),
    (True, (30, 15, -16), (9, 9, 30), "fat", 3),  # carotid sheath
    (True, (26, 2, -10), (7, 12, 21), "fat", 2),  # parapharyngeal space
    (True, (41, -30, -8), (8, 10, 18), "fat", 2),
    (True, (9, 18, -16), (8, 5, 28), "muscle", 1),  # prevertebral
    (False, (0, 11.5, -14), (17, 1.6, 24), "fat", 1.5),  # retropharyngeal stripe
    (True, (33, -10, 5), (12, 10, 8), "muscle", 1),  # pterygoids
    (True, (33, -8, -20), (7, 12, 20), "muscle", 1),
    (True, (21, -16, -4), (2, 8, 14), "bone", 1),
    (True, (47, -2, -24), (4.5, 15, 28), "bone", 1),  # mandible
    (True, (47, -2, -24), (3, 13, 26), "marrow", 1),
    (True, (55, -10, -24), (7, 16, 26), "muscle", 1),
    (True, (52, 20, -18), (11, 16, 24), "gland", 2),
    (True, (27, 19, -20), (3, 3, 50), "vessel", 1),
    (True, (31, 24, -20), (4.3, 4.3, 50), "vessel", 1),
    (True, (28, -38, 0), (15, 16, 17), "bone", 1),  # maxillary sinus
    (True, (28, -38, 0), (13.5, 14.5, 15.5), "air", 1),
    (False, (0, -34, -2), (15, 24, 17), "air", 1),  # nasal cavity
    (False, (0, -34, -2), (1.5, 24, 17), "bone", 1),
    (True, (8, -34, -6), (4, 19, 8), "mucosa", 1),
    (False, (0, -34, -42), (25, 28, 17), "muscle", 3),  # tongue
    (False, (0, -30, -44), (4, 22, 14), "fat", 4),
    (False, (0, 2, -48), (9, 6, 26), "air", 1),
    (True, (18.5, 0, -8), (3.2, 6.5, 12), "muscle", 1),  # veli palatini
)
_PARAPHARYNGEAL = (26, 2, -10)


def vector(*values: float) -> Vector:
    """Three numbers as a point, radii or a direction."""
    return np.array(values, np.float32)


def neck(random: np.random.Generator) -> list[Ellipsoid]:
    """Every structure but the pharynx, each a little different in place and size from neck to neck."""
    structures = []
    for mirrored, centre, radii, tissue, edge in _STRUCTURES:
        for side in (-1, 1) if mirrored else (1,):
            place = np.array((side * centre[0], *centre[1:]), float)
            place += random.normal(0, 0.6, 3) * (np.abs(place) > 0.1)
            size = np.array(radii) * (1 + 0.07 * random.normal(0, 0.7, 3).clip(-2, 2))
            name = LATERAL_FAT if centre == _PARAPHARYNGEAL else ""
            structures.append(
                Ellipsoid(centre=vector(*place), radii=vector(*size), tissue=tissue, edge=edge, name=name)
            )
    return structures


def pharynx(wall_thickness: float, wall: str, lean: float) -> list[Ellipsoid]:
    """The mucosal ring about the airway.

    Parameters
    ----------
    wall_thickness : float
        mm.
    wall : str
        Its tissue.
    lean : float
        Imbalance of left and right, about -1 to 1.
    """
    outer = vector(13.5 + wall_thickness, 7 + 0.8 * wall_thickness, 14.5 + 0.5 * wall_thickness)
    ring = [
        Ellipsoid(centre=vector(lean * 1.5, 3, -6), radii=outer, tissue=wall, edge=1.2),
        Ellipsoid(centre=vector(-lean * 0.5, 0.5, -7), radii=vector(11.5, 6.2, 15), tissue="air", edge=1.2),
    ]
    for side in (-1, 1):
        recess = vector(side * 12.5, 5.5, -4)
        torus = vector(side * 11.8, -0.5, -5)
        ring.append(Ellipsoid(centre=recess, radii=vector(3.6, 2.2, 7), tissue="air", edge=1.2))
        ring.append(Ellipsoid(centre=torus, radii=vector(3.4, 3.2, 6), tissue="mucosa", edge=1.5))
    return ring


def rotation(degrees: npt.NDArray[np.float64]) -> Vector:
    """Turn about x, y and z."""
    a, b, c = np.deg2rad(degrees)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    turn: Vector = (about_z @ about_x @ about_y).astype(np.float32)
    return turn
