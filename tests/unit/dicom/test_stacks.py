"""One series, several volumes; or none."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dicomnode.dicom.stacks import stacks
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Stack
from tests.slices import IN_PHASE, header, volume

ENHANCED = "1.2.840.10008.5.1.4.1.1.4.1"
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


def sizes(found: tuple[Stack, ...]) -> list[int]:
    return [len(stack.instances) for stack in found]


def with_fact(one: InstanceHeader, keyword: str, value: float) -> InstanceHeader:
    return replace(one, facts={**one.facts, keyword: value})


def test_one_volume_is_one_stack_in_slice_order() -> None:
    slices = volume("1.9", slices=6, ImageType=IN_PHASE)
    (stack,) = stacks(slices[::-1])
    assert stack.instances == tuple(header.sop_instance_uid for header in slices)
    assert stack.refusal == ""
    assert stack.geometry is not None
    assert stack.geometry.shape == (6, 8, 10)
    assert stack.geometry.origin == (-30.0, -40.0, 10.0)
    assert stack.geometry.spacing == (5.0, 2.0, 1.5)
    assert stack.geometry.normal == (0.0, 0.0, 1.0)
    assert stack.frame_of_reference_uid == "1.2.3.9"
    assert stack.facts["NumberOfSlices"] == 6
    assert stack.facts["InstanceNumber"] == 1
    assert stack.role.role == "in-phase"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"EchoTime": 2.3}, {"EchoTime": 4.6}),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M"]}, {"ImageType": ["ORIGINAL", "PRIMARY", "P"]}),
        ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}),
        ({"DiffusionBValue": None}, {"DiffusionBValue": 800.0}),
        ({"FlipAngle": 5.0}, {"FlipAngle": 10.0}),
        ({"InversionTime": 200.0}, {"InversionTime": 900.0}),
        ({"FrameOfReferenceUID": "1.2.3.9"}, {"FrameOfReferenceUID": "1.2.3.10"}),
        ({"Rows": 8}, {"Rows": 16}),
        ({"PixelSpacing": [2.0, 1.5]}, {"PixelSpacing": [1.0, 1.5]}),
        ({"orientation": (1, 0, 0, 0, 1, 0)}, {"orientation": SAGITTAL}),
        ({"TemporalPositionIdentifier": 1}, {"TemporalPositionIdentifier": 2}),
        ({"TriggerTime": 0.0}, {"TriggerTime": 40.0}),
        ({"DiffusionGradientOrientation": [1.0, 0, 0]}, {"DiffusionGradientOrientation": [0.0, 1, 0]}),
        ({"EchoTime": None, "EchoNumbers": [1]}, {"EchoTime": None, "EchoNumbers": [2]}),
    ],
)
def test_two_volumes_in_one_series_are_two_stacks(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = volume("1.8", **one), volume("1.9", **other)
    found = stacks([header for pair in zip(first, second, strict=True) for header in pair])
    assert sizes(found) == [6, 6]
    assert {frozenset(stack.instances) for stack in found} == {
        frozenset(header.sop_instance_uid for header in part) for part in (first, second)
    }
    assert all(stack.geometry is not None for stack in found)
    assert len({stack.stack_id for stack in found}) == 2


@pytest.mark.parametrize(
    "varying", ["AcquisitionNumber", "AcquisitionTime", "TemporalPositionIdentifier", "TriggerTime", "InstanceNumber"]
)
def test_counters_and_clocks_do_not_tear_a_volume_apart(varying: str) -> None:
    slices = [with_fact(one, varying, n % 3) for n, one in enumerate(volume("1.9", slices=6))]
    assert sizes(stacks(slices)) == [6]


def test_rounding_of_echo_times_does_not_tear_a_volume_apart() -> None:
    slices = [with_fact(one, "EchoTime", 4.6 + 0.001 * n) for n, one in enumerate(volume("1.9"))]
    assert sizes(stacks(slices)) == [6]


def test_order_of_arrival_does_not_matter() -> None:
    slices = volume("1.7", EchoTime=2.3) + volume("1.8", EchoTime=4.6) + volume("1.9", series="1.2.3.2", SeriesNumber=2)
    expected = stacks(slices)
    for seed in range(5):
        shuffled = random.Random(seed).sample(slices, len(slices))
        assert stacks(shuffled) == expected
    assert [stack.facts["EchoTime"] for stack in expected] == [2.3, 4.6, 4.6]


def test_the_same_instance_twice_counts_once() -> None:
    assert sizes(stacks(volume("1.9") * 2)) == [6]


def test_duplicate_positions_that_nothing_explains_are_refused() -> None:
    (stack,) = stacks(volume("1.8") + volume("1.9"))
    assert stack.geometry is None
    assert stack.refusal == "duplicate position: 6 of 12 slices lie where another one lies"


def test_what_differs_in_every_slice_does_not_tell_volumes_apart() -> None:
    slices = [with_fact(one, "TriggerTime", n) for n, one in enumerate(volume("1.8") + volume("1.9"))]
    assert sizes(stacks(slices)) == [12]


def test_radial_planes_are_one_refused_stack() -> None:
    turned: list[InstanceHeader] = []
    for n, angle in enumerate(np.radians(range(0, 180, 30))):
        plane = (float(np.cos(angle)), float(np.sin(angle)), 0.0, 0.0, 0.0, -1.0)
        turned += volume(f"1.9.{n}", slices=1, orientation=plane)
    (stack,) = stacks(turned)
    assert stack.refusal == "mixed orientation: 5 of 6 slices are turned against the first"


def test_a_three_plane_localizer_with_one_image_each_is_refused() -> None:
    planes = [(1.0, 0, 0, 0, 1, 0), (1.0, 0, 0, 0, 0, -1.0), SAGITTAL]
    slices = [volume(f"1.9.{n}", slices=1, orientation=plane)[0] for n, plane in enumerate(planes)]
    (stack,) = stacks(slices)
    assert stack.refusal == "mixed orientation: 2 of 3 slices are turned against the first"


@pytest.mark.parametrize(
    ("sop_class", "facts", "refusal"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.34", {}, "not an image: Comprehensive 3D SR"),
        ("1.2.840.10008.5.1.4.1.1.11.1", {}, "not an image: Grayscale Softcopy Presentation State"),
        ("1.3.46.670589.11.0.0.12.2", {}, "not an image: private or unknown SOP class"),
        (
            "1.2.840.10008.5.1.4.1.1.4.1",
            {},
            "Enhanced MR Image, 1 frames: no functional groups that say where each frame lies",
        ),
        (None, {"NumberOfFrames": 20}, "MR Image, 20 frames: no functional groups that say where each frame lies"),
        (
            None,
            {"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]},
            "mosaic, several slices tiled in one image: not read by this release",
        ),
        (
            None,
            {"ImageType": ["ORIGINAL", "PRIMARY", "M", "VFRAME"]},
            "mosaic, several slices tiled in one image: not read by this release",
        ),
        (None, {"PhotometricInterpretation": "RGB"}, "no grey values (Photometric Interpretation RGB)"),
        (None, {"LossyImageCompression": "01"}, "lossy compressed: values are not those of the scanner"),
    ],
)
def test_what_is_no_slice_is_a_stack_with_a_refusal(sop_class: str | None, facts: dict[str, Any], refusal: str) -> None:
    classes: dict[str, Any] = {} if sop_class is None else {"sop_class": sop_class}
    (stack,) = stacks(volume("1.9", **classes, **facts))
    assert stack.geometry is None
    assert stack.refusal == refusal
    assert stack.role.role == ""
    assert stack.role.reasons == (refusal,)


def test_images_whose_lowest_value_is_white_are_slices() -> None:
    assert stacks(volume("1.9", PhotometricInterpretation="MONOCHROME1"))[0].refusal == ""


def test_one_frame_is_not_multi_frame() -> None:
    assert stacks(volume("1.9", NumberOfFrames=1))[0].geometry is not None


def test_an_incomplete_volume_keeps_its_role() -> None:
    slices = volume("1.9", ImageType=IN_PHASE)
    (stack,) = stacks([*slices[:2], *slices[3:]])
    assert stack.refusal.startswith("slice missing: 1")
    assert stack.role.role == "in-phase"


def test_images_and_other_objects_of_one_series_are_kept_apart() -> None:
    odd = header("1.5", sop_class="1.2.840.10008.5.1.4.1.1.66")
    found = stacks([*volume("1.9"), odd])
    assert sorted(stack.refusal for stack in found) == ["", "not an image: Raw Data"]


def test_nothing_makes_no_stack() -> None:
    assert stacks([]) == ()


def enhanced(uid: str, frames: list[dict[str, Any]], **facts: Any) -> InstanceHeader:
    """An Enhanced MR image; its frames hold what differs."""
    plain = dict.fromkeys(("ImageType", "EchoTime", "ImagePositionPatient", "ScanningSequence"))
    one = header(uid, sop_class=ENHANCED, **{**plain, "EchoPulseSequence": "GRADIENT", **facts})
    where = {"ImageOrientationPatient": [1.0, 0, 0, 0, 1.0, 0]}
    return replace(one, frames=tuple({**where, **frame} for frame in frames))


def places(count: int) -> list[list[float]]:
    return [[0.0, 0.0, 5.0 * n] for n in range(count)]


def test_an_enhanced_file_holds_several_stacks_in_the_order_of_their_places() -> None:
    frames = [
        {"EffectiveEchoTime": echo, "FrameType": ["ORIGINAL", "PRIMARY", "T1", kind], "ImagePositionPatient": place}
        for place in places(4)[::-1]
        for kind in "PM"
        for echo in (2.3, 4.6)
    ]
    found = stacks([enhanced("1.1", frames)])
    seen = [(s.facts["EchoTime"], s.facts["ImageType"][3], s.instances, s.frames) for s in found]  # type: ignore[index]
    assert sorted(seen) == [
        (2.3, "M", ("1.1",) * 4, (15, 11, 7, 3)),
        (2.3, "P", ("1.1",) * 4, (13, 9, 5, 1)),
        (4.6, "M", ("1.1",) * 4, (16, 12, 8, 4)),
        (4.6, "P", ("1.1",) * 4, (14, 10, 6, 2)),
    ]
    assert {s.stack_id for s in found} == {s.stack_id for s in stacks([enhanced("1.1", frames)])}
    assert all(stack.geometry is not None and stack.geometry.shape[0] == 4 for stack in found)


def test_slices_of_one_volume_may_lie_in_two_files() -> None:
    even, odd = places(6)[::2], places(6)[1::2]
    files = [
        enhanced(uid, [{"ImagePositionPatient": place} for place in half], EchoTime=4.6)
        for uid, half in (("1.2", even), ("1.1", odd))
    ]
    (stack,) = stacks(files)
    assert stack.instances == ("1.2", "1.1") * 3
    assert stack.frames == (1, 1, 2, 2, 3, 3)
