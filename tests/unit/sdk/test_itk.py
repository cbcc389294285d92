"""An image lies where its volume lies."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnode.sdk import Volume
from dicomnode.sdk.itk import to_image, to_volume


def oblique(angle: float = 0.3, spacing: tuple[float, float, float] = (0.5, 0.75, 4.0), flip: bool = False) -> Volume:
    """A volume whose axes are turned about two axes of the patient, left-handed when flipped."""
    c, s = np.cos(angle), np.sin(angle)
    about_x, about_z = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]), np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_x @ about_z * spacing * (1, 1, -1 if flip else 1)
    affine[:3, 3] = -100.5, 20.25, 1e-3
    array = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    return Volume(array=array, affine=affine, unit="%", frame="A", acquisition={"EchoTime": 2.3})


@settings(max_examples=50, deadline=None)
@given(
    angle=st.floats(-3, 3),
    spacing=st.tuples(*[st.floats(0.1, 10)] * 3),
    flip=st.booleans(),
    index=st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)),
)
def test_every_voxel_keeps_its_place_and_value(
    angle: float, spacing: tuple[float, float, float], flip: bool, index: tuple[int, int, int]
) -> None:
    volume = oblique(angle, spacing, flip)
    image = to_image(volume)
    x, y, z = index
    assert image[index] == volume.array[z, y, x]
    place = volume.affine @ (*index, 1)
    np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(index), place[:3], atol=1e-9)


def test_back_again() -> None:
    volume = oblique(flip=True)
    back = to_volume(to_image(volume), like=volume)
    np.testing.assert_array_equal(back.array, volume.array)
    np.testing.assert_allclose(back.affine, volume.affine, atol=1e-12)
    assert (back.unit, back.frame, back.acquisition) == ("%", "A", {"EchoTime": 2.3})


def test_a_mask_becomes_numbers() -> None:
    volume = oblique()
    back = to_volume(to_image(volume) > 11.0, like=volume)
    assert back.array.dtype == np.float32
    assert back.array.sum() == 12


@pytest.mark.parametrize(
    "image", [SimpleITK.Image(4, 4, SimpleITK.sitkUInt8), SimpleITK.Image([2, 2, 2], SimpleITK.sitkVectorFloat32, 3)]
)
def test_what_is_no_volume_is_refused(image: SimpleITK.Image) -> None:
    with pytest.raises(ValueError, match="scalar image of three dimensions"):
        to_volume(image, like=oblique())
