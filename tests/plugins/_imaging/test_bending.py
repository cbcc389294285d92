"""A bent neck is followed, a straight one is left alone."""

from __future__ import annotations

from functools import cache

import numpy as np

from benchmarks.fusion import pairs
from benchmarks.fusion.pairs import Pair
from dicomnode_plugins._imaging import bending, fields
from dicomnode_plugins._imaging.bending import Bend, Bending
from dicomnode_plugins._imaging.examination import outside
from dicomnode_plugins._imaging.grids import Image, Mask, inside
from dicomnode_plugins._imaging.resampling import onto
from tests.plugins._imaging.necks import flexed

BENT = Bend(hinge=np.array([0.0, 10.0, -20.0]), low=-120.0, knots=np.array([[0, 0, 0, 1, 2, 3]] * 5, float))


@cache
def pair() -> Pair:
    """At twice the study's voxel side."""
    return pairs.make("philips", 2, degrees=5, millimetres=5, step=2)


@cache
def found(degrees: float) -> Bending:
    """From the true motion of the head."""
    given = pair()
    neck = bending.bending(given.t1, flexed(given.mrn, degrees) if degrees else given.mrn, given.truth)
    assert neck is not None
    return neck


def below(height: float) -> Mask:
    """What of the base lies below a height."""
    base = Image.of(pair().t1)
    voxels = np.indices(base.values.shape)[::-1].reshape(3, -1).astype(float)
    return (base.places(voxels)[2] < height).reshape(base.values.shape)


def test_a_bent_neck_is_followed_and_the_head_stays() -> None:
    given, neck = pair(), found(10)
    assert outside(neck.figures, bending.SOUND) == ()
    bent = flexed(given.mrn, 10)
    straight = onto(given.t1, given.mrn, given.truth)
    rigid = onto(given.t1, bent, given.truth)
    followed = fields.through(neck.displacements, given.t1, bent)
    low = below(-60) & inside(Image.of(given.t1), 6.0) & (straight > 0) & (followed > 0) & (rigid > 0)
    assert np.abs(followed - straight)[low].mean() < 0.6 * np.abs(rigid - straight)[low].mean()
    high = ~below(neck.bend.hinge[2] + 10) & (straight > 0) & (followed > 0)
    assert np.abs(followed - rigid)[high].max() < 1e-2 * rigid.max()


def test_a_straight_neck_is_left_alone() -> None:
    figures = found(0).figures
    assert figures[bending.GAIN] < 0.1 * bending.SOUND[bending.GAIN][0]
    assert [reason.split(":")[0] for reason in outside(figures, bending.SOUND)] == [bending.GAIN, bending.SURENESS]


def test_nothing_moves_above_the_hinge_and_all_below_the_lowest_place_moves_alike() -> None:
    places = np.array([(5, 6, 100), (5, 6, -20), (5, 6, -119.9999), (5, 6, -300)], float).T
    away = (BENT.moved(places) - places).T
    assert np.allclose(away[:2], 0)
    assert np.allclose(away[2], away[3], atol=1e-4)
    assert np.allclose(away[3], (1, 2, 3), atol=0.1)


def test_where_the_base_ends_at_the_hinge_there_is_no_neck() -> None:
    given = pair()
    head = given.t1.array.copy()
    head[below(60)] = 0
    assert bending._hinge(Image(values=head, affine=given.t1.affine), Image.of(given.mrn), given.truth) is None
