"""Waits grow, are bounded, and end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dicomnode.deliver.patience import exhausted, next_wait
from dicomnode.settings import DeliverySettings
from tests.values import at

POLICY = DeliverySettings(first_retry=5, longest_retry=900, give_up_after=3600)


@given(st.integers(min_value=0, max_value=100_000))
def test_waits_never_shrink_and_never_pass_the_limit(attempts: int) -> None:
    assert 5 <= next_wait(attempts, POLICY) <= next_wait(attempts + 1, POLICY) <= 900


def test_waits_double() -> None:
    assert [next_wait(n, POLICY) for n in (1, 2, 3, 8, 9)] == [5, 10, 20, 640, 900]


def test_the_end_of_patience() -> None:
    assert not exhausted(at(0), at(3599.9), POLICY)
    assert exhausted(at(0), at(3600), POLICY)
