from __future__ import annotations

import numpy as np
import pytest

from benchmarks.triage.scans import COARSE, Sequence, exam
from dicomnode.sdk import Volume
from dicomnode_plugins._learning.nasopharynx import NARROW, WIDE, NotPrepared, prepare

Exam = dict[Sequence, Volume]


@pytest.fixture(scope="module")
def volumes() -> Exam:
    return exam(0, 14, grid=COARSE)[0]


def moved(volume: Volume, *shift: float) -> Volume:
    affine = volume.affine.copy()
    affine[:3, 3] += shift
    return Volume(array=volume.array, affine=affine, frame=volume.frame)


def test_an_exam_becomes_one_crop_for_each_sequence(volumes: Exam) -> None:
    prepared = prepare(volumes, NARROW)
    assert list(prepared.volumes) == ["t1", "t2", "t1c"]
    for volume in prepared.volumes.values():
        assert (volume.shape, volume.dtype) == ((14, 40, 40), np.float32)
        assert np.abs(volume).max() < 15
    np.testing.assert_allclose(np.abs(np.linalg.norm(prepared.affine[:3, :3], axis=0)), (2, 2, 5))
    assert prepared.registered == ()
    assert max(prepared.motion.values()) < 1.5
    middle = prepared.volumes["t1"][7, 18:22, 18:22]
    assert middle.mean() < -0.8  # the airway


def test_the_wide_crop_lies_about_the_same_place(volumes: Exam) -> None:
    narrow, wide = (prepare({"t1": volumes["t1"]}, crop) for crop in (NARROW, WIDE))
    middles = [
        prepared.affine @ [*(np.array(crop.shape[::-1]) - 1) / 2, 1]
        for prepared, crop in ((narrow, NARROW), (wide, WIDE))
    ]
    np.testing.assert_allclose(*middles)
    assert wide.volumes["t1"].shape == (32, 128, 128)


# 20 mm to the back the quick look loses the way and ends where it began; then it has little information.
@pytest.mark.parametrize("shift", [(7, -6, 0), (0, 20, 0)])
def test_a_sequence_that_moved_is_registered(volumes: Exam, shift: tuple[float, float, float]) -> None:
    still = prepare({"t1": volumes["t1"], "t2": volumes["t2"]}, NARROW)
    prepared = prepare({"t1": volumes["t1"], "t2": moved(volumes["t2"], *shift)}, NARROW)
    assert prepared.registered == ("t2",)
    assert np.corrcoef(prepared.volumes["t2"].ravel(), still.volumes["t2"].ravel())[0, 1] > 0.95


def test_a_sequence_that_shows_something_else_is_refused(volumes: Exam) -> None:
    noise = np.random.default_rng(0).normal(100, 10, volumes["t2"].array.shape).astype(np.float32)
    other = Volume(array=noise, affine=volumes["t2"].affine, frame="A")
    with pytest.raises(NotPrepared, match="t2 cannot be laid on t1: "):
        prepare({"t1": volumes["t1"], "t2": other}, NARROW)


def test_a_sequence_that_ends_too_early_is_refused(volumes: Exam) -> None:
    t2 = volumes["t2"]
    short = Volume(array=t2.array[:14].copy(), affine=t2.affine, frame="A")
    with pytest.raises(NotPrepared, match="t2 covers"):
        prepare({"t1": volumes["t1"], "t2": short}, NARROW)
