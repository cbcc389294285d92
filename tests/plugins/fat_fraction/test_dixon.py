"""Water and fat as the scanner separated them: the fraction, the liver, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dicomnode.demo import anatomy
from dicomnode.demo.phantom import Exam, Truth, acquire
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Case, Finding, Volume
from dicomnode.sdk.verify import verify
from dicomnode_plugins.fat_fraction.dixon import SPEC
from dicomnode_plugins.fat_fraction.dixon.run import run
from tests.plugins.fat_fraction.exams import SMALL, Steps, numbers, percent, said


def pair(liver_fat: float = 22.0, snr: float = 50.0) -> tuple[Case, Truth]:
    """The demonstration phantom as separated images."""
    exam = Exam(shape=SMALL, liver_fat=liver_fat)
    _, truth = acquire(exam)
    random = np.random.default_rng(exam.seed)
    body = anatomy.build(truth.geometry, random, liver_fat=exam.liver_fat, spared_fat=exam.spared_fat)
    physics = {"RepetitionTime": 6.0, "FlipAngle": 10.0, "MagneticFieldStrength": 1.5}
    volumes = {
        role: Volume(
            array=np.hypot(array + random.normal(0, 800 / snr, SMALL), random.normal(0, 800 / snr, SMALL)).astype("f4"),
            affine=np.array(truth.geometry.affine()),
            acquisition=physics,
        )
        for role, array in (("water", body.water), ("fat", body.fat))
    }
    return Case(volumes=volumes, parameters=SPEC.resolve({})), truth


def findings(case: Case) -> list[Finding]:
    found = run(case, Steps())
    verify(found, case)
    return found


@pytest.mark.parametrize("liver_fat", [5.0, 15.0, 30.0, 47.0])
def test_the_fraction_reaches_beyond_half(liver_fat: float) -> None:
    given, truth = pair(liver_fat)
    found = findings(given)
    for name in ("liver", "subcutaneous fat"):
        region = truth.region(name)
        assert region.measured(percent(found)) == pytest.approx(region.density_fat_fraction, abs=0.5), name
    assert numbers(found)["Median"] == pytest.approx(liver_fat, abs=0.6)
    assert "as the scanner separated them" in said(found)
    assert {type(finding).__name__ for finding in found} == set(SPEC.produces)


def changed(damage: str) -> Case:
    given, _ = pair()
    water, fat = given.volume("water"), given.volume("fat")
    agent: dict[str, Any] = {"acquisition": {**fat.acquisition, "ContrastBolusAgent": "yes"}}
    volumes = {
        "swapped": {"water": fat, "fat": water},
        "other angle": {"water": water, "fat": replace(fat, acquisition={**fat.acquisition, "FlipAngle": 15.0})},
        "agent": {"water": water, "fat": replace(fat, **agent)},
        "negative": {"water": replace(water, array=water.array - np.float32(100)), "fat": fat},
        "other grid": {
            "water": water,
            "fat": replace(fat, affine=fat.affine + np.outer((1.0, 0, 0, 0), (0, 0, 0, 1.0))),
        },
    }[damage]
    return replace(given, volumes=volumes)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("swapped", "water and fat seem swapped: the brightest tissue below the skin reads"),
        ("other angle", "FlipAngle differs between the images: 10 of water, 15 of fat"),
        ("agent", "after a contrast agent"),
        ("negative", "no magnitude images"),
        ("other grid", "shifted grids"),
    ],
)
def test_what_is_no_pair_is_refused(damage: str, reason: str) -> None:
    with pytest.raises(Unsuitable, match=reason):
        findings(changed(damage))
