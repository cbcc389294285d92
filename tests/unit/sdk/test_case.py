"""A case gives the volumes of a role, one or all of them."""

from __future__ import annotations

import pytest

from dicomnode.sdk import Case
from dicomnode.sdk.testing import synthetic_volume

ONE, TWO, TEN = (synthetic_volume((3, 4, 4), seed=seed) for seed in range(3))


def test_a_role_of_many_gives_all_in_their_order() -> None:
    case = Case(volumes={"dwi.10": TEN, "dwi.2": TWO, "dwi.1": ONE, "t1": ONE, "dwi-x.1": TWO})
    assert [id(volume) for volume in case.every("dwi")] == [id(ONE), id(TWO), id(TEN)]
    assert case.every("adc") == ()
    assert case.volume("t1") is ONE


def test_an_empty_role_has_no_volume() -> None:
    with pytest.raises(KeyError):
        Case(volumes={}).volume("t1")
