"""What one stack is depends on the others of its exam."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dicomnode.dicom.stacks import stacks
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import RoleDecision
from tests.slices import IN_PHASE, volume

EARLY, LATE = volume("1.7", EchoTime=2.3), volume("1.8", EchoTime=4.6)


def test_two_echoes_vouch_for_each_other() -> None:
    opposed, in_phase = stacks(EARLY + LATE)
    assert (opposed.role.role, in_phase.role.role) == ("opposed-phase", "in-phase")
    assert "the exam holds its opposed-phase echo" in in_phase.role.reasons


def test_a_lone_echo_is_what_its_times_say() -> None:
    (alone,) = stacks(volume("1.8", EchoTime=4.6, MRAcquisitionType="2D"))
    assert alone.role.role == "t1"
    assert alone.role.reasons[-1].endswith("but the exam holds no opposed-phase echo of this acquisition")
    (unknown,) = stacks(LATE)
    assert (unknown.role.role, unknown.role.score) == ("", 0)


def test_another_protocol_is_no_counterpart() -> None:
    found = stacks(LATE + volume("1.7", EchoTime=2.3, FlipAngle=10.0, series="1.2.3.2"))
    assert [stack.role.role for stack in found] == ["", ""]


def test_a_label_is_believed_and_the_missing_echo_counted_against_it() -> None:
    (alone,) = stacks(volume("1.8", ImageType=IN_PHASE))
    assert alone.role.role == "in-phase"
    assert alone.role.against == ("the exam holds no opposed-phase echo of this acquisition",)
    assert alone.role.score < 1


def test_three_echoes_are_a_multi_echo() -> None:
    found = stacks(EARLY + LATE + volume("1.9", EchoTime=6.9))
    assert [stack.role.role for stack in found] == ["multi-echo"] * 3
    assert found[0].role.reasons[0] == "one of 3 echoes of one gradient echo series"


def test_b_0_beside_other_b_values_is_a_diffusion_image() -> None:
    spin = {"ScanningSequence": ["SE"], "RepetitionTime": 4000.0, "EchoTime": 70.0, "FlipAngle": 90.0}
    plain = volume("1.1", DiffusionBValue=0.0, PixelBandwidth=300.0, **spin)
    (alone,) = stacks(plain)
    assert alone.role.role == "t2"
    found = stacks(plain + volume("1.2", DiffusionBValue=800.0, **spin))
    assert [stack.role.role for stack in found] == ["dwi", "dwi"]
    assert any(s.role.reasons[0] == "b = 0 image of a diffusion acquisition with b = 800 s/mm2" for s in found)


def test_an_agent_on_images_before_the_injection_that_others_state_is_ambiguous() -> None:
    spin: dict[str, Any] = {"ScanningSequence": ["SE"], "RepetitionTime": 500.0, "EchoTime": 10.0, "FlipAngle": 90.0}
    spin |= {"ContrastBolusAgent": "Dotarem"}
    after = volume("1.2", series="1.2.3.2", AcquisitionTime="101500", ContrastBolusStartTime="101000", **spin)

    def role_at(time: str, *others: InstanceHeader) -> RoleDecision:
        found = stacks([*volume("1.1", AcquisitionTime=time, **spin), *others])
        return next(stack.role for stack in found if stack.series_instance_uid == "1.2.3.1")

    assert role_at("100000").role == role_at("101200", *after).role == "ce-t1"
    assert role_at("100000", *after).role == ""
    assert role_at("100000", *after).reasons[0] == (
        "ambiguous: contrast agent Dotarem, but acquired before the injection that other series state"
    )
    second = volume("1.3", series="1.2.3.3", AcquisitionTime="103500", ContrastBolusStartTime="103000", **spin)
    assert role_at("101200", *after, *second).role == "ce-t1", "after one of two injections"
    yesterday = [replace(one, facts={**one.facts, "AcquisitionDate": "20260228"}) for one in after]
    assert role_at("100000", *yesterday).role == "ce-t1"
