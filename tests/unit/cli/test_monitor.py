"""The monitor at the command line: what models decided, how right they were, and who may speak."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dicomnode.domain.decision import Alarm, AlarmKind
from dicomnode.index import alarms, ledger, references
from dicomnode.index.database import Database
from tests.unit.cli.conftest import Cli
from tests.unit.dicom.test_reported import NO, POSITIVE, report
from tests.unit.monitor.decisions import BY, entry
from tests.values import at

CANDIDATE = replace(BY, model="new")


@pytest.fixture
def decided(tmp_path: Path, ran: Path) -> Path:
    """Ten decisions of a model, five of them positive, and of a candidate that always says positive; one alarm."""
    database = Database("", ran)
    with database.write() as session:
        for n in range(10):
            one = entry(n, positive=n < 5, tier="positive" if n < 5 else "negative")
            shadow = replace(one, by=CANDIDATE, shadow=True, positive=True, tier="positive")
            ledger.record(session, [one, shadow])
        alarm = Alarm(kind=AlarmKind.IMAGE, by=BY, subject="t1_noise", text="it drifted", value=5.0, limit=4.0)
        alarms.raise_(session, alarm, at(1), 3)
    database.close()
    return ran


def test_status_says_what_each_model_decided_and_how_right_it_was(cli: Cli, decided: Path, tmp_path: Path) -> None:
    table = tmp_path / "outcomes.csv"
    table.write_text("study,outcome\n" + "".join(f"A{n},{'yes' if n < 6 else 'no'}\n" for n in range(10)) + "A99,no\n")
    assert cli("monitor", "outcomes", "import", "triage", str(table), as_json=True) == [
        {"plugin": "triage", "imported": 10, "unknown_lines": [12], "advice": {}}
    ]
    found = cli("monitor", "status", as_json=True)
    model, candidate = found["models"]
    assert (model["decisions"], model["tiers"], model["says"]) == (10, {"negative": 5, "positive": 5}, "yes")
    assert model["outcomes"] == {"found": 5, "missed": 1, "false": 0, "right_negative": 4, "waiting": 0}
    assert model["sensitivity"]["share"] == pytest.approx(5 / 6)
    assert (model["alarms"], model["reference"]) == (["image"], "10 of 200 gathered")
    assert (candidate["says"], candidate["sensitivity"]) == ("shadow", None)
    assert candidate["agreement"]["share"] == 0.5
    assert candidate["agreement"]["table"] == [
        {"model": "negative", "candidate": "positive", "exams": 5},
        {"model": "positive", "candidate": "positive", "exams": 5},
    ]
    assert found["open_alarms"] == {"image": 1}
    assert "open alarms: 1 image" in cli("monitor", "status")


def test_a_table_of_outcomes_that_is_wrong_changes_nothing(cli: Cli, decided: Path, tmp_path: Path) -> None:
    table = tmp_path / "outcomes.csv"
    table.write_text("study,outcome\nA1,yes\nA2,perhaps\n")
    assert "outcomes.csv: line 3: 'perhaps' is no outcome" in cli(
        "monitor", "outcomes", "import", "triage", str(table), fails=True
    )
    table.write_bytes(b"study,outcome\nA1,\xff\n")
    assert "cannot be read as UTF-8" in cli("monitor", "outcomes", "import", "triage", str(table), fails=True)
    assert cli("monitor", "status", as_json=True)["models"][0]["outcomes"]["waiting"] == 10


def test_the_ledger_shows_decisions_newest_first(cli: Cli, decided: Path) -> None:
    rows = cli("monitor", "ledger", "--limit", "3", as_json=True)
    assert [(row["number"], row["model"], row["note"]) for row in rows] == [
        (20, "new 1", "shadow"),
        (19, "darndest 1", ""),
        (18, "new 1", "shadow"),
    ]
    assert rows[1]["inputs"] == {"t1": {"EchoTime": 12.0, "FatSaturation": "no"}}
    assert len(cli("monitor", "ledger", "--study", "1.2.4", as_json=True)) == 2
    assert cli("monitor", "ledger", "--plugin", "fusion", as_json=True) == []
    assert "darndest 1" in cli("monitor", "ledger")


def test_an_alarm_is_closed_by_who_has_looked(cli: Cli, decided: Path) -> None:
    (row,) = cli("monitor", "alarms", as_json=True)
    assert (row["kind"], row["text"]) == ("image", "it drifted")
    done = ("--acknowledge", str(row["id"]), "--by", "Dr. A", "--note", "a new coil")
    assert cli("monitor", "alarms", *done, as_json=True) == []
    (kept,) = cli("monitor", "alarms", "--all", as_json=True)
    assert (kept["acknowledged_by"], kept["note"]) == ("Dr. A", "a new coil")
    assert "no alarm 1 is open" in cli("monitor", "alarms", *done, fails=True)


def test_freeze_and_unfreeze(cli: Cli, decided: Path) -> None:
    assert "no plugin is called 'triagee'" in cli("monitor", "freeze", "triagee", "--reason", "x", fails=True)
    assert "there is darndest, new" in cli("monitor", "freeze", "triage", "--model", "m", "--reason", "x", fails=True)
    assert "needs a reason" in cli("monitor", "freeze", "triage", "--reason", " ", fails=True)
    one = ("triage", "--model", "darndest")
    cli("monitor", "freeze", *one, "--reason", "a recall", "--by", "Dr. A")
    model = cli("monitor", "status", as_json=True)["models"][0]
    assert model["frozen"] == [{"model": "darndest", "by": "Dr. A", "reason": "a recall"}]
    assert model["says"] == "frozen by Dr. A"
    assert "is frozen already" in cli("monitor", "freeze", *one, "--reason", "again", fails=True)
    cli("monitor", "unfreeze", *one)
    assert "is not frozen" in cli("monitor", "unfreeze", *one, fails=True)


def test_rebase_makes_a_new_reference_of_what_comes(cli: Cli, decided: Path) -> None:
    cli("monitor", "rebase", "triage", "--model", "darndest")
    assert cli("monitor", "status", as_json=True)["models"][0]["reference"] == "0 of 200 gathered"
    database = Database("", decided)
    with database.read() as session:
        assert references.read(session, BY).last == 20
    database.close()
    assert "has decided nothing" in cli("monitor", "rebase", "triage", "--model", "m", fails=True)


def test_outcomes_come_from_reports_too_and_the_latest_counts(cli: Cli, decided: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    for number, (answer, hour) in enumerate([(POSITIVE, "10"), (NO, "09"), (POSITIVE, "11")]):
        place = folder / str(number)
        place.mkdir(parents=True)
        study = entry(0 if number < 2 else 5, positive=True).study_instance_uid
        report(place, answer, StudyInstanceUID=study, ContentTime=f"{hour}0000")
    strange = folder / "strange"
    strange.mkdir()
    report(strange, NO, ContentTime="120000")
    (folder / "notes.txt").write_text("no report")
    asked = ("monitor", "outcomes", "import", "triage", str(folder), "--finding")
    assert cli(*asked, "RECURRENCE^99HOSPITAL", as_json=True) == [
        {"plugin": "triage", "imported": 2, "unknown_lines": [4], "advice": {}}
    ]
    (model, _) = cli("monitor", "status", as_json=True)["models"]
    assert model["outcomes"] == {"found": 1, "missed": 1, "false": 0, "right_negative": 0, "waiting": 8}
    assert "no complete report of somebody else answers OTHER^X" in cli(*asked, "OTHER^X", fails=True)
    assert "write it as CODE^SCHEME" in cli(*asked, "OTHER", fails=True)
    report(strange, ("PERHAPS", "99HOSPITAL"))
    assert "report.dcm: its answer is not coded as" in cli(*asked, "RECURRENCE^99HOSPITAL", fails=True)
