"""The document says everything that the report says, on as many pages as it takes."""

from __future__ import annotations

import pytest

from dicomnode.encode import Work, sources
from dicomnode.encode.contents import Contents, sort
from dicomnode.encode.pdf import document, lines
from dicomnode.sdk import Finding, QualitativeEvaluation, Recommendation
from tests import cases

SHAPE = (5, 70, 64)


def contents(findings: list[Finding], task: Work) -> Contents:
    return sort(findings, task, sources.read(task))


def pages(content: bytes) -> int:
    return content.count(b"/Type /Page\n")


def test_every_statement_and_number_is_a_line(task: Work) -> None:
    said = list(lines(contents(cases.findings(SHAPE), task), task))
    assert said[0] == "NOT FOR DIAGNOSTIC USE"
    assert said[1] == "Dual-echo signal fat fraction (fat_fraction 1.2.0)"
    assert said[3:] == [
        "",
        "Recommendation: Compare with the in-phase image.",
        "Comment: The echoes differ.",
        "Caution: not known: eGFR",
        "Fold-over possible: two points cannot tell above 50 %",
        "Fat fraction: 18.3 %",
        "",
        "Liver",
        "Fold-over possible: No",
        "Fat fraction (Median): 12.35 %",
        "Volume: 1430 cm3",
        "",
        "Focus",
        "Fat fraction (Mean): -1.50 %",
    ]


def test_no_finding_is_said(task: Work) -> None:
    assert list(lines(contents([], task), task))[-1].startswith("The algorithm reported no measurement")


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (200, 4)])
def test_what_does_not_fit_goes_onto_another_page(count: int, expected: int, task: Work) -> None:
    found: list[Finding] = [
        *cases.findings(SHAPE)[2:3],
        *(QualitativeEvaluation(name=cases.FOLD_OVER, value=f"line {number}") for number in range(count)),
    ]
    assert pages(document(contents(found, task), task)) == expected


def test_letters_beyond_the_font_are_named_and_change_the_page(task: Work) -> None:
    one, other = (document(contents([Recommendation(value=value)], task), task) for value in ("T2 α ≥ 3", "T2 β ≥ 3"))
    assert one != other
    assert b"Date" not in one
