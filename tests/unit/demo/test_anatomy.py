"""The painted abdomen."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.demo import anatomy

SHAPE = (12, 96, 128)


def built(seed: int = 1, *, liver_fat: float = 20.0) -> anatomy.Anatomy:
    return anatomy.build(anatomy.grid(SHAPE), np.random.default_rng(seed), liver_fat=liver_fat, spared_fat=8.0)


@pytest.mark.parametrize("shape", [(30, 192, 256), (12, 96, 128), (8, 60, 80)])
def test_the_field_of_view_stays_and_is_centred(shape: tuple[int, int, int]) -> None:
    grid = anatomy.grid(shape)
    assert np.multiply(grid.shape, grid.spacing) == pytest.approx((180, 288, 384))
    assert np.mean(grid.corners(), axis=0) == pytest.approx((0, 0, 0), abs=1e-9)


def test_pure_voxels_hold_exactly_their_tissues_fat() -> None:
    body = built()
    for number, tissue in enumerate(body.tissues, start=1):
        inside = (body.label == number) & body.pure
        fat, water = body.fat[inside], body.water[inside]
        assert np.allclose(100 * fat / (fat + water), tissue.fat, atol=0.01), tissue.name


def test_boundaries_are_smooth_and_not_pure() -> None:
    body = built()
    share = body.fat / np.maximum(body.fat + body.water, 1e-6)
    liver = next(n for n, tissue in enumerate(body.tissues, start=1) if tissue.name == "liver")
    rim = (body.label == liver) & ~body.pure
    assert np.count_nonzero(rim) > 100
    assert (np.abs(share[rim] - 0.2) > 0.02).any()


def test_air_has_no_signal() -> None:
    body = built()
    air = (body.label == 0) & body.pure
    assert air.mean() > 0.3
    assert not body.water[air].any()
    assert not body.fat[air].any()


def test_the_liver_lies_on_the_right_side_and_the_spleen_on_the_left() -> None:
    body = built()
    columns = {
        tissue.name: np.argwhere(body.label == number)[:, 2].mean()
        for number, tissue in enumerate(body.tissues, start=1)
    }
    assert columns["liver"] < SHAPE[2] / 2 < columns["spleen"]


def test_patients_differ_but_their_tissues_do_not() -> None:
    one, other = built(1), built(2)
    assert one.tissues == other.tissues
    assert 0.005 < np.mean(one.label != other.label) < 0.1


def test_the_liver_has_the_fat_it_was_given() -> None:
    fractions = {tissue.name: tissue.fat for tissue in built(liver_fat=33.0).tissues}
    assert (fractions["liver"], fractions["spared area"]) == (33.0, 8.0)
