"""An alarm is raised once and closed by a person; a freeze holds until it is lifted, on both databases."""

from __future__ import annotations

from dataclasses import replace

from dicomnode.domain.decision import Alarm, AlarmKind, Freeze
from dicomnode.index import alarms
from dicomnode.index.database import Database
from tests.unit.monitor.decisions import BY
from tests.values import at

ALARM = Alarm(kind=AlarmKind.IMAGE, by=BY, subject="t1_noise", text="it drifted", value=5.0, limit=4.0)
FREEZE = Freeze(plugin="triage", model="darndest", by="Dr. A", reason="a recall")


def test_an_alarm_is_raised_once_until_somebody_has_looked(database: Database) -> None:
    with database.write() as session:
        assert alarms.raise_(session, ALARM, at(1), 7)
        assert not alarms.raise_(session, ALARM, at(2), 9)
        assert alarms.raise_(session, replace(ALARM, subject="t2_noise"), at(2))
        assert alarms.open_counts(session) == {"image": 2}
        assert alarms.is_open(session, BY, AlarmKind.IMAGE)
        assert not alarms.is_open(session, BY, AlarmKind.SCORE)
        newest, first = alarms.listed(session)
        assert (first["subject"], first["value"], first["raised"]) == ("t1_noise", 5.0, at(1).isoformat())
        assert alarms.acknowledge(session, first["id"], "Dr. A", "a new coil", at(3), 12)
        assert not alarms.acknowledge(session, first["id"], "Dr. B", "", at(4), 13), "it is closed already"
        assert not alarms.acknowledge(session, 99, "Dr. B", "", at(4), 13)
        assert alarms.settled(session, BY) == 12
        assert alarms.raise_(session, ALARM, at(5), 20)
        kept = [(row["subject"], row["acknowledged_by"], row["note"]) for row in alarms.listed(session, all_=True)]
    assert newest["subject"] == "t2_noise"
    assert kept == [("t1_noise", "", ""), ("t2_noise", "", ""), ("t1_noise", "Dr. A", "a new coil")]


def test_a_freeze_holds_until_it_is_lifted(database: Database) -> None:
    with database.write() as session:
        assert alarms.freeze(session, FREEZE, at(1))
        assert not alarms.freeze(session, FREEZE, at(2))
        assert alarms.freezes(session) == alarms.freezes(session, "triage") == [FREEZE]
        assert alarms.freezes(session, "fusion") == []
        assert not alarms.unfreeze(session, "triage", "", "Dr. B", at(3)), "the plugin itself is not frozen"
        assert alarms.unfreeze(session, "triage", "darndest", "Dr. B", at(3))
        assert not alarms.unfreeze(session, "triage", "darndest", "Dr. B", at(4))
        assert alarms.freezes(session) == []
        assert alarms.freeze(session, FREEZE, at(5)), "it can be frozen again"
