"""Records for people and for scripts."""

from __future__ import annotations

import json

import pytest

from dicomnode.cli import show

UID = "2.25." + "1234567890" * 5
ROWS = [{"uid": UID, "what": "AX [dual] echo", "counts": {"done": 1, "pacs": {"queued": 2}}, "nothing": None}]
COLUMNS = {"uid": "Study", "what": "What", "counts": "Counts", "nothing": "Nothing"}


def test_a_uid_is_folded_and_never_cut_off(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    show.records(ROWS, {"uid": "Study", "what": "What"}, as_json=False, empty="")
    first_column = "".join(line.split("  ")[0].strip() for line in capsys.readouterr().out.splitlines()[1:])
    assert first_column == UID


def test_values_are_written_as_people_read_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show.records(ROWS, COLUMNS, as_json=False, empty="")
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split("  ")[1:3] == ["AX [dual] echo", "1 done, pacs: 2 queued"]


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    show.records(ROWS, {"uid": "Study"}, as_json=True, empty="")
    assert json.loads(capsys.readouterr().out) == ROWS


def test_nothing_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    show.records([], COLUMNS, as_json=False, empty="No study has arrived yet.")
    assert capsys.readouterr().out == "No study has arrived yet.\n"
