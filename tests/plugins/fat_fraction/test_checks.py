"""Gates on the content: every fault is refused by its name, without labels, at any noise and any liver fat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.demo.phantom import ContentFault, Exam
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Case, Volume
from dicomnode_plugins.fat_fraction import checks
from tests.plugins.fat_fraction.exams import SMALL, case, findings

REASONS: dict[ContentFault, str] = {
    "swapped_pixels": "seem swapped",
    "moved_content": "mm apart",
    "fat_sat_pixels": "fat was suppressed, or both echoes have the same phase",
    "fat_sat_ip_pixels": "or fat was suppressed in that image alone",
    "fat_sat_op_pixels": "fat was suppressed in the opposed-phase image",
    "scaled_op": "scaled differently",
}
HARD = (
    Exam(shape=SMALL),
    Exam(shape=SMALL, seed=9, liver_fat=3, snr=20),
    Exam(shape=SMALL, seed=5, liver_fat=40, field_strength=3.0),
    Exam(shape=SMALL, zeroed_air=True),
)


def with_opposed(given: Case, array: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Case:
    volumes = dict(given.volumes)
    volumes["opposed_phase"] = replace(given.volume("opposed_phase"), array=array)
    return replace(given, volumes=volumes)


@pytest.mark.parametrize("fault", REASONS)
@pytest.mark.parametrize("exam", HARD, ids=["plain", "lean and noisy", "fat at 3 T", "zeroed air"])
def test_a_fault_in_the_content_is_refused_by_name(exam: Exam, fault: ContentFault) -> None:
    given, _ = case(replace(exam, fault=fault))
    with pytest.raises(Unsuitable, match=REASONS[fault]):
        findings(given)


@pytest.mark.parametrize("exam", HARD, ids=["plain", "lean and noisy", "fat at 3 T", "zeroed air"])
def test_the_same_exam_without_fault_passes(exam: Exam) -> None:
    given, _ = case(exam)
    findings(given)


@pytest.mark.parametrize("r2_star", [25.0, 60.0])
def test_decay_without_iron_passes(r2_star: float) -> None:
    given, _ = case(Exam(shape=SMALL, r2_star=r2_star))
    findings(given)


def test_a_body_full_of_iron_is_refused() -> None:
    given, _ = case(Exam(shape=SMALL, r2_star=200))
    with pytest.raises(Unsuitable, match=r"or iron shortens T2\*"):
        findings(given)


@pytest.mark.parametrize("steps", [(0, 3, 0), (0, 0, -2), (0, -5, 4), (1, 0, 0)])
def test_the_displacement_is_measured(steps: tuple[int, int, int]) -> None:
    given, _ = case(Exam(shape=SMALL))
    in_phase, opposed = given.volume("in_phase"), given.volume("opposed_phase")
    moved = np.roll(opposed.array, steps, axis=(0, 1, 2))
    expected = tuple(step * side for step, side in zip(steps, in_phase.spacing, strict=True))
    assert checks.displacement(in_phase.array, moved, in_phase.spacing) == pytest.approx(expected)
    with pytest.raises(Unsuitable, match=f"{max(map(abs, expected)):.1f} mm apart"):
        findings(with_opposed(given, moved))


@pytest.mark.parametrize("steps", [(0, 0, 0), (0, 1, 0), (0, 0, -1)])
def test_one_pixel_in_the_plane_is_what_alternating_gradients_do(steps: tuple[int, int, int]) -> None:
    given, _ = case(Exam(shape=(12, 144, 192)))
    findings(with_opposed(given, np.roll(given.volume("opposed_phase").array, steps, axis=(0, 1, 2))))


def test_nothing_but_noise_is_refused() -> None:
    random = np.random.default_rng(3)
    noise = [np.hypot(*random.normal(0, 20, (2, *SMALL))).astype(np.float32) for _ in range(2)]
    given, _ = case(Exam(shape=SMALL))
    volumes: dict[str, Volume] = {
        role: replace(given.volume(role), array=array)
        for role, array in zip(("in_phase", "opposed_phase"), noise, strict=True)
    }
    with pytest.raises(Unsuitable, match="too noisy: only"):
        findings(replace(given, volumes=volumes))


def test_equal_echoes_are_refused() -> None:
    given, _ = case(Exam(shape=SMALL))
    with pytest.raises(Unsuitable, match="both echoes have the same phase"):
        findings(with_opposed(given, given.volume("in_phase").array))


def test_the_asymmetry_turns_its_sign_with_the_echoes() -> None:
    ratio = np.concatenate([np.full(950, 0.95), np.full(50, 0.1)]).astype(np.float32)
    assert checks.ink_asymmetry(ratio) == pytest.approx((np.log(0.1) + np.log(0.95)) / 2, abs=0.01)
    assert checks.ink_asymmetry(np.float32(1) / ratio) == pytest.approx(-checks.ink_asymmetry(ratio), abs=0.01)


def test_an_exam_without_enough_signal_is_refused() -> None:
    given, _ = case(Exam(shape=SMALL, snr=5))
    with pytest.raises(Unsuitable, match=r"too noisy: only [34]\d% of the body"):
        findings(given)
