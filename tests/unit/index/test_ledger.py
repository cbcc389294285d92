"""Decisions are kept once for each task, and outlive what they are about, on both databases."""

from __future__ import annotations

from dataclasses import replace

from dicomnode.domain.decision import Model
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.index import ledger
from dicomnode.index.database import Database
from tests.unit.monitor.decisions import BY, entry
from tests.values import at


def test_a_decision_comes_back_as_it_was(database: Database) -> None:
    given = entry(1, positive=None, shadow=True, features={"a": -1.5})
    with database.write() as session:
        ledger.record(session, [given])
    with database.read() as session:
        (found,) = ledger.of(session, BY)
        assert ledger.models(session) == [BY]
        assert ledger.of(session, Model(plugin="triage")) == []
    assert found == replace(given, number=found.number)


def test_a_task_that_runs_again_adds_nothing_and_replaces_what_was_withheld(database: Database) -> None:
    first = entry(1)
    with database.write() as session:
        ledger.record(session, [first, replace(first, shadow=True)])
        ledger.record(session, [replace(first, tier="positive"), replace(first, shadow=True)])
        ledger.record(session, [entry(2, withheld=True)])
        ledger.record(session, [entry(2, tier="positive")])
    with database.read() as session:
        found = ledger.of(session, BY)
    assert [(one.tier, one.shadow, one.withheld) for one in found] == [
        ("negative", False, False),
        ("negative", True, False),
        ("positive", False, False),
    ]


def test_what_changed_input_replaced_is_left_out_until_it_stands_again(database: Database) -> None:
    with database.write() as session:
        ledger.record(session, [entry(1)])
        ledger.record(session, [entry(2)])
        ledger.supersede(session, entry(1).task_id, superseded=True)
    with database.write() as session:
        assert [one.task_id for one in ledger.of(session, BY)] == [entry(2).task_id]
        assert [one.superseded for one in ledger.newest(session)] == [False, True]
        ledger.supersede(session, entry(1).task_id, superseded=False)
        one, two = ledger.of(session, BY)
        assert ledger.of(session, BY, after=one.number) == [two]
        assert ledger.of(session, BY, limit=1) == [one]
        assert ledger.before(session, BY, two.number, 1) == [two]
        assert ledger.newest(session, plugin="triage", study=one.study_instance_uid, limit=5) == [one]


def test_outcomes_are_replaced_by_later_ones(database: Database) -> None:
    study, other = StudyInstanceUID("1.2.1"), StudyInstanceUID("1.2.2")
    with database.write() as session:
        ledger.record(session, [entry(1)])
        ledger.write_outcomes(session, "triage", {study: True, other: False}, "a.csv", at(1))
        ledger.write_outcomes(session, "triage", {study: False}, "b.csv", at(2))
    with database.read() as session:
        assert ledger.outcomes(session, "triage") == {study: False, other: False}
        assert ledger.outcomes(session, "fusion") == {}
        assert ledger.studies(session, "triage") == {"1.2.1": {study}, "A1": {study}}
