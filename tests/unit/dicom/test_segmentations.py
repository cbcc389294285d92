"""A received segmentation as a stack: what it was made on, or why it is of no use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from dicomnode.dicom.segmentations import stack_of
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.identity import SeriesInstanceUID
from dicomnode.domain.stack import Stack
from tests.slices import segmentation, volume


def stack(**given: Any) -> Stack:
    return stack_of(segmentation(**given), {SeriesInstanceUID("1.2.3.1"): "series 1"})


def test_it_says_what_it_was_made_on_and_where_it_lies() -> None:
    found = stack(places=(0.0, 5.0, 15.0))
    assert (found.is_segmentation, found.refusal, found.role.role) == (True, "", "segmentation")
    assert found.role.reasons == ("a segmentation, made on series 1",)
    assert found.made_on == ("1.2.3.1",)
    assert found.geometry is not None
    assert (found.geometry.shape, found.geometry.spacing) == ((4, 8, 10), (5.0, 2.0, 1.5))


def test_a_series_that_is_not_here_is_said() -> None:
    found = stack(ReferencedSeries=["1.2.3.1", "1.9"])
    assert found.facts["MadeOn"] == "series 1 and a series that is not here"


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"SegmentationType": "FRACTIONAL"}, "a fractional segmentation: probability or occupancy is no label"),
        ({"SegmentationType": "LABELMAP"}, "a segmentation of type LABELMAP, which its class does not have"),
        ({"SegmentationType": None}, "a segmentation of type unknown, which its class does not have"),
        ({"SegmentsOverlap": "YES"}, "a segmentation whose segments overlap: such a voxel has no one label"),
        ({"LossyImageCompression": "01"}, "a lossy compressed segmentation: its labels are not those that were drawn"),
        ({"ReferencedSeries": None}, "a segmentation that does not say on which series it was made"),
        ({"SegmentTypes": None}, "a segmentation without coded segments"),
        ({"places": ()}, "a segmentation without functional groups that say where each frame lies"),
        (
            {"PixelSpacing": None},
            "a segmentation with no geometry: PixelSpacing is missing or not 2 numbers",
        ),
        ({"aside": 3.0}, "a segmentation whose frames shift 3 mm within their plane"),
    ],
)
def test_what_is_of_no_use_is_refused_by_name(facts: dict[str, Any], refusal: str) -> None:
    found = stack(**facts)
    assert (found.refusal, found.geometry, found.role.role) == (refusal, None, "")


def test_frames_turned_against_each_other() -> None:
    read = segmentation()
    turned: Sequence[Any] = [{**read.frames[0], "ImageOrientationPatient": [0.0, 1.0, 0.0, 0.0, 0.0, 1.0]}]
    object.__setattr__(read, "frames", (*read.frames, *turned))
    assert stack_of(read, {}).refusal == "a segmentation in mixed orientation: 1 places are turned against the first"


def test_it_stands_beside_the_images_and_changes_nothing_about_them() -> None:
    images = volume("1.8")
    with_it = stacks([*images, segmentation()])
    assert [one.is_segmentation for one in with_it] == [False, True]
    assert with_it[0] == stacks(images)[0]
