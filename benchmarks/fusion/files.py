"""Real volumes for the registration: series of DICOM files and NIfTI images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813

from dicomnode.sdk import Volume


def series(folder: Path) -> Volume:
    """The slices of a folder, read by SimpleITK."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return _volume(reader.Execute())


def nifti(path: Path) -> Volume:
    """A NIfTI image; SimpleITK turns its coordinates into LPS."""
    return _volume(sitk.ReadImage(str(path)))


def _volume(image: sitk.Image) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return Volume(array=sitk.GetArrayFromImage(image).astype(np.float32), affine=affine)
