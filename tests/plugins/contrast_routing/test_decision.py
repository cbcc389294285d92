import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.sdk.facts import FACTS, FactValue
from dicomnode_plugins._learning.cutoffs import Cutoffs
from dicomnode_plugins.contrast_routing.decision import Advice, Score, decide, unknown, unsafe

CUTS = Cutoffs(first=0.49, second=0.20, second_reader=0.3)
SCORES = {
    "positive": Score(probability=0.49, spread=0.0),
    "suspicious": Score(probability=0.20, spread=0.0),
    "negative": Score(probability=0.10, spread=0.15),
    "border": Score(probability=0.18, spread=0.0),
    "spread": Score(probability=0.10, spread=0.1501),
    "none": None,
    "nan": Score(probability=math.nan, spread=0.0),
    "spread nan": Score(probability=0.10, spread=math.nan),
}
BELIEVED = {"positive", "suspicious", "negative", "border", "spread"}
FORBIDS = {
    "contrast-reaction": {"severe", "unspecified"},
    "egfr": {29.9},
    "acute-kidney-injury": {"yes"},
    "dialysis": {"yes"},
    "pregnancy": {"yes", "possible"},
}
VALUES: dict[str, tuple[FactValue | None, ...]] = {
    "contrast-reaction": (None, "none", "mild", "severe", "unspecified"),
    "egfr": (None, 29.9, 30.0),
    "acute-kidney-injury": (None, "no", "yes"),
    "dialysis": (None, "no", "yes"),
    "pregnancy": (None, "no", "possible", "yes", "unknown"),
    "contrast-demanded": (None, "no", "yes"),
}


def documented(score: str, failed: bool, facts: dict[str, FactValue]) -> Advice:
    """The table of the model card, row by row."""
    if failed or score not in BELIEVED:
        return Advice.STANDARD_PROTOCOL
    if any(facts.get(name) in values for name, values in FORBIDS.items()):
        return Advice.RADIOLOGIST
    if score != "negative":
        return Advice.RECOMMENDED
    return Advice.MAY_BE_OMITTED if facts.get("contrast-demanded") == "no" else Advice.STANDARD_PROTOCOL


def test_every_combination_gives_the_documented_advice() -> None:
    seen: dict[Advice, int] = dict.fromkeys(Advice, 0)
    combinations = 0
    for values in product(*VALUES.values()):
        facts = {name: value for name, value in zip(VALUES, values, strict=True) if value is not None}
        for (name, score), failed, group in product(SCORES.items(), (False, True), ("II", "III", "unknown")):
            made = decide(score, CUTS, ["too much motion"] if failed else [], facts, group)
            assert made.advice is documented(name, failed, facts), (name, failed, facts, group, made)
            assert made.reason
            seen[made.advice] += 1
            combinations += 1
    assert combinations == 5 * 3 * 3 * 3 * 5 * 3 * 8 * 2 * 3
    assert all(seen.values())


ANY_FACTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(kind.words) if kind.words else st.floats(kind.minimum, kind.maximum)
        for name, kind in FACTS.items()
    },
)
ANY_SCORE = st.none() | st.builds(Score, probability=st.floats(), spread=st.floats())
ANY_CUTS = st.none() | st.builds(Cutoffs, first=st.floats(), second=st.floats(), second_reader=st.floats(0, 1))


@given(ANY_SCORE, ANY_CUTS, st.lists(st.text(min_size=1), max_size=2), ANY_FACTS, st.sampled_from(["I", "II", "III"]))
def test_nothing_may_be_omitted_when_any_gate_failed(
    score: Score | None, cutoffs: Cutoffs | None, failed: list[str], facts: dict[str, FactValue], group: str
) -> None:
    made = decide(score, cutoffs, failed, facts, group)
    if made.advice is Advice.MAY_BE_OMITTED:
        assert not failed
        assert score is not None
        assert cutoffs is not None
        assert 0 <= score.probability < cutoffs.second - 0.02 + 1e-9
        assert 0 <= score.spread <= 0.15
        assert not unsafe(facts, group)
        assert facts["contrast-demanded"] == "no"


@given(st.floats(0, 1), ANY_FACTS)
def test_nothing_may_be_omitted_or_given_against_safety(probability: float, facts: dict[str, FactValue]) -> None:
    made = decide(Score(probability=probability, spread=0.0), CUTS, [], facts)
    assert (made.advice is Advice.RADIOLOGIST) == bool(unsafe(facts, "unknown"))


@pytest.mark.parametrize("cutoffs", [(0.2, 0.49), (math.nan, 0.2), (0.49, math.nan), (0.49, 0.0), (1.0, 0.2)])
def test_cut_offs_out_of_order_end_in_the_ordered_protocol(cutoffs: tuple[float, float]) -> None:
    wrong = Cutoffs(first=cutoffs[0], second=cutoffs[1], second_reader=0.5)
    made = decide(SCORES["negative"], wrong, [], {"contrast-demanded": "no"})
    assert made.advice is Advice.STANDARD_PROTOCOL
    assert made.reason == "the cut-offs of the model are not in order"


def test_a_hard_stop_keeps_the_dangers_as_cautions() -> None:
    made = decide(None, None, ["the T2 is missing"], {"contrast-reaction": "severe", "egfr": 80.0, "pregnancy": "no"})
    assert made.advice is Advice.STANDARD_PROTOCOL
    assert made.reason == "the T2 is missing"
    assert made.cautions == ("a severe reaction to a gadolinium contrast agent is documented",)


def test_what_is_not_known_is_said() -> None:
    assert unknown({}) == ("not known: reactions to contrast agent, eGFR, pregnancy",)
    assert unknown({"contrast-reaction": "none", "egfr": 80.0, "pregnancy": "no"}) == ()
    assert unknown({"contrast-reaction": "none", "egfr": 80.0, "pregnancy": "unknown"}) == ("not known: pregnancy",)


def test_kidneys_name_the_group_of_the_agent() -> None:
    assert unsafe({"egfr": 12.0}, "III") == ("eGFR 12 below 30; agent of group III",)
    assert unsafe({"dialysis": "yes", "acute-kidney-injury": "yes"}, "II") == (
        "acute kidney injury and dialysis; a group II agent may be approved",
    )
