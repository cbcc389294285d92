"""Arrays of numbers with their place in the patient: block means and the outline of the body."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from dicomnode.sdk import Volume

Array = npt.NDArray[np.float64]
Values = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_BODY_SPACING = 5.0  # mm; finer finds no other body, only more holes in it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """Values (z, y, x) and the matrix from voxel (x, y, z, 1) to patient LPS, mm."""

    values: Values
    affine: Array

    @classmethod
    def of(cls, volume: Volume) -> Image:
        """The image in a volume."""
        return cls(values=np.ascontiguousarray(volume.array), affine=volume.affine)

    @property
    def size(self) -> npt.NDArray[np.int64]:
        """Voxels along x, y, z."""
        return np.array(self.values.shape[::-1])

    @property
    def spacing(self) -> Array:
        """Along x, y, z, mm."""
        spacing: Array = np.linalg.norm(self.affine[:3, :3], axis=0)
        return spacing

    @property
    def centre(self) -> Array:
        """Middle of the grid, LPS mm."""
        return self.places((self.size[:, None] - 1) / 2)[:, 0]

    @property
    def extent(self) -> float:
        """Volume of the field of view, mm3."""
        return float(np.prod(self.size * self.spacing))

    def places(self, voxels: npt.NDArray[np.floating]) -> Array:
        """Patient coordinates (3, n), mm, of voxel coordinates (3, n)."""
        places: Array = self.affine[:3, :3] @ voxels + self.affine[:3, 3:]
        return places


def shrink(image: Image, spacing: float) -> Image:
    """Means of whole blocks, so that voxels come near to a spacing, mm; at least four are left along each axis."""
    wanted = np.maximum(1, (spacing / image.spacing + 0.25).astype(int))
    blocks = np.minimum(wanted, np.maximum(1, image.size // 4))
    if blocks.max() == 1:
        return image
    kept = image.size // blocks
    x, y, z = kept * blocks
    (bx, by, bz), (nx, ny, nz) = blocks, kept
    # One axis at a time, the contiguous one first: each pass is then short.
    values = image.values[:z, :y, :x].reshape(z, y, nx, bx).mean(3)
    values = values.reshape(z, ny, by, nx).mean(2).reshape(nz, bz, ny, nx).mean(1)
    affine = image.affine.copy()
    affine[:3, 3] = image.places((blocks[:, None] - 1) / 2)[:, 0]
    affine[:3, :3] *= blocks
    return Image(values=values, affine=affine)


def foreground(image: Image) -> Mask:
    """Where there is signal, on the image's own grid: Otsu's threshold of the root at about 5 mm, one cell wider."""
    small = shrink(image, _BODY_SPACING)
    return _spread(_coarse_foreground(small), small, image)


def inside(image: Image, depth: float) -> Mask:
    """What lies more than ``depth`` mm below the skin; cavities and the grid's border are no skin."""
    small = shrink(image, _BODY_SPACING)
    filled = ndimage.binary_fill_holes(_coarse_foreground(small))
    if filled.all():
        return np.ones(image.values.shape, bool)
    deep = ndimage.distance_transform_edt(filled, sampling=small.spacing[::-1])
    return _spread(deep > depth, small, image)


def _coarse_foreground(small: Image) -> Mask:
    root = np.sqrt(np.maximum(small.values, 0))
    mask: Mask = ndimage.binary_dilation(root > otsu(root))
    return mask


def _spread(mask: Mask, small: Image, image: Image) -> Mask:
    """A mask of blocks on the finer grid; what is left over beyond the last block belongs to it."""
    blocks = np.rint(small.spacing / image.spacing).astype(int)[::-1]
    steps = [
        np.minimum(np.arange(n) // block, m - 1)
        for n, block, m in zip(image.values.shape, blocks, mask.shape, strict=True)
    ]
    return mask[np.ix_(*steps)]


def otsu(values: Values) -> float:
    """The threshold that splits values into two classes of least variance (Otsu 1979), by 128 bins."""
    top = float(np.percentile(values, 99)) + 1e-6
    counts, edges = np.histogram(values, 128, (0.0, top))
    levels = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts).astype(float)
    sums = np.cumsum(counts * levels)
    between = (sums[-1] * below - sums * below[-1]) ** 2 / np.maximum(below * (below[-1] - below), 1)
    return float(levels[between.argmax()])
