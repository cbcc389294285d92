"""From files to one array of true signal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dicomnode.dicom import volume
from dicomnode.errors import GeometryError
from tests.builders import CORONAL, grid, mr_series, pixels

GRID = grid((4, 16, 20))
NOISE = pixels((4, 16, 20))


def change(path: Path, edit: dict[str, object]) -> None:
    data_set = dcmread(path)
    for keyword, value in edit.items():
        setattr(data_set, keyword, value)
    data_set.save_as(path)


def scale(path: Path, slope: float) -> None:
    """Add a Philips scale slope."""
    data_set: Dataset = dcmread(path)
    block = data_set.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    block.add_new(0x0E, "FL", slope)
    data_set.save_as(path)


def test_slices_become_an_array_in_slice_order(tmp_path: Path) -> None:
    array, _ = volume.read(mr_series(tmp_path, geometry=GRID, array=NOISE), GRID)
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, NOISE)


def test_rescale_is_applied_slice_by_slice(tmp_path: Path) -> None:
    paths = mr_series(tmp_path, geometry=GRID, array=NOISE)
    change(paths[2], {"RescaleSlope": "2.5", "RescaleIntercept": "-10"})
    array, _ = volume.read(paths, GRID)
    np.testing.assert_array_equal(array[:2], NOISE[:2])
    np.testing.assert_array_equal(array[2], NOISE[2].astype(float) * 2.5 - 10)


def test_the_philips_scale_slope_is_undone(tmp_path: Path) -> None:
    paths = mr_series(tmp_path, geometry=GRID, array=NOISE)
    for n, path in enumerate(paths):
        change(path, {"RescaleSlope": "2", "RescaleIntercept": "6"})
        scale(path, 0.5 if n else 0.25)
    array, _ = volume.read(paths, GRID)
    np.testing.assert_allclose(array[0], (NOISE[0] + 3.0) / 0.25)
    np.testing.assert_allclose(array[1:], (NOISE[1:] + 3.0) / 0.5)


@pytest.mark.parametrize(("signed", "ends"), [(0, 4095), (1, -1)])
def test_one_image_written_from_black_to_white_and_from_white_to_black_is_one_volume(
    tmp_path: Path, signed: int, ends: int
) -> None:
    values = NOISE.astype(np.int16) - (2048 if signed else 0)
    shared = {"PixelRepresentation": signed, "RescaleSlope": "2.5", "RescaleIntercept": "-10"}
    paths = mr_series(tmp_path, geometry=GRID, array=values.view(np.uint16), attributes=shared)
    straight, _ = volume.read(paths, GRID)
    np.testing.assert_array_equal(straight, values * 2.5 - 10)
    for path, plane in zip(paths, values, strict=True):
        change(path, {"PhotometricInterpretation": "MONOCHROME1", "PixelData": (ends - plane).astype("<i2").tobytes()})
    mirrored, _ = volume.read(paths, GRID)
    np.testing.assert_array_equal(mirrored, straight)


def test_a_scale_slope_on_some_slices_only_is_refused(tmp_path: Path) -> None:
    paths = mr_series(tmp_path, geometry=GRID, array=NOISE)
    scale(paths[1], 0.5)
    with pytest.raises(GeometryError, match="scale slope is missing on some slices"):
        volume.read(paths, GRID)


def test_acquisition_physics_hold_no_identity(tmp_path: Path) -> None:
    attributes = {
        "MagneticFieldStrength": "15000",
        "ImagingFrequency": None,
        "ContrastBolusAgent": "Primovist for Doe",
        "SeriesDescription": "Doe",
        "ScanningSequence": ["GR", "IR"],
    }
    paths = mr_series(tmp_path, geometry=GRID, attributes=attributes, without=["ImagingFrequency"])
    _, acquisition = volume.read(paths, GRID)
    assert acquisition["EchoTime"] == 4.6
    assert acquisition["MagneticFieldStrength"] == 1.5
    assert acquisition["ContrastBolusAgent"] == "yes"
    assert acquisition["ScanningSequence"] == "GR\\IR"
    assert not {"PatientID", "PatientName", "SeriesDescription", "FrameOfReferenceUID"} & set(acquisition)
    assert "Doe" not in str(acquisition)


def test_files_of_another_grid_are_refused(tmp_path: Path) -> None:
    paths = mr_series(tmp_path, geometry=GRID, array=NOISE)
    with pytest.raises(GeometryError, match="4 files for 3 slices"):
        volume.read(paths, grid((3, 16, 20)))
    with pytest.raises(GeometryError, match="slice 1 has 16 x 20 pixels"):
        volume.read(paths, grid((4, 16, 21)))
    with pytest.raises(GeometryError, match=r"slice 2 lies .* mm off its place"):
        volume.read(paths, grid((4, 16, 20), orientation=CORONAL))


def test_files_in_wrong_order_are_refused(tmp_path: Path) -> None:
    paths = mr_series(tmp_path, geometry=GRID, array=NOISE)
    with pytest.raises(GeometryError, match="slice 1 lies 15 mm off its place"):
        volume.read(paths[::-1], GRID)


def test_undecodable_pixels_are_named_by_slice(tmp_path: Path) -> None:
    paths = mr_series(tmp_path, geometry=GRID, array=NOISE)
    data_set = dcmread(paths[2])
    data_set.PixelData = data_set.PixelData[:100]
    data_set.save_as(paths[2])
    with pytest.raises(GeometryError, match="pixels of slice 3 cannot be decoded"):
        volume.read(paths, GRID)
