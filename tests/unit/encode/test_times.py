from __future__ import annotations

import pytest
from pydicom import Dataset

from dicomnode.encode.times import UNKNOWN, Moment, newest


def header(**values: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def test_the_newest_image_counts() -> None:
    early = header(AcquisitionDate="20240229", AcquisitionTime="235959")
    late = header(AcquisitionDate="20240301", AcquisitionTime="000001.25")
    assert newest([late, early]) == Moment("20240301", "000001")


@pytest.mark.parametrize("level", ["Acquisition", "Content", "Series", "Study"])
def test_every_level_counts(level: str) -> None:
    assert newest([header(**{f"{level}Date": "20200102", f"{level}Time": "0304"})]) == Moment("20200102", "030400")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("20240229081501.123456+0100", Moment("20240229", "081501")),
        ("20240229", Moment("20240229", "000000")),
        ("2024022908", Moment("20240229", "080000")),
    ],
)
def test_acquisition_date_time(value: str, moment: Moment) -> None:
    assert newest([header(AcquisitionDateTime=value)]) == moment


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_old_notation_is_understood() -> None:
    assert newest([header(StudyDate="1996.06.11", StudyTime="08:15:30")]) == Moment("19960611", "081530")


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
@pytest.mark.parametrize("date", ["", "20241301", "yesterday", "20240132"])
def test_what_is_no_date_is_passed_over(date: str) -> None:
    assert newest([header(StudyDate=date, StudyTime="081530")]) == UNKNOWN


def test_without_any_date_there_is_a_fixed_one() -> None:
    assert newest([]) == Moment("19000101", "000000")
