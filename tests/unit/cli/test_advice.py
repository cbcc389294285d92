from dataclasses import replace
from pathlib import Path

import pytest

from dicomnode.domain.advice import Advice, AdviceKind, Origin, acknowledge, state
from dicomnode.index import advice as index
from dicomnode.index import ledger, tasks, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.unit.cli.conftest import Cli
from tests.unit.monitor.decisions import entry
from tests.values import STUDY, at, instance, planned, stack

PLANNED = planned("advice", stack("1.1"), plugin="triage")


def _advised(folder: Path, *, enhanced: bool) -> None:
    database = Database("", folder / "var")
    database.upgrade()
    Intake(database).record(instance("1.1"), at(0))
    if enhanced:
        Intake(database).record(instance("2.1", series="1.2.3.2", ContrastBolusAgent="Gadobutrol"), at(1))
    awaited = Advice(study_instance_uid=STUDY, exam_id=1, label=("ACC7",), opened=at(0), deadline=at(90))
    omit = state(awaited, AdviceKind.MAY_BE_OMITTED, "why", Origin.PLUGIN, at(5), task_id=PLANNED.task_id)
    with database.write() as session:
        tasks.plan(session, 1, [PLANNED], at(2))
        ledger.record(session, [replace(entry(1), task_id=PLANNED.task_id, study_instance_uid=STUDY)])
        index.keep(session, acknowledge(omit, AdviceKind.MAY_BE_OMITTED, "A. Doe", at(6)), "kept", at(6))
    database.close()


def test_every_advice_is_listed_with_what_became_of_it(cli: Cli, tmp_path: Path) -> None:
    _advised(tmp_path, enhanced=True)
    (row,) = cli("advice", "list", as_json=True)
    assert (row["label"], row["advice"], row["acknowledged_by"], row["enhanced"]) == (
        "ACC7",
        "ADV_OMIT",
        "A. Doe",
        "yes",
    )
    (month,) = cli("advice", "months", as_json=True)
    assert (month["omitted"], month["against"], month["cost"]) == (0, 1, 0.0)


def test_months_are_summed_up_at_the_prices_of_the_site(cli: Cli, tmp_path: Path) -> None:
    _advised(tmp_path, enhanced=False)
    prices = ("--unenhanced-price", "200", "--enhanced-price", "260", "--millilitres", "10")
    (month,) = cli("advice", "months", *prices, as_json=True)
    assert (month["month"], month["omitted"], month["cost"], month["millilitres"]) == ("2026-03", 1, 60.0, 10.0)
    assert "2026-03" in cli("advice", "months")


def test_prices_that_cannot_be_are_refused(cli: Cli, tmp_path: Path) -> None:
    _advised(tmp_path, enhanced=False)
    said = cli("advice", "months", "--enhanced-price", "1", fails=True)
    assert "an enhanced exam cannot cost less" in said


@pytest.mark.parametrize(("outcome", "score"), [("positive", "spared on a positive exam"), ("no", "rightly spared")])
def test_an_imported_outcome_scores_the_advice_once(cli: Cli, tmp_path: Path, outcome: str, score: str) -> None:
    _advised(tmp_path, enhanced=False)
    assert [row["hindsight"] for row in cli("advice", "list", as_json=True)] == [""]
    table = tmp_path / "outcomes.csv"
    table.write_text(f"study,outcome\n{STUDY},{outcome}\n")
    imported = [cli("monitor", "outcomes", "import", "triage", str(table), as_json=True)[0] for _ in range(2)]
    assert [one["advice"] for one in imported] == [{score: 1}, {}]
    assert [row["hindsight"] for row in cli("advice", "list", as_json=True)] == [score]
    assert [month["hindsight"] for month in cli("advice", "months", as_json=True)] == [{score: 1}]
    database = Database("", tmp_path / "var")
    with database.read() as session:
        assert [one["text"] for one in views.events(session, STUDY)].count(f"in hindsight: {score}") == 1
    database.close()


def test_the_months_are_drawn_and_summed_up(cli: Cli, tmp_path: Path) -> None:
    _advised(tmp_path, enhanced=False)
    said = cli("advice", "months", "--plot", str(tmp_path / "months.svg"))
    assert "in all: contrast omitted on 1 exams, 7.5 mL not given" in said
    assert "</svg>" in (tmp_path / "months.svg").read_text()
    assert "written as .png or .svg" in cli("advice", "months", "--plot", str(tmp_path / "months.jpg"), fails=True)
    assert "cannot be written" in cli("advice", "months", "--plot", str(tmp_path / "no" / "months.png"), fails=True)
