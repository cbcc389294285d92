"""Stacks into the roles of plugins."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dicomnode.assemble.matching import match
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.exam import NoMatch, PlannedTask
from dicomnode.domain.identity import SeriesInstanceUID, digest_of
from dicomnode.domain.instance import InstanceHeader
from dicomnode.sdk.spec import InputRole, Match, PluginSpec
from tests.slices import IN_PHASE, plugin, segmentation, volume
from tests.values import digest

IN = volume("1.8", EchoTime=4.6)
OPPOSED = volume("1.7", EchoTime=2.3)


def matched(
    headers: list[InstanceHeader], spec: PluginSpec | None = None, parameters: Mapping[str, Any] | None = None
) -> tuple[tuple[PlannedTask, ...], tuple[NoMatch, ...]]:
    digests = {header.sop_instance_uid: digest(header.sop_instance_uid) for header in headers}
    return match(stacks(headers), [(spec or plugin(), parameters or {})], digests)


def uids(task: PlannedTask) -> dict[str, tuple[str, ...]]:
    return {chosen.role: chosen.stack.instances for chosen in task.inputs}


def in_slice_order(headers: list[InstanceHeader]) -> tuple[str, ...]:
    return tuple(header.sop_instance_uid for header in headers)


def test_a_dual_echo_series_fills_both_roles() -> None:
    (task,), refusals = matched(IN + OPPOSED)
    assert refusals == ()
    assert uids(task) == {"in_phase": in_slice_order(IN), "opposed_phase": in_slice_order(OPPOSED)}
    assert (task.plugin, task.version, task.parameters) == ("fat_fraction", "0.1.0", {"noise_gate": 5.0})
    assert task.inputs[0].input_digest == digest_of(digest(uid) for uid in in_slice_order(IN))
    assert task.notes == ()


def test_the_task_id_depends_on_inputs_plugin_version_and_parameters_only() -> None:
    (task,), _ = matched(IN + OPPOSED)
    shuffled = random.Random(1).sample(IN + OPPOSED, 12)
    assert matched(shuffled)[0][0].task_id == task.task_id
    assert matched(IN + OPPOSED, parameters={"noise_gate": 5.0})[0][0].task_id == task.task_id
    others = [
        matched(IN + OPPOSED, parameters={"noise_gate": 4.0}),
        matched(IN + OPPOSED, plugin(version="0.1.1")),
        matched(IN + OPPOSED, plugin(name="other")),
        matched(IN[:-1] + OPPOSED[:-1]),
        matched(IN + volume("1.6", EchoTime=2.3)),
    ]
    assert len({task.task_id, *(tasks[0].task_id for tasks, _ in others)}) == 6


def test_a_missing_echo_is_held() -> None:
    tasks, (refusal,) = matched(volume("1.8", ImageType=IN_PHASE))
    assert tasks == ()
    assert refusal == NoMatch(
        plugin="fat_fraction",
        reason="no opposed_phase (in_phase is series 1); nearest is series 1: "
        "echo time 4.6 ms at 1.5 T is in phase (0 degrees)",
        held=True,
    )


def test_a_missing_slice_is_held() -> None:
    _, (refusal,) = matched(IN[:2] + IN[3:] + OPPOSED)
    assert refusal.held
    assert refusal.reason.startswith(
        "no in_phase (opposed_phase is series 1); nearest is series 1: slice missing: 1 not there"
    )


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (
            {"EchoTime": 3.4},
            "no in_phase; nearest is series 1: echo time 3.4 ms at 1.5 T is neither in phase nor opposed (266 degrees)",
        ),
        (
            {"ScanOptions": ["FS"]},
            "no in_phase; nearest is series 1: fat-saturated (Scan Options FS), so neither in phase nor opposed",
        ),
        (
            {"SeriesDescription": "out phase"},
            "no in_phase; nearest is series 1: ambiguous: labelled opposed-phase, but echo time 4.6 ms at 1.5 T is in "
            "phase (0 degrees)",
        ),
        (
            {"slices": 2, "ImageType": IN_PHASE},
            "no in_phase; nearest is series 1: only 2 slices: a volume needs at least 3",
        ),
    ],
)
def test_the_reason_names_the_nearest_miss(facts: dict[str, Any], reason: str) -> None:
    far = volume("1.5", series="1.2.3.5", SeriesNumber=5, ScanningSequence=["SE"])
    report = volume("1.6", series="1.2.3.6", SeriesNumber=6, sop_class="1.2.840.10008.5.1.4.1.1.88.34")
    _, (refusal,) = matched([*far, *volume("1.9", **facts), *report])
    assert (refusal.reason, refusal.held) == (reason, False)


def test_an_empty_study_has_a_reason() -> None:
    assert matched([])[1] == (NoMatch(plugin="fat_fraction", reason="no in_phase; the study has no series"),)


@pytest.mark.parametrize(
    ("fields", "reason", "held"),
    [
        ({"origin": (-30.0, -40.0, 13.0)}, "opposed_phase lies 3 mm off the grid of in_phase", False),
        ({"slices": 5}, "opposed_phase has 5 slices of 8 x 10, in_phase has 6 slices of 8 x 10", True),
        ({"Rows": 4}, "opposed_phase has 6 slices of 4 x 10, in_phase has 6 slices of 8 x 10", False),
        ({"FrameOfReferenceUID": "1.2.8"}, "opposed_phase and in_phase have no common frame of reference", False),
    ],
)
def test_a_broken_relation_is_the_reason_and_held_only_where_slices_lack(
    fields: dict[str, Any], reason: str, held: bool
) -> None:
    tasks, refusals = matched(IN + volume("1.7", EchoTime=2.3, **fields))
    assert tasks == ()
    assert refusals == (NoMatch(plugin="fat_fraction", reason=reason, held=held),)


def test_of_several_misses_the_nearest_is_named() -> None:
    far = volume("1.6", EchoTime=2.3, origin=(-30.0, -40.0, 90.0), series="1.2.3.2")
    near = volume("1.7", EchoTime=2.3, origin=(-30.0, -40.0, 11.0), series="1.2.3.3")
    assert matched(IN + far + near)[1][0].reason == "opposed_phase lies 1 mm off the grid of in_phase"


def test_one_series_is_preferred_and_the_others_are_named() -> None:
    early = volume("1.5", EchoTime=2.3, series="1.2.3.5", SeriesNumber=5, AcquisitionTime="080000")
    (task,), _ = matched(IN + OPPOSED + early)
    assert uids(task)["opposed_phase"] == in_slice_order(OPPOSED)
    assert task.notes == ("opposed_phase: series 1 taken; series 5 is 2 of 2: it was acquired earlier",)


def test_the_later_repeat_is_preferred() -> None:
    late = volume("1.4", EchoTime=4.6, series="1.2.3.4", SeriesNumber=4, AcquisitionTime="130000")
    late += volume("1.3", EchoTime=2.3, series="1.2.3.4", SeriesNumber=4, AcquisitionTime="130000")
    (task,), _ = matched(late + IN + OPPOSED)
    assert uids(task)["in_phase"] == in_slice_order(late[:6])
    assert task.notes == (
        "in_phase: series 4 taken; series 1 is 2 of 2: it was acquired earlier",
        "opposed_phase: series 4 taken; series 1 is 2 of 2: it was acquired earlier",
    )


def repeat(**facts: Any) -> list[InstanceHeader]:
    pair = ("1.4", 4.6), ("1.3", 2.3)
    return [
        header
        for root, echo in pair
        for header in volume(root, EchoTime=echo, series="1.2.3.4", SeriesNumber=4, **facts)
    ]


@pytest.mark.parametrize(
    ("facts", "taken", "reason"),
    [
        ({"slices": 7}, "1.2.3.4", "series 4 taken; series 1 is 2 of 2: it has 6 slices, not 7"),
        ({"ImageType": ["DERIVED", "PRIMARY"], "slices": 7}, "1.2.3.1", "it is derived, not original"),
        ({"AcquisitionTime": "235900.25"}, "1.2.3.4", "it was acquired earlier"),
    ],
)
def test_the_better_of_two_pairs_is_taken_and_the_other_named_with_its_rank(
    facts: dict[str, Any], taken: str, reason: str
) -> None:
    (task,), _ = matched(IN + OPPOSED + repeat(**facts))
    assert {chosen.stack.series_instance_uid for chosen in task.inputs} == {taken}
    assert reason in task.notes[0]


def test_a_true_tie_is_ambiguous_and_held() -> None:
    tasks, refusals = matched(IN + OPPOSED + repeat())
    assert tasks == ()
    reason = "in_phase: ambiguous: series 1 and series 4 fill it equally well"
    assert refusals == (NoMatch(plugin="fat_fraction", reason=reason, held=True),)


def test_a_tie_for_an_optional_role_leaves_it_empty_and_says_so() -> None:
    roles = (
        InputRole(role="a", match=(Match(keyword="Role", op="eq", value="in-phase"),)),
        InputRole(role="b", match=(Match(keyword="Role", op="eq", value="opposed-phase"),), required=False),
    )
    twice = [header for n in (5, 6) for header in volume(f"1.{n}", EchoTime=2.3, series=f"1.2.3.{n}", SeriesNumber=n)]
    (task,), _ = matched(IN + twice, plugin(*roles))
    assert list(uids(task)) == ["a"]
    assert task.notes == ("b: ambiguous: series 5 and series 6 fill it equally well; left empty",)


def test_a_role_of_many_takes_every_volume_that_goes_with_the_others() -> None:
    roles = (
        InputRole(role="a", match=(Match(keyword="Role", op="eq", value="in-phase"),)),
        InputRole(
            role="b", match=(Match(keyword="Role", op="eq", value="opposed-phase"),), many=True, same_grid_as="a"
        ),
    )
    parts = [volume(f"1.{n}", EchoTime=2.3, series=f"1.2.3.{n}", SeriesNumber=n) for n in (5, 6)]
    off = volume("1.7", EchoTime=2.3, slices=5, series="1.2.3.7", SeriesNumber=7)
    (task,), _ = matched([*off, *parts[1], *IN, *parts[0]], plugin(*roles))
    assert uids(task) == {"a": in_slice_order(IN), "b.1": in_slice_order(parts[0]), "b.2": in_slice_order(parts[1])}
    assert task.notes == ("b: series 5 taken; series 7 is 3 of 3: it has 5 slices, not 6",)
    _, (refusal,) = matched(IN + off, plugin(*roles))
    assert refusal.reason == "b has 5 slices of 8 x 10, a has 6 slices of 8 x 10"


def test_no_stack_fills_two_roles() -> None:
    same = (
        InputRole(role="a", match=(Match(keyword="Modality", op="eq", value="MR"),)),
        InputRole(role="b", match=(Match(keyword="Modality", op="eq", value="MR"),)),
    )
    assert matched(IN, plugin(*same))[1][0].reason == "series 1 alone would have to fill two roles"
    assert matched(IN + OPPOSED, plugin(*same))[1][0].reason.startswith("a: ambiguous")
    better = volume("1.7", EchoTime=2.3, AcquisitionTime="235900")
    (task,), _ = matched(IN + better, plugin(*same))
    assert uids(task) == {"a": in_slice_order(better), "b": in_slice_order(IN)}


def test_an_optional_role_is_filled_when_it_can_be() -> None:
    optional = (
        InputRole(role="a", match=(Match(keyword="Role", op="eq", value="in-phase"),)),
        InputRole(
            role="b",
            match=(Match(keyword="Role", op="eq", value="opposed-phase"),),
            required=False,
            same_grid_as="a",
        ),
    )
    assert list(uids(matched(volume("1.8", ImageType=IN_PHASE), plugin(*optional))[0][0])) == ["a"]
    assert list(uids(matched(IN + OPPOSED, plugin(*optional))[0][0])) == ["a", "b"]
    off = volume("1.7", EchoTime=2.3, slices=5)
    assert list(uids(matched(IN + off, plugin(*optional))[0][0])) == ["a"]


def test_a_series_plugin_runs_on_every_stack_that_fits() -> None:
    every = (InputRole(role="image", match=(Match(keyword="Modality", op="eq", value="MR"),)),)
    tasks, _ = matched(IN + OPPOSED, plugin(*every, level="series"))
    assert {task.inputs[0].stack.facts["EchoTime"] for task in tasks} == {2.3, 4.6}
    assert len({task.task_id for task in tasks}) == 2


def test_every_plugin_has_a_task_or_a_refusal() -> None:
    headers = IN + OPPOSED
    digests = {header.sop_instance_uid: digest(header.sop_instance_uid) for header in headers}
    never = plugin(InputRole(role="x", match=(Match(keyword="Modality", op="eq", value="CT"),)), name="never")
    tasks, refusals = match(stacks(headers), [(plugin(), {}), (never, {})], digests)
    assert [task.plugin for task in tasks] == ["fat_fraction"]
    assert [refusal.plugin for refusal in refusals] == ["never"]


def test_wrong_parameters_are_not_swallowed() -> None:
    with pytest.raises(ValueError, match="noise_gat"):
        matched(IN + OPPOSED, parameters={"noise_gat": 3.0})


LIVER = InputRole(
    role="mask",
    match=(Match(keyword="SegmentTypes", op="contains", value="10200004^SCT"),),
    required=False,
    segments_of="in_phase",
)


NO_FRAME = "mask: series 9 not taken: mask and in_phase have no common frame of reference"


def drawn_on(*headers: InstanceHeader, required: bool = False) -> tuple[tuple[PlannedTask, ...], tuple[NoMatch, ...]]:
    """The dual echo of series 1 with further headers, for a plugin that asks for a mask."""
    inputs = (*plugin().inputs, replace(LIVER, required=required))
    return matched([*IN, *OPPOSED, *headers], plugin(*inputs))


def test_a_segmentation_made_on_the_images_fills_its_role_and_makes_another_task() -> None:
    (without,), _ = drawn_on()
    (task,), refusals = drawn_on(segmentation())
    assert refusals == ()
    assert uids(task)["mask"] == ("1.9.9",)
    assert task.task_id != without.task_id
    assert task.notes == ()


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        ({"FrameOfReferenceUID": "1.2.8"}, NO_FRAME),
        ({"FrameOfReferenceUID": None}, NO_FRAME),
        (
            {"ReferencedSeries": ["1.9"]},
            "mask: series 9 not taken: mask was made on a series that is not here, not on in_phase or opposed_phase",
        ),
        ({"SegmentTypes": ["78961009^SCT"]}, ""),
        ({"SegmentationType": "FRACTIONAL"}, ""),
    ],
)
def test_a_segmentation_that_does_not_belong_to_the_images_leaves_the_role_empty(
    facts: dict[str, Any], note: str
) -> None:
    (without,), _ = drawn_on()
    (task,), _ = drawn_on(segmentation(**facts))
    assert task.task_id == without.task_id
    assert task.notes == ((note,) if note else ())


def test_made_on_the_other_echo_of_the_same_grid_is_made_on_the_grid() -> None:
    apart = [replace(one, series_instance_uid=SeriesInstanceUID("1.2.3.2")) for one in OPPOSED]
    inputs = (*plugin().inputs, LIVER)
    (task,), _ = matched([*IN, *apart, segmentation(ReferencedSeries=["1.2.3.2"])], plugin(*inputs))
    assert "mask" in uids(task)


def test_of_two_segmentations_the_later_one_is_taken() -> None:
    (task,), _ = drawn_on(segmentation(), segmentation("1.9.8", series="1.2.3.8", SeriesNumber=8, ContentTime="150000"))
    assert uids(task)["mask"] == ("1.9.8",)
    assert task.notes == ("mask: series 8 taken; series 9 is 2 of 2: it was made earlier",)


def test_two_segmentations_of_one_moment_are_ambiguous() -> None:
    (task,), _ = drawn_on(segmentation(), segmentation("1.9.8", series="1.2.3.8", SeriesNumber=8))
    assert "mask" not in uids(task)
    assert task.notes == ("mask: ambiguous: series 8 and series 9 fill it equally well; left empty",)


def test_a_segmentation_does_not_choose_which_images_are_used() -> None:
    (task,), _ = drawn_on(*repeat(AcquisitionTime="130000"), segmentation())
    assert uids(task)["in_phase"] == tuple(f"1.4.{n}" for n in range(1, 7))
    assert "mask" not in uids(task)
    assert "mask: series 9 not taken: mask was made on series 1, not on in_phase or opposed_phase" in task.notes


def test_a_required_segmentation_is_waited_for() -> None:
    _, (refusal,) = drawn_on(required=True)
    assert (refusal.reason, refusal.held) == (
        "no mask (in_phase is series 1, opposed_phase is series 1); nearest is series 1: images, no segmentation",
        True,
    )


def test_a_segmentation_never_fills_a_role_of_images() -> None:
    anything = plugin(InputRole(role="anything", match=()))
    tasks, _ = matched([segmentation()], anything)
    assert tasks == ()
