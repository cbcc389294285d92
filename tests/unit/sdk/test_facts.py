import math

import pytest

from dicomnode.sdk.facts import FACTS, checked


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [("egfr", "29.9", 29.9), ("egfr", 0, 0.0), ("pregnancy", " Possible ", "possible"), ("dialysis", "yes", "yes")],
)
def test_a_fact_is_kept_as_its_kind_writes_it(name: str, value: float | str, kept: float | str) -> None:
    assert checked(name, value) == kept


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("egfr", "normal", r"egfr lies in \[0, 250\] mL/min"),
        ("egfr", math.nan, "egfr lies in"),
        ("egfr", math.inf, "egfr lies in"),
        ("egfr", -1, "egfr lies in"),
        ("egfr", True, "egfr lies in"),
        ("dialysis", "maybe", "dialysis is one of yes, no, not 'maybe'"),
        ("name", "Doe^John", "there is no fact 'name'"),
    ],
)
def test_what_is_no_fact_is_refused(name: str, value: float | str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        checked(name, value)


def test_no_fact_holds_free_text() -> None:
    assert all(kind.words or kind.maximum > kind.minimum for kind in FACTS.values())
