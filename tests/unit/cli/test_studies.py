"""What arrived and what became of it, for people and for scripts."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import Cli
from tests.values import STUDY


def test_nothing_has_run_here_yet(cli: Cli, tmp_path: Path) -> None:
    assert cli("studies", "list", fails=True) == (
        f"no node has run in {tmp_path / 'var'}: start one with 'dicomnode serve', or name its --config"
    )


def test_list(cli: Cli, ran: Path) -> None:
    (study,) = cli("studies", "list", as_json=True)
    assert (study["study_instance_uid"], study["patient_id"], study["series"]) == (STUDY, "P1", {"done": 1})
    assert "1 done" in cli("studies", "list")


def test_why_is_one_line_for_each_series_stack_and_plugin(cli: Cli, ran: Path) -> None:
    assert cli("studies", "why", "P1").splitlines() == [
        "exam, revision 1: assessed: complete: because a test says so (stated)",
        "series 4 AX [dual] echo (2 images): done: fat_fraction done: 1 SR for pacs",
        "    2 images: in-phase (score 0.00): because a test says so",
        "fusion: held: no CE-MRN series",
        "fat_fraction: done: 1 SR for pacs",
        "    input0: series 4 taken; series 3 is 2 of 2: it was acquired earlier",
        "pacs: 1 objects queued",
    ]


def test_show_has_everything(cli: Cli, ran: Path) -> None:
    found = cli("studies", "show", STUDY, as_json=True)
    assert [series["outcome"] for series in found["series"]] == ["done"]
    assert [(o["kind"], o["peer"], o["state"]) for o in found["objects"]] == [("SR", "pacs", "queued")]
    assert [event["text"] for event in found["events"]] == [
        "revision 1 assessed: 1 stacks, 1 tasks",
        "fat_fraction done: 1 SR for pacs",
    ]
    text = cli("studies", "show", STUDY)
    assert "Phantom^Test" in text
    assert "AX [dual] echo" in text


def test_a_study_that_is_not_there_is_said_so(cli: Cli, ran: Path) -> None:
    assert cli("studies", "why", "P9", fails=True) == "no study for 'P9'; 'dicomnode studies list' shows all"
