"""A synthetic upper abdomen: where which tissue is, and how much of its signal is fat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dicomnode.domain.stack import Geometry

FloatArray = npt.NDArray[np.float32]

INSERTS = (0.0, 5.0, 10.0, 20.0, 30.0, 40.0)
"""Fat fractions, percent, of six vertical inserts between liver and spleen, like the vials of a test object."""

_EDGE = 2.0  # mm, width of the smooth boundary between two tissues
_FIELD_OF_VIEW = (180.0, 288.0, 384.0)  # mm: slices, rows, columns
_TEXTURE = 0.04  # of the signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Tissue:
    """What a region consists of."""

    name: str
    signal: float
    """Water and fat together, arbitrary units."""
    fat: float
    """Proton density fat fraction, percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ellipsoid:
    """One region: semi-axes along the patient's axes."""

    tissue: Tissue
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    """Left-right, front-back, head-foot, mm; infinite for a cylinder."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anatomy:
    """Water and fat on a grid; (z, y, x) arrays.

    Attributes
    ----------
    water, fat : float32
        Signal without relaxation.
    label : uint8
        0 for air, n for ``tissues[n - 1]``.
    pure : bool
        Voxels without a boundary nearby: their fat fraction is exactly the tissue's.
    """

    water: FloatArray
    fat: FloatArray
    label: npt.NDArray[np.uint8]
    pure: npt.NDArray[np.bool_]
    tissues: tuple[Tissue, ...]


def grid(shape: tuple[int, int, int]) -> Geometry:
    """An axial grid over the whole field of view: slices from feet to head, rows to the back, columns to the left."""
    slices, rows, columns = (size / count for size, count in zip(_FIELD_OF_VIEW, shape, strict=True))
    middle = [(count - 1) / 2 for count in shape]
    return Geometry(
        shape=shape,
        origin=(-columns * middle[2], -rows * middle[1], -slices * middle[0]),
        spacing=(slices, rows, columns),
        row=(1.0, 0.0, 0.0),
        column=(0.0, 1.0, 0.0),
        normal=(0.0, 0.0, 1.0),
    )


def build(geometry: Geometry, random: np.random.Generator, *, liver_fat: float, spared_fat: float) -> Anatomy:
    """Paint the abdomen of one patient, each with slightly other proportions.

    Parameters
    ----------
    liver_fat, spared_fat : float
        Fat fraction, percent, of the liver and of the spared area in its segment 4.
    """
    x, y, z = _axes(geometry)
    water = np.zeros(geometry.shape, np.float32)
    fat = np.zeros(geometry.shape, np.float32)
    label = np.zeros(geometry.shape, np.uint8)
    pure = np.ones(geometry.shape, np.bool_)
    tissues: list[Tissue] = []
    for region in _regions(random, liver_fat, spared_fat):
        if region.tissue not in tissues:
            tissues.append(region.tissue)
        share = _share(region, x, y, z)
        inside, touched = share > 0.5, share > 0
        pure[touched] = share[touched] >= 1
        label[inside] = tissues.index(region.tissue) + 1
        fraction = region.tissue.fat / 100
        water += share * (np.float32(region.tissue.signal * (1 - fraction)) - water)
        fat += share * (np.float32(region.tissue.signal * fraction) - fat)
    shading = _shading(random, x, y, z)
    return Anatomy(water=water * shading, fat=fat * shading, label=label, pure=pure, tissues=tuple(tissues))


def _regions(random: np.random.Generator, liver_fat: float, spared_fat: float) -> list[Ellipsoid]:
    """From the outside inwards; later ones lie over earlier ones."""
    skin_fat = Tissue(name="subcutaneous fat", signal=1000, fat=92)
    muscle = Tissue(name="muscle", signal=520, fat=2)
    inner_fat = Tissue(name="visceral fat", signal=950, fat=88)
    liver = Tissue(name="liver", signal=800, fat=liver_fat)
    spleen = Tissue(name="spleen", signal=620, fat=0)
    kidney = Tissue(name="kidney", signal=560, fat=1)
    marrow = Tissue(name="vertebral marrow", signal=520, fat=35)
    blood = Tissue(name="blood", signal=420, fat=0)
    lung = Tissue(name="lung", signal=25, fat=0)
    bile = Tissue(name="gallbladder", signal=330, fat=0)
    canal = Tissue(name="spinal canal", signal=260, fat=0)
    spared = Tissue(name="spared area", signal=790, fat=spared_fat)
    forever = float("inf")
    plan = [
        (skin_fat, (0, 0, 0), (168, 116, forever)),
        (muscle, (0, 2, 0), (148, 98, forever)),
        (inner_fat, (0, -2, 0), (134, 84, forever)),
        (lung, (-66, 10, 128), (62, 66, 92)),
        (lung, (66, 10, 128), (58, 66, 90)),
        (muscle, (0, 78, 0), (60, 22, forever)),
        (liver, (-56, -4, 4), (74, 68, 66)),
        (liver, (22, -38, 22), (62, 32, 36)),
        (spleen, (92, 28, 18), (26, 40, 40)),
        (kidney, (-60, 52, -52), (26, 24, 44)),
        (kidney, (60, 52, -46), (26, 24, 44)),
        (marrow, (0, 56, 0), (21, 18, forever)),
        (canal, (0, 82, 0), (9, 8, forever)),
        (blood, (10, 28, 0), (9, 9, forever)),
        (blood, (-22, 26, 0), (11, 9, forever)),
        (blood, (-46, 6, 12), (6, 30, 6)),
        (bile, (-34, -48, -34), (13, 20, 18)),
    ]
    regions = [_moved(Ellipsoid(tissue=t, centre=c, radii=r), random) for t, c, r in plan]
    regions.append(Ellipsoid(tissue=spared, centre=(-18, -34, 6), radii=(15, 12, 14)))
    for number, percent in enumerate(INSERTS):
        insert = Tissue(name=f"insert {percent:g} %", signal=700, fat=percent)
        centre = (26.0 + 30 * (number % 3), -46.0 + 30 * (number // 3), -62.0)
        regions.append(Ellipsoid(tissue=insert, centre=centre, radii=(11, 11, 38)))
    return regions


def _moved(region: Ellipsoid, random: np.random.Generator) -> Ellipsoid:
    """The same region with slightly other size; its centre stays, so that regions keep their neighbours."""
    factors = random.uniform(0.97, 1.03, 3)
    x, y, z = (radius * float(factor) for radius, factor in zip(region.radii, factors, strict=True))
    return Ellipsoid(tissue=region.tissue, centre=region.centre, radii=(x, y, z))


def _axes(geometry: Geometry) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Patient coordinates, mm, of an axial grid; each broadcasts along one array axis."""
    slices, rows, columns = (
        (geometry.origin[2 - axis] + geometry.spacing[axis] * np.arange(geometry.shape[axis])).astype(np.float32)
        for axis in range(3)
    )
    return columns, rows[:, None], slices[:, None, None]


def _share(region: Ellipsoid, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Part of each voxel that the region fills: 1 inside, 0 outside, a smooth edge between."""
    axes = zip((x, y, z), region.centre, region.radii, strict=True)
    distance = np.sqrt(sum(((axis - centre) / radius) ** 2 for axis, centre, radius in axes))
    thickness = min(region.radii)
    share: FloatArray = np.clip(0.5 + (1 - distance) * thickness / _EDGE, 0, 1).astype(np.float32)
    return np.broadcast_to(share, np.broadcast_shapes(x.shape, y.shape, z.shape))


def _shading(random: np.random.Generator, x: FloatArray, y: FloatArray, z: FloatArray) -> FloatArray:
    """Coil profile, brighter towards front and back, and a fine texture; both echoes share it."""
    coil = 0.85 + 0.3 * (y / 120) ** 2
    waves = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), np.float32)
    for _ in range(6):
        kx, ky, kz = random.normal(0, 0.25, 3)
        waves += np.cos(np.float32(kx) * x + np.float32(ky) * y + np.float32(kz) * z + random.uniform(0, 2 * np.pi))
    shading: FloatArray = (coil * (1 + _TEXTURE * waves / np.sqrt(6))).astype(np.float32)
    return shading
