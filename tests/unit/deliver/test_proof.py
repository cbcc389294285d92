"""What to ask for next, and what an answer means: decided from facts and a clock alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.deliver import proof
from dicomnode.domain.delivery import CommitmentReport, Delivered, DeliveryState, Reference, Transaction
from dicomnode.domain.identity import AETitle, Digest, SOPInstanceUID
from dicomnode.errors import InvalidArgument
from dicomnode.settings import DeliverySettings
from tests.values import at

POLICY = DeliverySettings(give_up_after=10_000, report_patience=100, settle_time=30)
PACS = AETitle("PACS")
MANY = [
    Delivered(
        delivery_id=n,
        reference=Reference(sop_class_uid="1.2", sop_instance_uid=f"7.{n}"),
        store_key=f"k{n}",
        attempts=1,
        queued=at(0),
        delivered=at(0),
        transaction_uid="2.25.1",
        asked=at(0),
    )
    for n in range(6)
]
ASKED = Transaction(transaction_uid="2.25.1", task_id=Digest("t"), attempt=1, peer="pacs", parcels=tuple(MANY))


def _report(committed: set[int], failed: dict[int, int]) -> CommitmentReport:
    return CommitmentReport(
        transaction_uid="2.25.1",
        calling_aet=PACS,
        committed=frozenset(MANY[n].reference for n in committed),
        failed={MANY[n].reference: reason for n, reason in failed.items()},
    )


@given(st.dictionaries(st.integers(0, 5), st.sampled_from([0, 0x0110, 0x0112, 0x0119, 0x0122, 0x0131, 0x0213, 0x9999])))
def test_every_reference_gets_exactly_its_verdict(said: dict[int, int]) -> None:
    committed = {n for n, reason in said.items() if reason == 0}
    failed = {n: reason for n, reason in said.items() if reason}
    verdicts = {v.delivery_id: v.state for v in proof.judge(_report(committed, failed), ASKED, PACS, POLICY, at(50))}
    state = {0: DeliveryState.PROVEN, 0x0131: DeliveryState.DELIVERED}
    state |= dict.fromkeys((0x0110, 0x0112, 0x0213), DeliveryState.WAITING)
    assert verdicts == {n: state.get(reason, DeliveryState.PARKED) for n, reason in said.items()}


def test_nobody_else_may_report_nor_on_anything_else() -> None:
    report = _report({0}, {})
    for asked, aet in [(None, PACS), (ASKED, None), (ASKED, AETitle("OTHER"))]:
        with pytest.raises(InvalidArgument):
            proof.judge(report, asked, aet, POLICY, at(50))
    other_class = replace(MANY[0].reference, sop_class_uid="1.3")
    with pytest.raises(InvalidArgument):
        proof.judge(replace(report, committed=frozenset({other_class})), ASKED, PACS, POLICY, at(50))


def test_a_failure_of_an_older_request_is_not_the_latest_word() -> None:
    since = replace(ASKED, parcels=(replace(MANY[0], transaction_uid="2.25.2"), *MANY[1:]))
    assert proof.judge(_report(set(), {0: 0x0112}), since, PACS, POLICY, at(50)) == []


def test_resending_ends_with_patience() -> None:
    (verdict,) = proof.judge(_report(set(), {0: 0x0112}), ASKED, PACS, POLICY, at(10_000))
    assert (verdict.state, verdict.reason) == (
        DeliveryState.PARKED,
        "given up: not committed: no such instance 0112",
    )


def test_what_was_not_asked_or_not_answered_is_looked_for() -> None:
    unasked = replace(MANY[0], asked=None, transaction_uid="")
    late = replace(MANY[1], asked=at(80))
    assert proof.to_ask([unasked, late]) == (unasked,)
    assert proof.to_look_for([unasked, late, MANY[2]], POLICY, at(99)) == (unasked,)
    assert proof.to_look_for([unasked, late, MANY[2]], POLICY, at(100)) == (unasked, MANY[2])


def test_what_is_not_found_is_given_time_and_then_sent_again() -> None:
    found = {SOPInstanceUID("7.0")}
    early = proof.looked(MANY[:2], found, POLICY, at(29))
    assert [(v.delivery_id, v.state) for v in early] == [(0, DeliveryState.PROVEN)]
    later = proof.looked(MANY[:2], found, POLICY, at(30))
    assert [(v.delivery_id, v.state) for v in later] == [(0, DeliveryState.PROVEN), (1, DeliveryState.WAITING)]
    assert proof.looked(MANY[:1], set(), POLICY, at(10_000))[0].state == DeliveryState.PARKED


def test_the_next_look_is_when_the_first_report_is_overdue() -> None:
    assert proof.next_look([MANY[0], replace(MANY[1], asked=at(40))], 5, POLICY, at(50)) == 50
    assert proof.next_look([replace(MANY[0], asked=None)], 5, POLICY, at(50)) == 5
    assert proof.next_look([MANY[0]], 5, POLICY, at(500)) == 5
