"""Stacks into the roles of plugins."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from dicomnode.assemble.matching import match
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.exam import NoMatch, PlannedTask
from dicomnode.domain.identity import digest_of
from dicomnode.domain.instance import InstanceHeader
from dicomnode.sdk.spec import InputRole, Match, PluginSpec
from tests.slices import plugin, volume
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
    tasks, (refusal,) = matched(IN)
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
        ({"slices": 2, "EchoTime": 4.6}, "no in_phase; nearest is series 1: only 2 slices: a volume needs at least 3"),
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
    assert task.notes == ("opposed_phase: series 5 would fit too",)


def test_the_earliest_pair_is_preferred() -> None:
    late = volume("1.4", EchoTime=4.6, series="1.2.3.4", SeriesNumber=4, AcquisitionTime="130000")
    late += volume("1.3", EchoTime=2.3, series="1.2.3.4", SeriesNumber=4, AcquisitionTime="130000")
    (task,), _ = matched(late + IN + OPPOSED)
    assert uids(task)["in_phase"] == in_slice_order(IN)
    assert task.notes == ("in_phase: series 4 would fit too", "opposed_phase: series 4 would fit too")


def test_no_stack_fills_two_roles() -> None:
    same = (
        InputRole(role="a", match=(Match(keyword="Modality", op="eq", value="MR"),)),
        InputRole(role="b", match=(Match(keyword="Modality", op="eq", value="MR"),)),
    )
    assert matched(IN, plugin(*same))[1][0].reason == "series 1 alone would have to fill two roles"
    (task,), _ = matched(IN + OPPOSED, plugin(*same))
    assert len({chosen.stack.stack_id for chosen in task.inputs}) == 2


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
    assert list(uids(matched(IN, plugin(*optional))[0][0])) == ["a"]
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
