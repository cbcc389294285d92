from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fusion.files import series
from benchmarks.triage.scans import COARSE, exam, nasopharynx_of
from dicomnode.sdk import Volume
from dicomnode.sdk.testing import synthetic_volume
from dicomnode_plugins._learning.landmark import NotFound, nasopharynx


@pytest.mark.parametrize("number", [0, 1])
def test_the_nasopharynx_of_a_phantom_is_found(number: int) -> None:
    volumes, _ = exam(number, 14, grid=COARSE)
    assert np.abs(nasopharynx(volumes["t1"]) - nasopharynx_of(number, 14)).max() < 6.0


@pytest.mark.parametrize("flip", [(1,), (0, 2)])
def test_the_grid_may_run_either_way(flip: tuple[int, ...]) -> None:
    t1 = exam(0, 14, grid=COARSE)[0]["t1"]
    affine = t1.affine.copy()
    for axis in flip:
        column = 2 - axis
        affine[:3, 3] += affine[:3, column] * (t1.array.shape[axis] - 1)
        affine[:3, column] *= -1
    turned = Volume(array=np.ascontiguousarray(np.flip(t1.array, flip)), affine=affine)
    np.testing.assert_allclose(nasopharynx(turned), nasopharynx(t1), atol=0.5)


def test_where_half_a_neck_is_out_of_sight_nothing_is_found() -> None:
    t1 = exam(0, 14, grid=COARSE)[0]["t1"]
    affine = t1.affine.copy()
    affine[:3, 3] += 16 * affine[:3, 2]
    with pytest.raises(NotFound):
        nasopharynx(Volume(array=t1.array[16:].copy(), affine=affine))


@pytest.mark.parametrize("signal", [0.0, 1000.0])
def test_what_is_no_head_has_no_nasopharynx(signal: float) -> None:
    with pytest.raises(NotFound, match=r"no place|covers"):
        nasopharynx(synthetic_volume((30, 96, 96), signal=signal))


def test_a_volume_of_zeros_shows_no_body() -> None:
    with pytest.raises(NotFound, match="no body"):
        nasopharynx(synthetic_volume((30, 96, 96), signal=0.0, noise=0.0))


REAL = {
    "head-philips-elition/t1-mprage-sag-classic": (2, -24, -27),
    "head-siemens-repositioned/HFS-t1-sag": (1, -34, -78),
    "head-siemens-repositioned/HFP-t1-sag": (-9, 17, -61),
}
"""The middle of the nasopharynx as read from the images by eye, LPS mm."""


@pytest.mark.parametrize("folder", sorted(REAL))
def test_the_nasopharynx_of_a_real_head_is_found(folder: str, test_data: Path) -> None:
    assert np.abs(nasopharynx(series(test_data / folder)) - REAL[folder]).max() < 6.0


def test_a_real_head_without_its_nasopharynx_is_refused(test_data: Path) -> None:
    with pytest.raises(NotFound, match="no place"):
        nasopharynx(series(test_data / "head-ge-pd/pd-ax"))
