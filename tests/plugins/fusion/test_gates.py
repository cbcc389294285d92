"""Which figures forbid fusion, and which ask for a person."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.sdk import Unsuitable, Volume
from dicomnode_plugins._imaging import examination
from dicomnode_plugins._imaging.resampling import onto
from dicomnode_plugins.fusion import contrast, gates
from tests.plugins.fusion.scenes import pair

SOUND = {
    **{name: (low + min(high, 2 * low + 0.1)) / 2 for name, (low, high) in gates.LIMITS.items()},
    examination.PULL: 0.05,
    examination.ELSEWHERE: 0.0,
    examination.SEARCHES: 1.0,
    examination.TURN: 3.0,
    examination.SHIFT: 4.0,
}
"""Figures within all limits."""


def test_sound_figures_are_fused_without_a_word() -> None:
    for same_frame in (True, False):
        assert gates.failed(SOUND, same_frame=same_frame) == gates.doubtful(SOUND, same_frame=same_frame) == ()


@pytest.mark.parametrize("name", gates.LIMITS)
@pytest.mark.parametrize("worse", [-9.0, 9.0, float("nan")])
def test_one_figure_outside_its_limits_forbids_fusion(name: str, worse: float) -> None:
    (reason,) = gates.failed({**SOUND, name: worse}, same_frame=False)
    assert reason.startswith(name)
    assert "allowed" in reason


def test_a_patient_does_not_move_far_within_one_frame_of_reference() -> None:
    for name, unusual, too_far in ((examination.TURN, 12.0, 21.0), (examination.SHIFT, 16.0, 31.0)):
        assert not gates.failed({**SOUND, name: too_far}, same_frame=False)
        assert gates.failed({**SOUND, name: too_far}, same_frame=True)
        assert not gates.failed({**SOUND, name: unusual}, same_frame=True)
        assert gates.doubtful({**SOUND, name: unusual}, same_frame=True)


def test_parts_that_fit_better_elsewhere_ask_for_a_person() -> None:
    (doubt,) = gates.doubtful({**SOUND, examination.ELSEWHERE: 2.0}, same_frame=False)
    assert doubt.startswith("parts of 30 mm that fit better elsewhere: 2")
    assert not gates.failed({**SOUND, examination.ELSEWHERE: 2.0}, same_frame=False)
    assert not gates.doubtful({**SOUND, examination.ELSEWHERE: 1.0}, same_frame=False)


def test_what_a_second_search_found_asks_for_a_person_too() -> None:
    (doubt,) = gates.doubtful({**SOUND, examination.SEARCHES: 2.0}, same_frame=False)
    assert doubt == "coarse searches made: 2 (allowed 1 to 1)"
    for name, (low, high) in examination.SOUND.items():
        assert low <= examination.SOUND_AGAIN[name][0]
        assert high >= examination.SOUND_AGAIN[name][1]


@pytest.mark.parametrize(
    ("kind", "wrong"), [("true", set()), ("t2", {contrast.FAT}), ("t1", {contrast.FLUID, contrast.FAT})]
)
def test_another_contrast_does_not_look_like_neurography(kind: str, wrong: set[str]) -> None:
    given = pair(kind)
    figures = contrast.figures(given.t1, onto(given.t1, given.mrn, given.truth))
    assert {name for name in figures if examination.outside(figures, {name: gates.LIMITS[name]})} == wrong


def test_fat_saturated_t1_does_not_either() -> None:
    given = pair("ce_t1_fs")
    figures = contrast.figures(given.t1, onto(given.t1, given.mrn, given.truth))
    assert figures[contrast.FLUID] > gates.LIMITS[contrast.FLUID][1]


def test_without_common_ground_nothing_can_be_said() -> None:
    given = pair()
    figures = contrast.figures(given.t1, np.zeros_like(given.t1.array))
    assert all(np.isnan(value) for value in figures.values())


def changed(volume: Volume, array: np.ndarray) -> Volume:
    return replace(volume, array=np.ascontiguousarray(array, np.float32))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda array: array[:7], "7 slices"),
        (lambda array: array[:9], "covers 36 mm"),
        (lambda array: array * 0, "one value only"),
        (lambda array: np.minimum(array, 60), "clipped"),
    ],
)
def test_a_series_that_cannot_be_registered_is_refused_at_once(change: object, reason: str) -> None:
    given = pair()
    spoiled = changed(given.mrn, change(given.mrn.array))  # type: ignore[operator]
    with pytest.raises(Unsuitable, match=reason):
        gates.check(given.t1, spoiled)
