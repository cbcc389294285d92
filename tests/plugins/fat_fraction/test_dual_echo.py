"""The formula, the body and the noise, against a phantom whose fat fractions are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dicomnode.demo.phantom import Exam
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Volume
from dicomnode_plugins.fat_fraction import dual_echo
from tests.plugins.fat_fraction.exams import SMALL, body, case, findings, percent


def test_the_formula() -> None:
    in_phase = np.array([[[100, 100, 100, 100]]], np.float32)
    opposed = np.array([[[100, 40, 0, 120]]], np.float32)
    where = np.array([[[True, True, True, True]]])
    fraction = dual_echo.signal_fat_fraction(in_phase, opposed, where)
    assert fraction.ravel().tolist() == pytest.approx([0, 30, 50, -10])


def test_there_is_no_value_where_nothing_can_be_measured() -> None:
    zeros = np.zeros((1, 1, 2), np.float32)
    with np.errstate(all="raise"):
        fraction = dual_echo.signal_fat_fraction(zeros, zeros, zeros > 0)
    assert np.isnan(fraction).all()
    assert fraction.dtype == np.float32


@pytest.mark.parametrize("field_strength", [1.5, 3.0])
@pytest.mark.parametrize("liver_fat", [2.0, 22.0, 45.0])
def test_regions_read_their_true_fat_fraction(field_strength: float, liver_fat: float) -> None:
    exam = Exam(seed=3, shape=(16, 144, 192), field_strength=field_strength, liver_fat=liver_fat, snr=50)
    given, truth = case(exam)
    fraction = percent(findings(given))
    assert {"liver", "spleen", "spared area", "insert 40 %", "subcutaneous fat"} <= {r.name for r in truth.regions}
    for region in truth.regions:
        values = fraction[region.mask]
        values = values[~np.isnan(values)]
        # Twice the standard error of a few hundred noisy voxels, on top of the bias that is allowed.
        slack = 0.3 + 2 * float(values.std()) / np.sqrt(values.size)
        assert values.size > 0.95 * region.mask.sum(), region.name
        assert abs(float(values.mean()) - region.fat_fraction) <= slack, region.name
    liver = truth.region("liver")
    assert abs(liver.measured(fraction) - liver.fat_fraction) <= 0.15


def test_fat_above_one_half_folds_back() -> None:
    given, truth = case(Exam(shape=SMALL))
    skin = truth.region("subcutaneous fat")
    assert skin.density_fat_fraction == 92
    assert skin.fat_fraction == pytest.approx(8, abs=0.1)
    assert skin.measured(percent(findings(given))) == pytest.approx(8, abs=0.3)


def test_decay_between_the_echoes_reads_as_missing_fat() -> None:
    given, truth = case(Exam(shape=SMALL, r2_star=40))
    spleen = truth.region("spleen")
    assert spleen.fat_fraction == pytest.approx(-4.82, abs=0.05)
    assert spleen.measured(percent(findings(given))) == pytest.approx(spleen.fat_fraction, abs=0.3)


@pytest.mark.parametrize("gate", [5.0, 12.0])
def test_voxels_below_the_noise_gate_have_no_value(gate: float) -> None:
    given, truth = case(Exam(shape=SMALL), noise_gate=gate)
    found = findings(given)
    measured = ~np.isnan(percent(found))
    signal = given.volume("in_phase").array
    sigma = dual_echo.noise(signal, body(given), given.volume("in_phase").spacing).sigma
    assert np.array_equal(measured, body(given) & (signal >= gate * sigma))
    assert measured[truth.region("liver").mask].all()


@pytest.mark.parametrize("snr", [20.0, 50.0])
@pytest.mark.parametrize(("zeroed", "source", "wrong"), [(False, "Rayleigh", 0.05), (True, "second differences", 0.3)])
def test_the_noise_is_found(snr: float, zeroed: bool, source: str, wrong: float) -> None:
    given, _ = case(Exam(shape=(16, 144, 192), snr=snr, zeroed_air=zeroed))
    in_phase = given.volume("in_phase")
    found = dual_echo.noise(in_phase.array, dual_echo.body_mask(in_phase), in_phase.spacing)
    assert source in found.source
    assert found.sigma == pytest.approx(800 / snr, rel=wrong)


def test_the_body_is_found_with_lungs_and_without_air() -> None:
    given, truth = case(Exam(shape=(16, 144, 192)))
    mask = dual_echo.body_mask(given.volume("in_phase"))
    overlap = 2 * np.count_nonzero(mask & truth.body) / (np.count_nonzero(mask) + np.count_nonzero(truth.body))
    assert overlap > 0.985
    middle = mask[-2, 72]
    assert middle[np.flatnonzero(middle)[0] : np.flatnonzero(middle)[-1]].all(), "the lungs are holes"


def test_only_the_largest_object_is_the_body() -> None:
    given, _ = case(Exam(shape=SMALL))
    in_phase = given.volume("in_phase")
    array = in_phase.array.copy()
    array[:, :6, :6] = 900
    mask = dual_echo.body_mask(Volume(array=array, affine=in_phase.affine))
    assert not mask[:, :6, :6].any()
    assert mask.any()


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_an_empty_image_holds_no_body(value: float) -> None:
    with pytest.raises(Unsuitable, match="no body"):
        dual_echo.body_mask(Volume(array=np.full((8, 20, 20), value, np.float32), affine=np.eye(4)))


def test_otsu_separates_two_classes() -> None:
    values: np.ndarray[Any, np.dtype[np.float32]] = np.concatenate(
        [np.random.default_rng(1).normal(10, 1, 500), np.random.default_rng(2).normal(20, 1, 200)]
    ).astype(np.float32)
    assert 13 < dual_echo.otsu(values) < 17


@pytest.mark.parametrize(("width", "step", "voxels"), [(5.0, 1.9, 3), (5.0, 5.5, 1), (9.0, 0.78, 11), (9.0, 1.5, 7)])
def test_a_width_in_mm_is_an_odd_number_of_voxels(width: float, step: float, voxels: int) -> None:
    assert dual_echo.odd(width, step) == voxels
