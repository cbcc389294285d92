"""The synthetic exam: what is true of it, and what each fault changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dicomnode.demo.phantom import FAULTS, Exam, Fault, acquire, write_liver_exam

SMALL = (8, 60, 80)
SOUND = Exam(shape=SMALL, vendor="siemens", one_series=False)


def images(folder: Path) -> list[Dataset]:
    return [dcmread(path) for path in sorted(folder.glob("*.dcm"))]


def faulty(fault: Fault) -> Exam:
    return Exam(shape=SMALL, vendor="siemens", one_series=False, fault=fault)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> list[Dataset]:
    folder = tmp_path_factory.mktemp("sound")
    write_liver_exam(folder, SOUND)
    return images(folder)


def written(folder: Path, exam: Exam) -> list[Dataset]:
    write_liver_exam(folder, exam)
    return images(folder)


def phase(image: Dataset) -> str:
    return str(image.ImageType[3])


def test_equal_exams_are_equal_files(tmp_path: Path) -> None:
    digests = []
    for name in ("one", "other"):
        write_liver_exam(tmp_path / name, SOUND)
        paths = sorted((tmp_path / name).iterdir())
        assert [path.name for path in paths] == [f"{n:04}.dcm" for n in range(1, 17)]
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in paths])
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 16


@pytest.mark.parametrize("other", [Exam(shape=SMALL, seed=2), *map(faulty, FAULTS)], ids=str)
def test_no_two_exams_share_a_uid(tmp_path: Path, sound: list[Dataset], other: Exam) -> None:
    different = written(tmp_path, other)
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert not {image[keyword].value for image in sound} & {image[keyword].value for image in different}


def test_the_true_values_are_those_of_the_noise_free_signal() -> None:
    signals, truth = acquire(Exam(shape=(12, 96, 128), snr=float("inf"), r2_star=30))
    for region in truth.regions:
        in_phase, opposed = signals.in_phase[region.mask], signals.opposed[region.mask]
        assert np.allclose(50 * (in_phase - opposed) / in_phase, region.fat_fraction, atol=0.02), region.name


def test_without_decay_the_truth_is_the_density_fat_fraction_folded_at_one_half() -> None:
    _, truth = acquire(Exam(shape=(12, 96, 128), liver_fat=27, spared_fat=4))
    assert truth.region("liver").density_fat_fraction == 27
    assert truth.region("spared area").density_fat_fraction == 4
    for region in truth.regions:
        folded = min(region.density_fat_fraction, 100 - region.density_fat_fraction)
        assert region.fat_fraction == pytest.approx(folded, abs=0.05), region.name


def test_regions_do_not_overlap_and_lie_in_the_body() -> None:
    _, truth = acquire(Exam(shape=(12, 96, 128)))
    names = {region.name for region in truth.regions}
    inserts = {f"insert {percent} %" for percent in (0, 5, 10, 20, 30, 40)}
    assert {"liver", "spared area", "spleen", "subcutaneous fat", *inserts} <= names
    assert np.sum([region.mask for region in truth.regions], axis=0).max() == 1
    assert all(truth.body[region.mask].all() for region in truth.regions)


def test_a_region_nobody_painted_is_named() -> None:
    _, truth = acquire(SOUND)
    with pytest.raises(KeyError, match="no region 'heart'; there are subcutaneous fat, muscle"):
        truth.region("heart")


def test_a_region_reads_the_median_of_what_is_measured() -> None:
    _, truth = acquire(SOUND)
    liver = truth.region("liver")
    percent = np.full(SMALL, np.nan, np.float32)
    assert np.isnan(liver.measured(percent))
    first, second, third = np.argwhere(liver.mask)[:3]
    percent[tuple(first)], percent[tuple(second)], percent[tuple(third)] = 3, 5, 40
    assert liver.measured(percent) == 5


@pytest.mark.parametrize("snr", [20.0, 80.0])
def test_the_noise_is_that_of_the_ratio_asked_for(snr: float) -> None:
    signals, _ = acquire(Exam(shape=(12, 96, 128), snr=snr))
    for image in (signals.in_phase, signals.opposed):
        air = image[:, :20, :20]
        assert float(air.std()) == pytest.approx(800 / snr * np.sqrt(2 - np.pi / 2), rel=0.05)


def test_zeroed_air_is_zero() -> None:
    signals, truth = acquire(Exam(shape=SMALL, zeroed_air=True))
    assert not signals.in_phase[~truth.body].any()
    assert not signals.opposed[~truth.body].any()
    assert signals.in_phase[truth.region("liver").mask].all()


HEADER_CHANGES: dict[str, Callable[[Dataset], object]] = {
    "swapped_te": lambda image: float(image.EchoTime),
    "label_contradiction": phase,
    "fat_sat": lambda image: str(image.ScanOptions),
    "shifted_grid": lambda image: list(image.ImagePositionPatient),
}


@pytest.mark.parametrize("fault", HEADER_CHANGES)
def test_a_header_fault_changes_its_attribute_and_no_pixel(tmp_path: Path, sound: list[Dataset], fault: Fault) -> None:
    bad = written(tmp_path, faulty(fault))
    assert [image.PixelData for image in bad] == [image.PixelData for image in sound]
    for name, read in HEADER_CHANGES.items():
        assert (list(map(read, bad)) != list(map(read, sound))) == (name == fault), name


@pytest.mark.parametrize(
    "fault",
    ["swapped_pixels", "moved_content", "fat_sat_pixels", "fat_sat_ip_pixels", "fat_sat_op_pixels", "scaled_op"],
)
def test_a_content_fault_changes_pixels_and_no_header(tmp_path: Path, sound: list[Dataset], fault: Fault) -> None:
    bad = written(tmp_path, faulty(fault))
    assert all(list(map(read, bad)) == list(map(read, sound)) for read in HEADER_CHANGES.values())
    changed = {phase(image) for image, good in zip(bad, sound, strict=True) if image.PixelData != good.PixelData}
    only = {"fat_sat_ip_pixels": {"IN_PHASE"}, "swapped_pixels": {"IN_PHASE", "OUT_PHASE"}}
    both = {"IN_PHASE", "OUT_PHASE"} if fault == "fat_sat_pixels" else {"OUT_PHASE"}
    assert changed == only.get(fault, both)


def test_missing_files_are_not_written(tmp_path: Path) -> None:
    assert {phase(image) for image in written(tmp_path / "a", faulty("missing_ip"))} == {"OUT_PHASE"}
    numbers = [i.InstanceNumber for i in written(tmp_path / "b", faulty("missing_slice")) if phase(i) == "OUT_PHASE"]
    assert numbers == [1, 2, 3, 4, 6, 7, 8]


def test_the_other_study_is_another_study_of_the_same_patient(tmp_path: Path) -> None:
    bad = written(tmp_path, faulty("other_study"))
    assert len({image.StudyInstanceUID for image in bad}) == 2
    assert len({image.FrameOfReferenceUID for image in bad}) == 2
    assert len({(image.PatientID, image.PatientName) for image in bad}) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"field_strength": 7.0}, "field strength must be 1.5 or 3 T, not 7.0"),
        ({"fault": "broken"}, "no such fault: broken; there are missing_ip, "),
        ({"fault": "label_contradiction", "vendor": "ge"}, "has no labels that could contradict"),
    ],
)
def test_an_exam_that_cannot_be_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Exam(**changes)  # type: ignore[arg-type]
