"""A known pose is found, the same each time, whichever volume is the smaller one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from benchmarks.fusion import pairs
from benchmarks.fusion.pairs import Pair
from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import examination, registration
from dicomnode_plugins._imaging.grids import Image
from dicomnode_plugins._imaging.pose import RADIUS, distance
from dicomnode_plugins._imaging.registration import Alignment, _Found, _Search, register
from dicomnode_plugins._imaging.resampling import onto
from tests.plugins._imaging.necks import flexed


@cache
def found(maker: str, seed: int, kind: str = "true") -> tuple[Pair, Alignment]:
    """A pair of twice the study's voxel side, 20 degrees and 30 mm apart on each axis at most."""
    pair = pairs.make(maker, seed, step=2, kind=kind)
    return pair, register(pair.t1, pair.mrn)


@pytest.mark.parametrize(("maker", "seed"), [("philips", 2), ("siemens", 302)])
def test_the_pose_is_found(maker: str, seed: int) -> None:
    pair, alignment = found(maker, seed)
    assert pair.errors(np.eye(4)).mean() > 10
    assert pair.errors(alignment.matrix).mean() < 0.35
    assert pair.errors(alignment.matrix).max() < 0.7


def test_a_second_search_finds_what_the_first_one_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    pair, alignment = found("siemens", 302)
    lost = np.array([0, 0, 0.5 * np.pi * RADIUS, 40, 0, 0])
    first = _Found(pose=lost, rigid=lost, mirror_pose=lost, figures=dict.fromkeys(examination.SOUND, 0.0), ends=[lost])
    settled, kept = _Search._settled, []
    monkeypatch.setattr(_Search, "found", lambda _: first)
    monkeypatch.setattr(registration, "_CLIMBED_AGAIN", 2)  # enough for this pair, and quicker
    monkeypatch.setattr(_Search, "_settled", lambda *given: kept.append(settled(*given)) or kept[-1])
    again = register(pair.t1, pair.mrn)
    assert (alignment.figures[examination.SEARCHES], again.figures[examination.SEARCHES]) == (1, 2)
    assert pair.errors(again.matrix).mean() < 0.35
    monkeypatch.setattr(_Search, "_settled", lambda *_: kept[0])
    monkeypatch.setattr(_Search, "_climbed", lambda *_: kept[0].ends)
    monkeypatch.setattr(examination, "SOUND_AGAIN", {examination.SCORE: (0.99, 1.0)})
    assert register(pair.t1, pair.mrn).figures == {**first.figures, examination.SEARCHES: 2}


def test_no_rigid_pair_is_stretched() -> None:
    pair, rigid = found("philips", 2)
    alignment = register(pair.t1, pair.mrn, affine=True)
    assert not alignment.affine
    assert np.array_equal(alignment.matrix, rigid.matrix)
    assert 0 < alignment.figures[examination.AFFINE_GAIN] < 0.003
    assert {**alignment.figures, **rigid.figures} == alignment.figures


def test_a_stretch_of_three_per_cent_is_found() -> None:
    pair = pairs.make("philips", 3021, degrees=15, millimetres=15, scale=0.03, step=2)
    alignment = register(pair.t1, pair.mrn, affine=True)
    assert alignment.affine
    assert 0.01 < alignment.figures[examination.STRETCH] < 0.04
    assert alignment.figures[examination.INVERSE] < 1.0
    assert pair.errors(alignment.matrix).mean() < 0.7 < 0.6 * pair.errors(register(pair.t1, pair.mrn).matrix).mean()


def test_the_order_of_the_volumes_does_not_matter_and_nothing_is_random() -> None:
    pair, alignment = found("philips", 2)
    again = register(pair.mrn, pair.t1)
    assert np.allclose(again.matrix, alignment.inverse, rtol=0, atol=1e-12)
    assert again.figures == alignment.figures


def test_a_base_with_the_smaller_field_of_view_is_registered_too() -> None:
    pair, _ = found("philips", 2)
    middle = tuple(slice(n // 6, n - n // 6) for n in pair.t1.array.shape)
    affine = pair.t1.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in reversed(middle)]
    small = replace(pair.t1, array=np.ascontiguousarray(pair.t1.array[middle]), affine=affine)
    assert Image.of(small).extent < 0.6 * Image.of(pair.mrn).extent
    # Half of the targets lie outside the smaller field of view: their error is a turn drawn out.
    assert pair.errors(register(small, pair.mrn).matrix).mean() < 0.6


def zero_filled(volume: Volume) -> Volume:
    """Twice the matrix along rows and columns with nothing new in it: what a scanner stores that pads its k-space."""
    slices, rows, columns = volume.array.shape
    known = np.fft.fftshift(np.fft.fft2(volume.array), (1, 2))
    padded = np.zeros((slices, 2 * rows, 2 * columns), complex)
    top, left = rows - rows // 2, columns - columns // 2
    padded[:, top : top + rows, left : left + columns] = known
    values = 4 * np.abs(np.fft.ifft2(np.fft.ifftshift(padded, (1, 2))))
    affine = volume.affine.copy()
    affine[:3, :2] /= 2  # the first pixel's middle stays where it was
    return replace(volume, array=values.astype(np.float32), affine=affine)


def test_a_zero_filled_matrix_of_0_4_mm_does_not_move_the_pose() -> None:
    pair, alignment = found("siemens", 302)
    finer = zero_filled(pair.mrn)
    assert finer.spacing == pytest.approx((2.0, 0.4, 0.4))
    again = register(pair.t1, finer)
    assert pair.errors(again.matrix).mean() < 0.35
    assert distance(again.matrix, alignment.matrix, pairs.TARGETS.T) < 0.15


def test_a_neck_that_was_bent_is_noticed() -> None:
    pair, straight = found("siemens", 302)
    assert straight.figures[examination.ELSEWHERE] == 0
    assert found("philips", 2)[1].figures[examination.ELSEWHERE] == 0
    assert register(pair.t1, flexed(pair.mrn, 10)).figures[examination.ELSEWHERE] >= 2


def test_the_other_side_of_the_body_is_found() -> None:
    _, alignment = found("philips", 2)
    parotid = np.array([52.0, 16.0, -22.0, 1.0])
    assert np.allclose((alignment.contralateral @ parotid)[:3], (-52, 16, -22), atol=2.5)
    assert np.allclose(alignment.contralateral @ alignment.contralateral, np.eye(4), atol=0.5)


def test_the_figures_of_a_true_pair_differ_from_those_of_another_patient() -> None:
    (_, true), (_, other) = found("philips", 2), found("philips", 2, "other_patient")
    for name, least in ((examination.SCORE, 0.1), (examination.FALL, 0.05)):
        assert true.figures[name] > other.figures[name] + least
    assert true.figures[examination.MIRROR] < 0.85 < other.figures[examination.MIRROR]


def test_what_is_resampled_lies_where_the_base_has_it() -> None:
    pair, alignment = found("philips", 2)
    truly, moved = (onto(pair.t1, pair.mrn, matrix) for matrix in (pair.truth, alignment.matrix))
    wrongly = onto(pair.t1, pair.mrn, np.eye(4))
    assert np.abs(moved - truly).mean() < 0.1 * np.abs(wrongly - truly).mean()
