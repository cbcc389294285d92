"""The page's words for every advice."""

from dataclasses import replace

import pytest

from dicomnode.domain.advice import Advice, AdviceKind, Origin, acknowledge, counted, state
from dicomnode.web.console import card
from tests.values import STUDY, at

AWAITED = Advice(study_instance_uid=STUDY, exam_id=7, label=("ACC 7", "MR1"), opened=at(0), deadline=at(2700))


@pytest.mark.parametrize("kind", AdviceKind)
def test_every_advice_has_words_and_a_colour(kind: AdviceKind) -> None:
    shown = card(state(AWAITED, kind, "the reason", Origin.PLUGIN, at(5), cautions=("not known: eGFR",)))
    assert shown.kind == kind.value
    assert shown.colour != "waiting"
    assert shown.state[0].isupper()
    assert (shown.reason, shown.cautions, shown.deadline_ms) == ("The reason.", ("Not known: eGFR.",), 0)


def test_advices_look_different() -> None:
    shown = [card(state(AWAITED, kind, "r", Origin.PLUGIN, at(5))) for kind in AdviceKind]
    assert len({one.colour for one in shown}) == len({one.state for one in shown}) == len(AdviceKind)


def test_only_complete_images_count_down() -> None:
    assert (card(AWAITED).deadline_ms, card(AWAITED).reason) == (0, "The images needed are not complete yet.")
    counting = card(counted(AWAITED, at(90)))
    assert counting.deadline_ms == int(at(90).timestamp() * 1000)
    assert (counting.state, counting.kind) == ("Wait", "")


def test_who_has_seen_it_is_shown() -> None:
    said = state(AWAITED, AdviceKind.MAY_BE_OMITTED, "r", Origin.PLUGIN, at(5))
    assert card(said).acknowledged == ""
    assert card(acknowledge(said, AdviceKind.MAY_BE_OMITTED, "A. Doe", at(6))).acknowledged.startswith("A. Doe, ")


def test_an_exam_without_a_label_has_its_number_and_never_its_uid() -> None:
    assert card(AWAITED).label == "ACC 7 · MR1"
    assert card(replace(AWAITED, label=())).label == "Exam 7"
    assert STUDY not in repr(card(replace(AWAITED, label=())))
