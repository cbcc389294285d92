"""Facts of HL7 messages as laboratories and order systems write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.errors import NotUnderstood
from dicomnode.hl7v2.reading import facts, parsed
from dicomnode.sdk.facts import checked

HEAD = "MSH|^~\\&|LAB|HOSP|NODE|HOSP|20261121101500||ORU^R01|M1|P|2.5.1\r"
PID = "PID|1||P1^^^HOSP&1.2.3&ISO^MR~999^^^OTHER||Doe^John\r"
SERVICES = {"MRNPC": {"npc-follow-up": "yes", "contrast-demanded": "no"}}


def told(*segments: str, pid: str = PID) -> dict[str, object]:
    found = facts(parsed(HEAD + pid + "\r".join(segments)), SERVICES)
    assert {(one.patient_id, one.issuer, one.source) for one in found} <= {("P1", "HOSP", "hl7")}
    for one in found:
        checked(one.name, one.value)
    return {one.name: one.value for one in found}


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        ("OBX|1|NM|33914-3^eGFR^LN||28.5|mL/min/1.73m2|||||F|||20261120081500+0100", {"egfr": 28.5}),
        ("OBX|1|ST|98979-8^eGFR^LN||>60|mL/min|||||C", {"egfr": 60.0}),
        ("OBX|1|SN|62238-1^eGFR^LN||<^15|mL/min|||||F", {"egfr": 15.0}),
        ("OBX|1|NM|33914-3^eGFR^LN||28.5|mL/min|||||W", {}),
        ("OBX|1|NM|33914-3^eGFR^LN||28.5|mL/min|||||D", {}),
        ("OBX|1|ST|33914-3^eGFR^LN||normal|mL/min|||||F", {}),
        ("OBX|1|NM|2160-0^Creatinine^LN||1.2|mg/dL|||||F", {}),
        ("OBX|1|CE|82810-3^Pregnancy status^LN||LA15173-0^Pregnant^LN||||||F", {"pregnancy": "yes"}),
        ("OBX|1|CE|82810-3^Pregnancy status^LN||LA26683-5^Not pregnant^LN||||||F", {"pregnancy": "no"}),
        ("AL1|1|DA|GADOB^Gadobutrol^L|SV|anaphylaxis", {"contrast-reaction": "severe"}),
        ("AL1|1|DA|^Dotarem|MO", {"contrast-reaction": "severe"}),
        ("AL1|1|DA|^Gd-DTPA|MI", {"contrast-reaction": "mild"}),
        ("AL1|1|DA|^Gadolinium", {"contrast-reaction": "unspecified"}),
        ("AL1|1|DA|PEN^Penicillin|SV", {}),
        ("DG1|1||N17.9^Acute kidney failure^I10", {"acute-kidney-injury": "yes"}),
        ("DG1|1||Z99.2^Dependence on dialysis^I10", {"dialysis": "yes"}),
        ("OBR|1||ACC7|MRNPC^MR NPC follow-up", {"npc-follow-up": "yes", "contrast-demanded": "no"}),
        ("OBR|1||ACC7|MRLIVER^MR liver", {}),
        ("OBR|1|||MRNPC^MR NPC follow-up", {}),
    ],
)
def test_a_segment_tells_its_fact(segment: str, expected: dict[str, object]) -> None:
    assert told(segment) == expected


def test_facts_of_an_order_belong_to_its_accession_number() -> None:
    found = facts(parsed(HEAD + PID + "OBR|1|P|ACC7|MRNPC\rOBX|1|NM|33914-3||44|||||F"), SERVICES)
    assert {(one.name, one.accession_number) for one in found} == {
        ("npc-follow-up", "ACC7"),
        ("contrast-demanded", "ACC7"),
        ("egfr", ""),
    }


def test_an_observation_keeps_its_moment() -> None:
    (one,) = facts(parsed(HEAD + PID + "OBX|1|NM|33914-3||28||||||F|||20261120081500+0100"), {})
    assert one.observed == datetime(2026, 11, 20, 7, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pid", "why"),
    [("", "0 PID segments"), (PID + PID, "2 PID segments"), ("PID|1||^^^HOSP\r", "no patient identifier")],
)
def test_a_fact_of_nobody_is_refused(pid: str, why: str) -> None:
    with pytest.raises(NotUnderstood, match=why):
        told("OBX|1|NM|33914-3||28||||||F", pid=pid)


@pytest.mark.parametrize("text", ["", "hello", "PID|1||P1", "\x00\x01", "MSH"])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        facts(parsed(text), {})


@given(st.text(alphabet=st.sampled_from("|^~&\\AOBXPIDMSH10.-> \r"), max_size=200))
def test_nothing_a_sender_writes_breaks_it(text: str) -> None:
    try:
        found = facts(parsed(HEAD + PID + text), SERVICES)
    except NotUnderstood:
        return
    for one in found:
        checked(one.name, one.value)
