"""What the index holds, in numbers, on both databases."""

from __future__ import annotations

from dataclasses import replace

from dicomnode.domain.decision import Freeze
from dicomnode.index import alarms, counts, ledger
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.unit.index.test_alarms import ALARM
from tests.unit.index.test_retention import exam
from tests.unit.monitor.decisions import entry
from tests.values import AETitle, at, instance


def _counted(database: Database) -> dict[str, dict[tuple[str, ...], float]]:
    with database.read() as session:
        found = counts.readings(session)
    assert all(len(labels) == len(reading.labels) for reading in found for labels in reading.values)
    return {reading.name.removeprefix("dicomnode_"): dict(reading.values) for reading in found}


def test_an_empty_index_has_no_labels_and_two_zeros(database: Database) -> None:
    assert {name: values for name, values in _counted(database).items() if values} == {
        "unjudged_exams": {(): 0.0},
        "quarantined_instances": {(): 0.0},
    }


def test_everything_is_counted_by_its_state(database: Database) -> None:
    exam(database)
    Intake(database).record(instance("9.1", study="9", series="9.0"), at(0))
    Intake(database).quarantine("key", 1, 0xC000, "why", AETitle("MR"), "9.2", at(0))
    with database.write() as session:
        ledger.record(session, [entry(1)])
        ledger.record(session, [entry(2), replace(entry(2), shadow=True)])
        ledger.record(session, [entry(3, withheld=True)])
        alarms.raise_(session, ALARM, at(1))
        alarms.freeze(session, Freeze(plugin="triage", model="", by="Dr. A", reason="x"), at(1))
    assert _counted(database) == {
        "tasks": {("fat_fraction", "done"): 1.0},
        "series": {("done",): 1.0, ("pending",): 1.0},
        "deliveries": {("pacs", "queued"): 1.0},
        "decisions": {("triage", "negative"): 2.0},
        "open_alarms": {("image", "triage"): 1.0},
        "frozen": {("triage",): 1.0},
        "unjudged_exams": {(): 1.0},
        "quarantined_instances": {(): 1.0},
    }
