"""Motions that differ from place to place, as displacement fields of SimpleITK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dicomnode.sdk import Volume
from dicomnode.sdk.itk import to_image
from dicomnode_plugins._imaging.grids import Array, Image, Values, shrink

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - its users know it by this name

_SPACING = 4.0
"""mm; a motion that changes over 30 mm is linear between such neighbours to some hundredths of a millimetre."""


def field(fixed: Volume, motion: Callable[[Array], Array]) -> sitk.Image:
    """Displacements, LPS mm, that cover the grid of a fixed volume.

    Parameters
    ----------
    motion : callable
        From patient coordinates (3, n) of the fixed volume to those of the moving one, LPS mm.
    """
    import SimpleITK as sitk  # noqa: N813

    image = Image.of(fixed)
    counts = np.ceil((image.size - 1) * image.spacing / _SPACING).astype(int) + 1
    steps = np.maximum((image.size - 1) / np.maximum(counts - 1, 1), 1e-6)
    places = image.places(np.indices(tuple(counts[::-1].tolist()))[::-1].reshape(3, -1) * steps[:, None])
    vectors = (motion(places) - places).T.reshape(*counts[::-1], 3)
    found = sitk.GetImageFromArray(vectors, isVector=True)
    spacing = steps * image.spacing
    found.SetOrigin(image.affine[:3, 3].tolist())
    found.SetSpacing(spacing.tolist())
    found.SetDirection((image.affine[:3, :3] / image.spacing).ravel().tolist())
    return found


def jacobian(displacements: sitk.Image) -> Array:
    """Determinant of the Jacobian of where places end, (z, y, x): below 1 tissue shrinks, below 0 it is turned over."""
    import SimpleITK as sitk  # noqa: N813

    # SimpleITK's own filter has no values at the border.
    directions = np.array(displacements.GetDirection()).reshape(3, 3) * displacements.GetSpacing()
    slopes = np.gradient(sitk.GetArrayFromImage(displacements), axis=(2, 1, 0))
    by_voxel = np.stack(slopes, -1) + directions
    determinants: Array = np.linalg.det(by_voxel) / np.linalg.det(directions)
    return determinants


def through(displacements: sitk.Image, fixed: Volume, moving: Volume) -> Values:
    """A moving volume on the grid of a fixed one through a field, linearly; 0 where it has no values.

    A volume that is much finer than the grid is averaged over whole blocks first, so that no detail is skipped.
    """
    import SimpleITK as sitk  # noqa: N813

    image = shrink(Image.of(moving), float(min(fixed.spacing)))
    small = to_image(replace(moving, array=image.values, affine=image.affine))
    transform = sitk.DisplacementFieldTransform(sitk.Image(displacements))
    values: Values = sitk.GetArrayFromImage(sitk.Resample(small, to_image(fixed), transform, sitk.sitkLinear, 0.0))
    return values
