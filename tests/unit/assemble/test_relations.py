"""Frames and grids that inputs must share."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.assemble.relations import violation
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.stack import Stack
from dicomnode.sdk.spec import InputRole
from tests.slices import volume

ROLES = (InputRole(role="a", match=()), InputRole(role="b", match=(), same_grid_as="a"))
FRAMES = (InputRole(role="a", match=()), InputRole(role="b", match=(), same_frame_as="a"))


def stack(**fields: Any) -> Stack:
    (one,) = stacks(volume("1.9", **fields))
    return one


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, ""),
        ({"origin": (-30.0, -40.0, 10.09)}, ""),
        ({"origin": (-30.0, -40.0, 12.0)}, "b lies 2 mm off the grid of a"),
        ({"gap": 5.05}, "b lies 0.25 mm off the grid of a"),
        ({"slices": 5}, "b has 5 slices of 8 x 10, a has 6 slices of 8 x 10"),
        ({"Rows": 16}, "b has 6 slices of 16 x 10, a has 6 slices of 8 x 10"),
        ({"FrameOfReferenceUID": "1.2.3.10"}, "b and a have no common frame of reference"),
        ({"FrameOfReferenceUID": None}, "b and a have no common frame of reference"),
    ],
)
def test_same_grid(fields: dict[str, object], reason: str) -> None:
    broken = violation(ROLES, {"a": (stack(),), "b": (stack(**fields),)})
    assert (broken.reason if broken else "") == reason


def test_same_frame_allows_another_grid() -> None:
    assert violation(FRAMES, {"a": (stack(),), "b": (stack(slices=9, origin=(0.0, 0.0, 0.0)),)}) is None
    assert violation(FRAMES, {"a": (stack(),), "b": (stack(FrameOfReferenceUID="1.2.3.10"),)}) is not None


def test_without_the_other_role_nothing_is_broken() -> None:
    assert violation(ROLES, {"b": (stack(),)}) is None


def test_every_member_of_a_role_of_many_counts() -> None:
    broken = violation(ROLES, {"a": (stack(),), "b": (stack(), stack(slices=5))})
    assert broken is not None
    assert broken.reason == "b has 5 slices of 8 x 10, a has 6 slices of 8 x 10"


def test_left_and_right_are_never_put_together() -> None:
    free = (InputRole(role="a", match=()), InputRole(role="b", match=()))
    left, right = stack(Laterality="L"), stack(ImageLaterality="R")
    assert violation(free, {"a": (left,), "b": (stack(Laterality="L"),)}) is None
    assert violation(free, {"a": (left,), "b": (stack(),)}) is None
    broken = violation(free, {"a": (left,), "b": (right,)})
    assert broken is not None
    assert broken.reason == "a is of the left side, b of the right"
