"""The table of labels: which exam, which class, which part of the data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dicomnode.errors import SettingsError
from dicomnode.sdk.cohort import PARTS, Part

_CLASSES = dict.fromkeys(("1", "positive", "yes", "true"), True) | dict.fromkeys(
    ("0", "negative", "no", "false"), False
)
_UNKNOWN = ("", "unknown")
_MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One line of a table of labels."""

    line: int
    """Counted from 1, the heading included."""
    by: Literal["study", "patient"]
    value: str
    positive: bool | None
    """None where the table says that it is not known."""
    part: Part | None
    """None where the table does not say: the split decides."""


def read(text: str, *, unlabelled: bool = False) -> tuple[Label, ...]:
    """A table with a column ``study`` or ``patient``, a column ``label``, and, if wanted, a column ``set``.

    Parameters
    ----------
    text : str
        Comma or semicolon separated, a heading first. ``label`` is 1, positive, yes, true or their opposites; ``set``
        is training, validation, calibration or test.
    unlabelled : bool
        ``label`` may also be empty or "unknown", as somebody else says something of such exams: a teacher.

    Raises
    ------
    SettingsError
        With every line that is wrong and what is wrong with it; never a value that could name a patient.
    """
    rows = _rows(text.removeprefix("\ufeff"))
    heading = [name.strip().lower() for name in next(rows, (0, []))[1]]
    by = _key(heading)
    labels: list[Label] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        cells = dict(zip(heading, (cell.strip() for cell in row), strict=False))
        wrong = _wrong(cells, by, heading, len(row), unlabelled=unlabelled)
        if not wrong and cells[by] in seen:
            wrong = f"the same {by} as in line {seen[cells[by]]}"
        if wrong:
            problems.append(f"line {line}: {wrong}")
            continue
        seen[cells[by]] = line
        part = next((part for part in PARTS if part == cells.get("set", "").lower()), None)
        labels.append(
            Label(line=line, by=by, value=cells[by], positive=_CLASSES.get(cells["label"].lower()), part=part)
        )
    if not labels and not problems:
        problems.append("there is no line after the heading")
    refuse(problems)
    return tuple(labels)


def refuse(problems: Sequence[str]) -> None:
    """Say everything that is wrong with a table at once.

    Raises
    ------
    SettingsError
        When anything is.
    """
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        lines = [*problems[:_MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]
        raise SettingsError("\n  ".join(["the table of labels:", *lines]))


def numbers(lines: Sequence[int]) -> str:
    """Line numbers in words, the first of many."""
    shown = ", ".join(map(str, sorted(lines)[:_MOST_PROBLEMS]))
    return f"{shown} ..." if len(lines) > _MOST_PROBLEMS else shown


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Number and cells of each line; lines may end as on any system."""
    lines = io.StringIO(text, newline=None)
    delimiter = ";" if ";" in lines.readline() else ","
    lines.seek(0)
    rows = csv.reader(lines, delimiter=delimiter)
    try:
        for row in rows:
            yield rows.line_num, row
    except csv.Error as error:
        raise SettingsError(f"the table of labels: line {rows.line_num}: {error}") from error


def _key(heading: Sequence[str]) -> Literal["study", "patient"]:
    if "label" not in heading:
        raise SettingsError("the table of labels has no column 'label'")
    if ("study" in heading) == ("patient" in heading):
        raise SettingsError("the table of labels needs a column 'study' or a column 'patient', and not both")
    return "study" if "study" in heading else "patient"


def _wrong(cells: Mapping[str, str], by: str, heading: Sequence[str], count: int, *, unlabelled: bool) -> str:
    if count != len(heading):
        return f"{count} cells, the heading has {len(heading)}"
    if not cells[by]:
        return f"the {by} is missing"
    said = cells["label"].lower()
    if said in _UNKNOWN and not unlabelled:
        return "an exam without label teaches nothing without a teacher (models train --teacher)"
    if said not in _CLASSES and said not in _UNKNOWN:
        return f"label {cells['label']!r:.20} is none of {', '.join(_CLASSES)}"
    if cells.get("set", "") and cells["set"].lower() not in PARTS:
        return f"set {cells['set']!r:.20} is none of {', '.join(PARTS)}"
    if said in _UNKNOWN and cells.get("set", "").lower() not in ("", "training"):
        return "an exam without label can serve for training only"
    return ""
