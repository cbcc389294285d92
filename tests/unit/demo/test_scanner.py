"""The files of the synthetic exam."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dicomnode.demo.phantom import Exam, acquire, write_liver_exam
from dicomnode.demo.scanner import Vendor, uid
from dicomnode.dicom.header import is_uid

SMALL = (8, 60, 80)


def images(folder: Path, vendor: Vendor, *, one_series: bool = True) -> list[Dataset]:
    write_liver_exam(folder, Exam(shape=SMALL, vendor=vendor, one_series=one_series))
    return [dcmread(path) for path in sorted(folder.glob("*.dcm"))]


@pytest.mark.parametrize("vendor", ["ge", "siemens", "philips"])
@pytest.mark.parametrize("one_series", [True, False])
def test_the_echoes_lie_in_one_series_or_in_two(tmp_path: Path, vendor: Vendor, one_series: bool) -> None:
    read = images(tmp_path, vendor, one_series=one_series)
    assert len(read) == 16
    assert len({image.SeriesInstanceUID for image in read}) == (1 if one_series else 2)
    assert len({image.StudyInstanceUID for image in read}) == 1
    assert len({image.SOPInstanceUID for image in read}) == 16
    assert sorted({(float(image.EchoTime), int(image.EchoNumbers)) for image in read}) == [(2.3, 1), (4.6, 2)]
    assert len({(image.SeriesInstanceUID, image.InstanceNumber) for image in read}) == 16


@pytest.mark.parametrize(
    ("vendor", "manufacturer", "labels"),
    [
        ("ge", "GE MEDICAL SYSTEMS", {"OTHER"}),
        ("siemens", "SIEMENS", {"IN_PHASE", "OUT_PHASE"}),
        ("philips", "Philips Medical Systems", {"IP", "OP"}),
    ],
)
def test_each_vendor_labels_in_its_own_way(tmp_path: Path, vendor: Vendor, manufacturer: str, labels: set[str]) -> None:
    read = images(tmp_path, vendor)
    assert {image.Manufacturer for image in read} == {manufacturer}
    assert all(labels & set(image.ImageType) for image in read)
    assert {word for image in read for word in image.ImageType} & {
        "IN_PHASE",
        "OUT_PHASE",
        "IP",
        "OP",
        "OTHER",
    } == labels


def test_stored_values_are_the_signal(tmp_path: Path) -> None:
    signals, _ = acquire(Exam(shape=SMALL, vendor="ge"))
    read = images(tmp_path, "ge")
    assert np.array_equal(np.stack([image.pixel_array for image in read[:8]]), np.rint(signals.opposed).astype(int))
    assert np.array_equal(np.stack([image.pixel_array for image in read[8:]]), np.rint(signals.in_phase).astype(int))


def test_philips_values_compare_only_after_the_private_scale(tmp_path: Path) -> None:
    signals, truth = acquire(Exam(shape=SMALL, vendor="philips"))
    read = images(tmp_path, "philips")
    scales = [float(image.private_block(0x2005, "Philips MR Imaging DD 001")[0x0E].value) for image in read]
    assert len(set(scales)) == 2
    stored = np.stack([image.pixel_array for image in read])
    true = stored / np.array(scales)[:, None, None]
    liver = truth.region("liver").mask
    wanted = np.median(signals.in_phase[liver]) / np.median(signals.opposed[liver])
    assert np.median(true[8:][liver]) / np.median(true[:8][liver]) == pytest.approx(wanted, rel=0.005)
    assert np.median(stored[8:][liver]) / np.median(stored[:8][liver]) > 1.1 * wanted


def test_slices_lie_where_the_geometry_says(tmp_path: Path) -> None:
    _, truth = acquire(Exam(shape=SMALL))
    read = images(tmp_path, "siemens")
    heights = [float(image.ImagePositionPatient[2]) for image in read[:8]]
    assert heights == pytest.approx([truth.geometry.origin[2] + 22.5 * n for n in range(8)])
    assert read[0].PixelSpacing == pytest.approx([4.8, 4.8])
    assert read[0].SliceThickness == read[0].SpacingBetweenSlices == 22.5


def test_nobody_can_take_it_for_a_real_patient(tmp_path: Path) -> None:
    image = images(tmp_path, "siemens")[0]
    assert (image.PatientName, image.PatientID) == ("Phantom^Liver", "PHANTOM-1")
    assert image.StudyDescription == "Synthetic abdomen"
    assert image.ManufacturerModelName == "Synthetic"


def test_uids_are_uids() -> None:
    assert is_uid(uid("study", 1))
    assert uid("study", 1) == uid("study", "1") != uid("series", 1)
