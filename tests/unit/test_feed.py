"""What the site tells is durable, and exams judged without it are judged again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dicomnode.advice_settings import Hl7Settings
from dicomnode.domain.exam import ExamState
from dicomnode.errors import NotUnderstood, SettingsError
from dicomnode.feed import Feed
from dicomnode.hl7v2.reading import parsed
from dicomnode.index import exams, facts, views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from tests.values import STUDY, assessment, at, instance

EGFR = "MSH|^~\\&|LAB|H|N|H|20260301120000||ORU^R01|M1|P|2.5\rPID|1||{patient}\rOBX|1|NM|33914-3||{value}||||||F"


@dataclass
class Site:
    database: Database
    submitted: list[tuple[str, str]] = field(default_factory=list)
    woken: int = 0
    second: float = 100.0

    def submit(self, _session: object, workflow: str, workflow_id: str, *_: Any, **__: Any) -> None:
        self.submitted.append((workflow, workflow_id))

    def wake(self) -> None:
        self.woken += 1

    def feed(self, **settings: Any) -> Feed:
        return Feed(Hl7Settings(**settings), self.database, self, lambda: at(self.second), self.wake)  # type: ignore[arg-type]

    def state(self) -> str:
        with self.database.read() as session:
            return str(views.exams(session, STUDY)[-1]["state"])

    def known(self) -> dict[str, float | str]:
        with self.database.read() as session:
            return facts.known(session, STUDY)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database = Database("", tmp_path)
    database.upgrade()
    Intake(database).record(instance("1.1"), at(0))
    yield Site(database=database)
    database.close()


def assessed(site: Site) -> None:
    with site.database.write() as session:
        (one,) = exams.open_exams(session)
        exams.write_assessment(session, one.exam_id, assessment(), at(1))


def test_an_open_exam_is_looked_at(site: Site) -> None:
    site.feed().hear(parsed(EGFR.format(patient="P1", value=25)))
    assert (site.known(), site.submitted, site.woken) == ({"egfr": 25.0}, [], 1)


def test_an_exam_that_was_judged_without_it_is_judged_again_once(site: Site) -> None:
    assessed(site)
    feed = site.feed()
    feed.hear(parsed(EGFR.format(patient="P2", value=25)))
    assert (site.submitted, site.state()) == ([], ExamState.ASSESSED)
    feed.hear(parsed(EGFR.format(patient="P1", value=25)))
    assert [workflow for workflow, _ in site.submitted] == ["assess"]
    assert site.state() == ExamState.ASSESSING
    feed.hear(parsed(EGFR.format(patient="P1", value=25)))
    assert len(site.submitted) == 1


def test_an_exam_of_yesterday_is_left_alone(site: Site) -> None:
    assessed(site)
    site.second = 5 * 3600.0
    site.feed().hear(parsed(EGFR.format(patient="P1", value=25)))
    assert (site.submitted, site.known()) == ([], {"egfr": 25.0})


def test_a_number_that_cannot_be_is_refused_and_nothing_kept(site: Site) -> None:
    with pytest.raises(NotUnderstood, match="egfr lies in"):
        site.feed().hear(parsed(EGFR.format(patient="P1", value=2500)))
    assert site.known() == {}


def test_an_order_that_means_no_fact_is_a_setting_to_mend(site: Site) -> None:
    with pytest.raises(SettingsError, match=r"hl7\.services\.MRNPC: npc-follow-up is one of yes, no"):
        site.feed(services={"MRNPC": {"npc-follow-up": "perhaps"}})
