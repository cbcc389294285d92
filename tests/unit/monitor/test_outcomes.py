"""Outcomes are read whole or not at all; how right a model was counts studies; candidates are held against it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.errors import BadOutcomes
from dicomnode.monitor.outcomes import concordance, performance, read
from dicomnode.sdk.intervals import wilson
from tests.unit.monitor.decisions import entry

ONE, TWO = StudyInstanceUID("1.2.1"), StudyInstanceUID("1.2.2")
KNOWN = {ONE: {ONE}, "A1": {ONE}, TWO: {TWO}, "A2": {TWO}, "twice": {ONE, TWO}}


def test_a_table_names_studies_by_uid_or_accession_number() -> None:
    text = "\ufeffStudy,ward, Outcome\n1.2.1,7,Positive\nA2,,no\n9.9,,1\nA2,,0\n"
    table = read(text, KNOWN)
    assert (table.outcomes, table.unknown) == ({ONE: True, TWO: False}, (4,))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: there is no column outcome and no study"),
        ("study\n1.2.1", "line 1: there is no column outcome"),
        ("study,outcome\n1.2.1,maybe", "line 2: 'maybe' is no outcome"),
        ("study,outcome\n1.2.1", "line 2: '' is no outcome"),
        ("study,outcome\ntwice,yes", "line 2: the accession number means 2 studies"),
        ("study,outcome\n1.2.1,yes\nA1,no", "line 3: an earlier line says otherwise"),
    ],
)
def test_what_cannot_be_believed_is_named_by_its_line(text: str, why: str) -> None:
    with pytest.raises(BadOutcomes, match=why):
        read(text, KNOWN)


def test_a_field_without_an_end_is_refused_with_its_line() -> None:
    with pytest.raises(BadOutcomes, match="line 2: field larger than field limit"):
        read('study,outcome\n"' + "x" * 140_000 + '",1', {})


@settings(max_examples=100)
@given(st.text(st.sampled_from(',;"\n\r\0 1a')), st.sampled_from(["", "study,outcome\n", "study,outcome\r"]))
def test_any_text_is_a_table_or_a_named_mistake(text: str, heading: str) -> None:
    with suppress(BadOutcomes):
        assert read(heading + text, {}).outcomes == {}


def test_how_right_a_model_was_counts_studies_that_left_the_node() -> None:
    calls = [True] * 8 + [False] * 2 + [True] * 3 + [False] * 7 + [True]
    entries = [entry(n, positive=call) for n, call in enumerate(calls)]
    silent = [entry(5, positive=False, **{why: True}) for why in ("shadow", "withheld", "superseded")]
    again = [
        entry(8, positive=True),
        entry(30, positive=None),
    ]  # of a study called negative once; one that says neither
    truth = {one.study_instance_uid: n < 10 for n, one in enumerate(entries[:20])}
    found = performance([*entries, *silent, *again], truth)
    assert (found.found, found.missed, found.false, found.right_negative, found.waiting) == (9, 1, 3, 7, 1)
    assert (found.sensitivity, found.specificity) == (wilson(9, 10), wilson(7, 10))
    assert performance([], truth).sensitivity is None


def test_a_candidate_is_held_against_what_was_said_of_the_same_exams() -> None:
    tiers = [("a", "a")] * 20 + [("a", "b")] * 5 + [("b", "a")] * 10 + [("b", "b")] * 15
    speaks = [entry(n, tier=one, scores={"p": 0.25, "q": 1.0}) for n, (one, _) in enumerate(tiers)]
    candidate = [entry(n, tier=two, scores={"p": 0.5} if n else {}) for n, (_, two) in enumerate(tiers)]
    found = concordance([*speaks, entry(99)], candidate)
    assert found is not None
    assert found.table == {("a", "a"): 20, ("a", "b"): 5, ("b", "a"): 10, ("b", "b"): 15}
    assert found.agreement == wilson(35, 50)
    assert found.kappa == pytest.approx(0.4)  # the textbook's example
    assert found.differences == {"p": 0.25}
    assert concordance(speaks, [entry(99)]) is None
    same = concordance(speaks[:3], speaks[:3])
    assert same is not None
    assert same.kappa is None, "chance alone would always agree"
