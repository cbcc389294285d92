"""What headers announce, and how much of it is there."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.dicom.counts import counts
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.instance import InstanceHeader
from tests.slices import header, volume


def found(headers: list[InstanceHeader]) -> dict[str, tuple[int, int]]:
    """Announced and there, by name."""
    return {count.name: (count.announced, count.there) for count in counts(headers, stacks(headers))}


NUMBERED = {"InstanceNumber": (6, 6)}
"""What every volume of the tests has besides."""


@pytest.mark.parametrize(
    ("facts", "name", "announced"),
    [
        ({"ImagesInAcquisition": 6}, "ImagesInAcquisition", 6),
        ({"ImagesInAcquisition": 8}, "ImagesInAcquisition", 8),
        ({"NumberOfSlices": 9}, "NumberOfSlices", 9),
        ({"PhilipsNumberOfSlices": 7}, "PhilipsNumberOfSlices", 7),
        ({"GELocationsInAcquisition": 6}, "GELocationsInAcquisition", 6),
    ],
)
def test_a_count_in_the_header_says_what_is_there_of_it(facts: dict[str, Any], name: str, announced: int) -> None:
    assert found(volume("a", slices=6, **facts)) == {name: (announced, 6), **NUMBERED}


def test_a_count_below_what_is_there_says_nothing() -> None:
    assert found(volume("a", slices=6, ImagesInAcquisition=1)) == NUMBERED


def test_images_of_each_acquisition_are_counted_by_themselves() -> None:
    both = [*volume("a", slices=6, AcquisitionNumber=1, ImagesInAcquisition=6)]
    both += volume("b", slices=4, AcquisitionNumber=2, ImagesInAcquisition=6)
    assert [(count.announced, count.there) for count in counts(both, stacks(both))] == [(6, 6), (6, 4)]


def test_slices_are_counted_in_the_smallest_volume() -> None:
    echoes = [*volume("a", EchoTime=2.3, NumberOfSlices=6), *volume("b", slices=5, EchoTime=4.6, NumberOfSlices=6)]
    assert found(echoes) == {"NumberOfSlices": (6, 5), "images of each echo": (6, 5)}


def test_locations_are_those_of_all_echoes_and_orientations_of_a_series() -> None:
    said: dict[str, Any] = {"PhilipsNumberOfSlices": 11}
    planes = [*volume("a", EchoTime=2.3, **said), *volume("b", EchoTime=4.6, **said)]
    planes += volume("c", orientation=(0, 1, 0, 0, 0, -1), EchoTime=2.3, slices=4, **said)
    assert found(planes)["PhilipsNumberOfSlices"] == (11, 10)


def test_echoes_of_one_series_have_equally_many_images() -> None:
    assert found([*volume("a", EchoTime=2.3), *volume("b", EchoTime=4.6)]) == {"images of each echo": (6, 6)}


def test_instance_numbers_count_up_from_anywhere() -> None:
    images = [header(f"1.{n}", InstanceNumber=n) for n in (36, 37, 40)]
    assert found(images) == {"InstanceNumber": (5, 3)}
    assert found([*images, header("1.99", InstanceNumber=36)]) == {}, "not every image has its own"


def test_files_of_a_concatenation_are_counted() -> None:
    parts = [header(f"1.{n}", ConcatenationUID="1.9", InConcatenationTotalNumber=3) for n in (1, 2)]
    assert found(parts) == {"InConcatenationTotalNumber": (3, 2)}


@pytest.mark.parametrize(("numbers", "announced"), [((2, 3, 4), 4), ((3, 4, 5), 5), ((4, 5, 6), 3), ((0, 1, 2), 3)])
def test_numbers_that_begin_at_2_or_3_have_lost_their_first(numbers: tuple[int, ...], announced: int) -> None:
    assert found([header(f"1.{n}", InstanceNumber=n) for n in numbers]) == {"InstanceNumber": (announced, 3)}
