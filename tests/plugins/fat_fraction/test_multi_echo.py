"""Complex echoes: bias, swaps and relaxation of the separation, the report, and what is refused."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fat_fraction import multi_echo as bench
from benchmarks.fat_fraction.exams import DUAL_ECHO
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Case, Finding, Measurement, ParametricMap, Volume
from dicomnode.sdk.verify import verify
from dicomnode_plugins.fat_fraction import codes
from dicomnode_plugins.fat_fraction.multi_echo import SPEC, separation, six_peaks
from dicomnode_plugins.fat_fraction.multi_echo.run import complex_echoes, run
from tests.plugins.fat_fraction.exams import Steps, numbers, said

SAME, THREE, NINE, FOREIGN, WARMER = bench.SPECTRA


@pytest.mark.parametrize("tesla", [1.5, 3.0])
def test_every_fraction_and_decay_is_read_without_swap(tesla: float) -> None:
    exam = bench.tiles(tesla, SAME, side=12)
    found = separation.separate(exam.signal, exam.times, exam.tesla)
    assert bench.swaps(exam, found) == 0
    errors = np.abs(np.array(list(bench.biases(exam, found).values())))
    assert errors[:, 0].max() < 0.5
    assert errors[:, 1].max() < 5


@pytest.mark.parametrize(
    ("spectrum", "fitted", "below_half", "at_all"),
    [
        (THREE, six_peaks.LIVER, 1.0, 3.5),
        (NINE, six_peaks.LIVER, 2.5, 2.5),
        (THREE, None, 0.6, 0.6),
        (NINE, None, 0.8, 0.8),
        (FOREIGN, None, 0.8, 2.1),
        (WARMER, None, 1.0, 2.1),
    ],
)
def test_another_fat_spectrum_exchanges_nothing_and_costs_what_the_card_says(
    spectrum: str, fitted: six_peaks.Weights | None, below_half: float, at_all: float
) -> None:
    exam = bench.tiles(1.5, spectrum, side=12)
    found = separation.separate(exam.signal, exam.times, exam.tesla, fitted)
    assert bench.swaps(exam, found) == 0
    errors = {fraction: error for (fraction, _), (error, _) in bench.biases(exam, found).items()}
    assert max(abs(error) for fraction, error in errors.items() if fraction <= 45) < below_half
    assert max(abs(error) for error in errors.values()) < at_all


def test_without_fat_of_its_own_the_spectrum_is_that_of_the_liver() -> None:
    exam = bench.tiles(1.5, THREE, side=12)
    lean = exam.signal[..., : 12 * 6]
    assert separation.separate(exam.signal, exam.times, exam.tesla).spectrum == (0.0, 1.0, 0.0)
    assert separation.separate(lean, exam.times, exam.tesla).spectrum == six_peaks.LIVER


def test_mixtures_are_whole_and_begin_with_the_liver() -> None:
    mixed = six_peaks.mixtures(4)
    assert mixed[0] == six_peaks.LIVER
    assert len(set(mixed)) == len(mixed) == 15
    assert {sum(weights) for weights in mixed} == {1.0}
    assert six_peaks.in_words((0.25, 0.0, 0.75)) == "25 % liver fat, Hamilton 2011 + 75 % unsaturated fat, computed"
    half = six_peaks.phasor(np.array([0.001, 0.002]), 1.5, (0.5, 0.5, 0.0))
    both = [six_peaks.phasor(np.array([0.001, 0.002]), 1.5, pure) for pure in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))]
    np.testing.assert_allclose(half, (both[0] + both[1]) / 2)


def test_a_field_that_bends_and_jumps_exchanges_nothing() -> None:
    exam = bench.body(1, 1.5, SAME, slices=3)
    found = separation.separate(exam.signal, exam.times, exam.tesla)
    assert bench.swaps(exam, found) < 1e-4
    lean = exam.body & (exam.percent < 50)
    assert np.nanmedian((found.percent - exam.percent)[lean]) == pytest.approx(0, abs=0.3)


def test_a_single_line_of_fat_is_the_limit_of_the_phasor() -> None:
    times = np.array([0.0, 1.0]) / (six_peaks.fat_shift(1.5) * 2)
    start, half = six_peaks.phasor(times, 1.5)
    assert start == pytest.approx(1)
    assert half.real < -0.7, "the main peak is opposed after half a turn"
    assert six_peaks.field_period(np.array([1.0, 3.0, 5.0]) / 1000) == pytest.approx(500)
    assert six_peaks.field_period(np.array([1.0, 3.0, 6.0]) / 1000) == np.inf


def test_nothing_but_air_has_no_values() -> None:
    found = separation.separate(np.zeros((6, 2, 8, 8), np.complex64), bench.ECHO_TIMES[1.5], 1.5)
    assert np.isnan(found.percent).all()


@functools.cache
def given() -> Case:
    exam = bench.body(1, 1.5, SAME)
    volumes = {}
    for number, (echo, time) in enumerate(zip(exam.signal, exam.times, strict=True), start=1):
        physics = {"EchoTime": 1000 * time, "MagneticFieldStrength": 1.5, "RepetitionTime": 15.0, "FlipAngle": 4.0}
        for role, part in (("real", echo.real), ("imaginary", -echo.imag)):
            volumes[f"{role}.{number}"] = Volume(
                array=np.ascontiguousarray(1000 * part), affine=DUAL_ECHO.affine, acquisition=physics
            )
    return Case(volumes=volumes, parameters=SPEC.resolve({}))


@functools.cache
def findings() -> tuple[Finding, ...]:
    found = run(given(), Steps())
    verify(found, given())
    return tuple(found)


def test_the_liver_is_read_and_the_method_named() -> None:
    truth = bench.body(1, 1.5, SAME)
    read = numbers(findings())
    fat = np.median(truth.percent[truth.liver])
    assert read["Median"] == pytest.approx(fat, abs=0.5)
    assert read[codes.R2_STAR.meaning] == pytest.approx(np.median(truth.r2_star[truth.liver]), abs=3)
    assert "from 6 complex echoes (1.20 to 11.20 ms at 1.5 T)" in said(findings())
    assert "Precession: reversed" in said(findings())
    assert "several fat peaks (" in said(findings())
    assert [f.label for f in findings() if isinstance(f, ParametricMap)] == ["PDFF", "R2STAR", "RESIDUAL"]
    assert {type(finding).__name__ for finding in findings()} == set(SPEC.produces)
    assert any(isinstance(f, Measurement) and f.name == codes.RESIDUAL for f in findings())


def echoes_with(**acquisition: float) -> tuple[tuple[Volume, ...], tuple[Volume, ...]]:
    real, imaginary = given().every("real"), given().every("imaginary")
    changed = tuple(replace(volume, acquisition={**volume.acquisition, **acquisition}) for volume in imaginary)
    return real, changed


@pytest.mark.parametrize(
    ("acquisition", "reason"),
    [
        ({"EchoTime": 2.0}, "are no pairs"),
        ({"FlipAngle": 9.0}, "FlipAngle differs between the echoes: 4 and 9"),
        ({"MagneticFieldStrength": 3.0}, "MagneticFieldStrength differs"),
    ],
)
def test_echoes_that_do_not_belong_together_are_refused(acquisition: dict[str, float], reason: str) -> None:
    with pytest.raises(Unsuitable, match=reason):
        complex_echoes(*echoes_with(**acquisition))


def test_too_few_echoes_are_refused() -> None:
    with pytest.raises(Unsuitable, match="6 echoes of different times are asked"):
        complex_echoes(given().every("real")[:5], given().every("imaginary")[:5])


def test_echoes_all_in_phase_are_refused() -> None:
    times = 4.6 * np.arange(1, 7)
    parts = [
        tuple(
            replace(volume, acquisition={**volume.acquisition, "EchoTime": float(time)})
            for volume, time in zip(given().every(role), times, strict=True)
        )
        for role in ("real", "imaginary")
    ]
    with pytest.raises(Unsuitable, match="do not tell fat from water"):
        complex_echoes(parts[0], parts[1])
