"""Volumes as SimpleITK images and back: the one place where (z, y, x) becomes (x, y, z)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dicomnode.sdk.volume import Volume

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813 - its users know it by this name


def to_image(volume: Volume) -> sitk.Image:
    """The volume as an image of float32 on the same grid.

    ITK works in LPS mm as DICOM does, so that origin and directions are taken over as they are.
    """
    import SimpleITK as sitk  # noqa: N813

    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image = sitk.GetImageFromArray(volume.array)
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetSpacing(spacing.tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    return image


def to_volume(image: sitk.Image, like: Volume) -> Volume:
    """An image as a volume on the image's own grid; unit, frame and acquisition are those of ``like``.

    Parameters
    ----------
    image : SimpleITK.Image
        Three dimensions, one component, any pixel type; converted to float32.
    like : Volume
        The volume the image was made from.

    Raises
    ------
    ValueError
        When the image is not a scalar image of three dimensions.
    """
    import SimpleITK as sitk  # noqa: N813

    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise ValueError(f"a volume is a scalar image of three dimensions, not {image.GetDimension()}")
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Volume(
        array=sitk.GetArrayFromImage(image).astype(np.float32),
        affine=affine,
        unit=like.unit,
        frame=like.frame,
        acquisition=like.acquisition,
    )
