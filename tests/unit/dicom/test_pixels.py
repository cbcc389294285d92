"""Values of one frame, scaled as that frame says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from dicomnode.dicom.pixels import open_image
from tests.builders import grid, mr_series, pixels
from tests.enhanced import enhance

NOISE = pixels((4, 16, 20))
PHYSICS = {"ImagingFrequency": 63.9}


def classic(folder: Path, **attributes: object) -> tuple[Path, ...]:
    return mr_series(folder, geometry=grid(), array=NOISE, attributes=PHYSICS | attributes)


def test_each_frame_has_its_own_rescale(tmp_path: Path) -> None:
    paths = classic(tmp_path)
    for n, path in enumerate(paths):
        image = dcmread(path)
        image.RescaleSlope, image.RescaleIntercept = n + 1, -n
        image.save_as(path)
    image = open_image(enhance(paths, tmp_path / "enhanced.dcm"))
    assert len(image.frames) == 4
    for number, frame in enumerate(image.frames, start=1):
        position = frame.facts["ImagePositionPatient"]
        assert isinstance(position, list)
        n = round((float(position[2]) - 10) / 5)
        signal, scale = image.signal(number)
        np.testing.assert_array_equal(signal, NOISE[n] * float(n + 1) - n)
        assert scale is None
        assert image.facts(number) is frame.facts


@pytest.mark.parametrize(("representation", "lowest"), [(0, 65535), (1, -1)])
def test_signed_and_unsigned_values(tmp_path: Path, representation: int, lowest: int) -> None:
    array = np.full((4, 16, 20), 65535, dtype=np.uint16)
    attributes = {"PixelRepresentation": representation, "BitsStored": 16, "HighBit": 15}
    path = mr_series(tmp_path, geometry=grid(), array=array, attributes=attributes)[0]
    assert open_image(path).signal(0)[0].min() == lowest


def test_padding_behind_many_frames_is_cut(tmp_path: Path) -> None:
    path = enhance(classic(tmp_path), tmp_path / "enhanced.dcm")
    image = dcmread(path)
    image.PixelData += bytes(10)
    image.save_as(path)
    assert open_image(path).signal(4)[0].shape == (16, 20)
