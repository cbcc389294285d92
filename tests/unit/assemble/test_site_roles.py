"""A site's rules win over what the node recognised, and say so."""

from __future__ import annotations

from dicomnode.assemble.assess import assess
from dicomnode.assemble.site_roles import apply
from dicomnode.dicom.stacks import stacks
from dicomnode.section import MatchSettings
from dicomnode.settings import RoleSettings
from tests.slices import volume


def rule(role: str, **equal: str) -> RoleSettings:
    return RoleSettings(role=role, match=tuple(MatchSettings(keyword=k, value=v) for k, v in equal.items()))


def test_the_first_rule_that_holds_decides_and_the_own_word_is_kept() -> None:
    found = stacks(volume("1.9", ProtocolName="NERVE 3D"))
    (stack,) = apply(found, [rule("t2", ProtocolName="other"), rule("ce-mrn", ProtocolName="nerve 3d", Modality="MR")])
    assert (stack.role.role, stack.role.score) == ("ce-mrn", 1)
    assert stack.role.reasons == ("rule 2 of this site: ProtocolName eq nerve 3d and Modality eq MR",)
    assert stack.role.against[0].startswith("without the rule: no role: unknown: echo time 4.6 ms")


def test_a_rule_can_build_on_what_the_node_says() -> None:
    found = stacks(volume("1.8", EchoTime=4.6) + volume("1.7", EchoTime=2.3))
    assert [s.role.role for s in apply(found, [rule("t1", Role="in-phase")])] == ["opposed-phase", "t1"]


def test_what_is_no_image_keeps_its_reason() -> None:
    report = stacks(volume("1.5", sop_class="1.2.840.10008.5.1.4.1.1.88.34"))
    assert apply(report, [rule("t1", Modality="MR")]) == report


def test_the_exam_is_judged_by_the_rules() -> None:
    assessment = assess([], [], [rule("t1", Modality="MR")])
    assert assessment.stacks == ()
