"""Whatever happens, an exam ends in one advice before its deadline; what is stated is shown first and kept next."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicomnode.advice import Board
from dicomnode.advice_settings import AdviceSettings
from dicomnode.domain.advice import Advice, AdviceKind, Origin
from dicomnode.domain.exam import NoMatch
from dicomnode.domain.task import Task, TaskState
from dicomnode.index import advice as index
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.sdk.codes import CONTRAST_MAY_BE_OMITTED, NO_CONTRAST_WITHOUT_RADIOLOGIST, Code
from dicomnode.sdk.findings import Finding, QualitativeEvaluation, Recommendation
from dicomnode.section import MatchSettings
from tests.values import STUDY, assessment, digest, instance, planned, stack

ADVISING = planned("a", stack("1.1"), plugin="routing")
OTHER = planned("b", stack("1.1"), plugin="fat_fraction")
TASK = Task(
    task_id=digest("a"),
    attempt=1,
    study_instance_uid=STUDY,
    plugin="routing",
    version="1",
    parameters={},
    inputs=(),
    state=TaskState.RUNNING,
)
OMIT = Recommendation(value=CONTRAST_MAY_BE_OMITTED, reason="why", cautions=("not known: eGFR",))


def now() -> datetime:
    return datetime.now(UTC)


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.01)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database("", tmp_path)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture
def make(database: Database) -> Iterator[Callable[..., Board]]:
    """Boards that work; all are stopped at the end."""
    boards: list[Board] = []

    def made(advising: tuple[str, ...] = ("routing",), **settings: object) -> Board:
        board = Board(AdviceSettings.model_validate(settings), database, advising, now)
        boards.append(board)
        board.start()
        return board

    yield made
    for board in boards:
        board.stop()


def arrive(database: Database, **facts: str | float) -> None:
    series = f"1.2.3.{facts.get('SeriesNumber', 1)}"
    Intake(database).record(instance(f"{series}.1", series=series, AccessionNumber="ACC 7", **facts), now())


def only(board: Board) -> Advice:
    (one,) = board.shown()
    return one


def kept(database: Database) -> Advice | None:
    with database.read() as session:
        found = index.recent(session, datetime(2000, 1, 1, tzinfo=UTC))
    return found[0] if found else None


def is_kept(database: Database, kind: AdviceKind | None) -> bool:
    one = kept(database)
    return one is not None and one.kind is kind


def test_an_exam_is_awaited_then_stated_then_acknowledged(make: Callable[..., Board], database: Database) -> None:
    board, told = make(), list[Advice]()
    board.listen(told.append)
    arrive(database)
    board.watch()
    board.watch()
    assert (only(board).kind, only(board).label, only(board).counting) == (None, ("ACC 7",), False)
    board.planned(STUDY, [OTHER])
    assert only(board).counting is False
    board.planned(STUDY, [ADVISING])
    assert (only(board).deadline - now()).total_seconds() == pytest.approx(90, abs=5)
    board.found(TASK, [OMIT])
    assert (only(board).kind, only(board).reason, only(board).cautions) == (
        AdviceKind.MAY_BE_OMITTED,
        "why",
        ("not known: eGFR",),
    )
    assert board.acknowledge(STUDY, AdviceKind.RECOMMENDED, "A. Doe") is False
    assert board.acknowledge(STUDY, AdviceKind.MAY_BE_OMITTED, " A.  Doe ") is True
    assert board.acknowledge(STUDY, AdviceKind.MAY_BE_OMITTED, "B. Doe") is False
    assert [(one.kind, one.acknowledged_by) for one in told] == [
        (None, ""),
        (None, ""),
        (AdviceKind.MAY_BE_OMITTED, ""),
        (AdviceKind.MAY_BE_OMITTED, "A. Doe"),
    ]
    until(lambda: kept(database) == only(board))


@pytest.mark.parametrize("who", ["", "   ", "x" * 65, "a\x00b"])
def test_nobody_acknowledges_nothing(make: Callable[..., Board], who: str) -> None:
    with pytest.raises(ValueError, match="say who acknowledges"):
        make().acknowledge(STUDY, AdviceKind.MAY_BE_OMITTED, who)


@pytest.mark.parametrize(
    "findings",
    [
        [QualitativeEvaluation(name=CONTRAST_MAY_BE_OMITTED, value="x")],
        [OMIT, OMIT],
        [Recommendation(value="Contrast may be omitted")],
        [Recommendation(value=Code("ADV_TOO_LATE", "99DICOMNODE", "too late"))],
    ],
)
def test_findings_without_one_plain_advice_end_in_the_ordered_protocol(
    make: Callable[..., Board], database: Database, findings: list[Finding]
) -> None:
    board = make()
    arrive(database)
    board.watch()
    board.found(TASK, findings)
    assert (only(board).kind, only(board).reason) == (AdviceKind.STANDARD_PROTOCOL, "the plugin gave no advice")


def test_a_hung_plugin_ends_in_the_ordered_protocol_at_the_deadline(
    make: Callable[..., Board], database: Database
) -> None:
    board = make(deadline=0.3)
    arrive(database)
    board.watch()
    began = time.monotonic()
    board.planned(STUDY, [ADVISING])
    until(lambda: only(board).kind is not None)
    assert time.monotonic() - began >= 0.25
    assert (only(board).kind, only(board).origin) == (AdviceKind.STANDARD_PROTOCOL, Origin.DEADLINE)
    board.found(TASK, [OMIT])
    assert only(board).kind is AdviceKind.STANDARD_PROTOCOL


def test_a_locked_database_keeps_no_deadline_from_being_kept(
    make: Callable[..., Board], database: Database, tmp_path: Path
) -> None:
    board = make(deadline=0.3)
    arrive(database)
    board.watch()
    until(lambda: is_kept(database, None))
    other = sqlite3.connect(tmp_path / "dicomnode.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        board.planned(STUDY, [ADVISING])
        until(lambda: only(board).kind is AdviceKind.STANDARD_PROTOCOL, 5)
        assert board.acknowledge(STUDY, AdviceKind.STANDARD_PROTOCOL, "A. Doe")
    finally:
        other.execute("ROLLBACK")
        other.close()
    until(lambda: (one := kept(database)) is not None and one.acknowledged_by == "A. Doe")


def test_contrast_that_is_there_already_is_too_late(make: Callable[..., Board], database: Database) -> None:
    board = make()
    arrive(database)
    board.watch()
    assert only(board).kind is None
    arrive(database, SeriesNumber=2, ContrastBolusAgent="Gadobutrol")
    board.watch()
    assert (only(board).kind, only(board).reason) == (
        AdviceKind.TOO_LATE,
        "images with contrast are already there",
    )


def test_an_exam_that_ends_without_the_images_ends_in_the_ordered_protocol(
    make: Callable[..., Board], database: Database
) -> None:
    board = make()
    arrive(database)
    board.watch()
    refused = replace(assessment(OTHER), refusals=(NoMatch(plugin="routing", reason="t2: nothing fits"),))
    board.assessed(STUDY, replace(refused, tasks=(ADVISING,)))
    assert only(board).kind is None
    board.assessed(STUDY, refused)
    assert (only(board).kind, only(board).reason) == (AdviceKind.STANDARD_PROTOCOL, "t2: nothing fits")


def test_a_failure_says_so_and_graver_facts_still_count(make: Callable[..., Board], database: Database) -> None:
    board = make()
    arrive(database)
    board.watch()
    board.failed(replace(TASK, plugin="fat_fraction"), "not ours")
    assert only(board).kind is None
    board.failed(TASK, "the analysis failed (PluginCrashed)")
    assert (only(board).origin, only(board).reason) == (Origin.FAILURE, "the analysis failed (PluginCrashed)")
    board.found(TASK, [Recommendation(value=NO_CONTRAST_WITHOUT_RADIOLOGIST, reason="severe reaction")])
    assert only(board).kind is AdviceKind.RADIOLOGIST


def test_what_was_awaited_before_a_restart_is_stated_after_it(make: Callable[..., Board], database: Database) -> None:
    first = make(counts_from="image", deadline=1.0)
    arrive(database)
    first.watch()
    until(lambda: is_kept(database, None))
    first._stopping.set()  # killed: nothing is stated any more
    first.stop()
    second = make(counts_from="image", deadline=1.0)
    until(lambda: only(second).kind is AdviceKind.STANDARD_PROTOCOL)
    until(lambda: is_kept(database, AdviceKind.STANDARD_PROTOCOL))


@pytest.mark.parametrize(
    ("facts", "advised"),
    [
        ({"StationName": "MR1"}, True),
        ({"StationName": "MR2"}, False),
        ({"StationName": "MR1", "Modality": "CT"}, False),
    ],
)
def test_only_exams_of_the_site_choice_are_advised(
    make: Callable[..., Board], database: Database, facts: dict[str, str], advised: bool
) -> None:
    board = make(match=(MatchSettings(keyword="StationName", value="mr1"),))
    arrive(database, **facts)
    board.watch()
    assert bool(board.shown()) is advised


def test_without_a_plugin_that_advises_nothing_is_awaited(make: Callable[..., Board], database: Database) -> None:
    board = make(advising=())
    arrive(database)
    board.watch()
    board.planned(STUDY, [ADVISING])
    assert board.shown() == []
    assert not any(thread.name.startswith("advice") for thread in threading.enumerate())


def test_a_plan_opens_what_the_watch_has_not_seen_yet(make: Callable[..., Board], database: Database) -> None:
    board = make()
    arrive(database)
    board.planned(STUDY, [ADVISING])
    assert only(board).counting is True


def test_what_was_advised_and_how_soon_is_a_metric(make: Callable[..., Board], database: Database) -> None:
    board = make()
    assert [one.values for one in board.readings()] == [{}, {}]
    arrive(database)
    board.watch()
    board.planned(STUDY, [ADVISING], datetime.now(UTC) - timedelta(seconds=7))
    board.found(TASK, [OMIT])
    advised, seconds = board.readings()
    assert advised.values == {("ADV_OMIT", "plugin"): 1.0}
    assert seconds.values.keys() == {("0.5",), ("0.95",), ("0.99",)}
    assert 7 <= seconds.values[("0.5",)] < 60


def test_an_exam_that_lacks_images_never_omits(make: Callable[..., Board], database: Database) -> None:
    board = make()
    arrive(database)
    board.watch()
    board.incomplete(STUDY, "T2: 4 of 28 images have not come")
    board.planned(STUDY, [ADVISING])
    board.found(TASK, [OMIT])
    assert (only(board).kind, only(board).reason) == (
        AdviceKind.STANDARD_PROTOCOL,
        "images are missing: T2: 4 of 28 images have not come",
    )


def test_what_is_missing_elsewhere_does_not_take_the_answer_away(
    make: Callable[..., Board], database: Database
) -> None:
    board = make()
    arrive(database)
    board.planned(STUDY, [ADVISING])
    board.incomplete(STUDY, "DWI: 1 of 20 images has not come")
    board.found(TASK, [OMIT])
    assert only(board).kind is AdviceKind.MAY_BE_OMITTED
