"""Nerve over muscle, and the other side."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.sdk import Volume
from dicomnode_plugins._imaging.pose import mirror
from dicomnode_plugins.fusion.nerves import SignalRatio, mirrored_region, ratio_of_ratios, signal_ratio


def regions() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A neurogram with a nerve of 900 and muscle of 150, and where they are."""
    values = np.full((6, 10, 20), 50, np.float32)
    nerve, muscle = np.zeros(values.shape, bool), np.zeros(values.shape, bool)
    nerve[2:4, 3:5, 2:5] = True
    muscle[2:4, 7:9, 2:6] = True
    values[nerve], values[muscle] = 900, 150
    return values, nerve, muscle


def test_the_ratio_is_that_of_the_means() -> None:
    assert signal_ratio(*regions()).value == pytest.approx(6)


def test_the_ratio_of_ratios_is_above_one_where_the_affected_nerve_is_brighter() -> None:
    affected, other = SignalRatio(nerve=900, muscle=150), SignalRatio(nerve=600, muscle=150)
    assert ratio_of_ratios(affected, other) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda v, n, m: (v, n & False, m), "nerve has fewer than 4"),
        (lambda v, n, m: (v, n, m & False), "muscle has fewer than 4"),
        (lambda v, n, m: (v, n, n), "share voxels"),
        (lambda v, n, m: (v * ~m, n, m), "no signal"),
    ],
)
def test_regions_that_say_nothing_are_refused(spoil: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        signal_ratio(*spoil(*regions()))  # type: ignore[operator]


def test_the_proposal_is_the_mirror_image() -> None:
    _, nerve, _ = regions()
    affine = np.diag([2.0, 3.0, 4.0, 1.0])
    affine[0, 3] = -19.0  # 20 columns of 2 mm about x = 0
    volume = Volume(array=np.zeros(nerve.shape, np.float32), affine=affine)
    proposal = mirrored_region(nerve, volume, mirror(np.zeros(3)))
    assert np.array_equal(proposal, nerve[:, :, ::-1])
    assert np.array_equal(mirrored_region(proposal, volume, mirror(np.zeros(3))), nerve)


def test_outside_the_images_there_is_no_proposal() -> None:
    _, nerve, _ = regions()
    volume = Volume(array=np.zeros(nerve.shape, np.float32), affine=np.eye(4))
    assert not mirrored_region(nerve, volume, mirror(np.array([500.0, 0, 0]))).any()
    assert not mirrored_region(nerve & False, volume, np.eye(4)).any()
