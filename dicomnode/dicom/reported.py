"""What structured reports say of one question: its coded answers, anywhere in the tree (PS3.3 C.17.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from dicomnode.dicom.segment_facts import current
from dicomnode.errors import BadOutcomes

_POSITIVE = {("10828004", "SCT"), ("52101004", "SCT"), ("373066001", "SCT")}
"""Positive, present, yes (CID 250, 240 and 230 of PS3.16)."""
_NEGATIVE = {("260385009", "SCT"), ("272519000", "SCT"), ("2667000", "SCT"), ("373067005", "SCT")}
"""Negative, absent, no (the same; 2667000 is what SNOMED CT itself calls absent)."""
_MAKER = "dicomnode"
_MOST_ITEMS = 100_000

Question = tuple[str, str]
"""Code Value and Coding Scheme Designator of a concept name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of one report."""

    study: str
    """Study Instance UID."""
    positive: bool
    moment: str
    """Content Date and Time; of two reports the later one counts."""


def read(path: Path, question: Question) -> Answer | None:
    """The answer in a file; None where it is no report, does not answer, is not complete, or was made by a dicomnode.

    Raises
    ------
    BadOutcomes
        When it answers with another code than positive, negative, present, absent, yes or no, or with two at once.
    """
    try:
        report = dcmread(path, stop_before_pixels=True)
    except (InvalidDicomError, OSError):
        return None
    if report.get("Modality") != "SR" or report.get("CompletionFlag") != "COMPLETE" or _own(report):
        return None
    said = {_judged(item) for item in _items(report) if _concept(item, "ConceptNameCodeSequence") == current(*question)}
    if not said:
        return None
    if len(said) > 1:
        raise BadOutcomes("it answers both ways")
    moment = f"{report.get('ContentDate') or ''}{report.get('ContentTime') or ''}"
    return Answer(study=str(report.StudyInstanceUID), positive=said.pop(), moment=moment)


def _own(report: Dataset) -> bool:
    """What this node, or another one, has said is no truth to judge it by."""
    made = [report, *report.get("ContributingEquipmentSequence", ())]
    return any(item.get("Manufacturer") == _MAKER for item in made)


def _items(report: Dataset) -> Iterator[Dataset]:
    """Every content item below the root."""
    waiting, seen = [report], 0
    while waiting:
        below = list(waiting.pop().get("ContentSequence", ()))
        seen += len(below)
        if seen > _MOST_ITEMS:
            raise BadOutcomes(f"it has more than {_MOST_ITEMS} content items")
        yield from below
        waiting += below


def _judged(item: Dataset) -> bool:
    answer = _concept(item, "ConceptCodeSequence")
    if answer in _POSITIVE or answer in _NEGATIVE:
        return answer in _POSITIVE
    raise BadOutcomes("its answer is not coded as positive, negative, present, absent, yes or no")


def _concept(item: Dataset, keyword: str) -> Question:
    for code in item.get(keyword, ()):
        return current(str(code.get("CodeValue", "")), str(code.get("CodingSchemeDesignator", "")))
    return "", ""
