"""Complex echoes: bias, swaps and relaxation of the separation, the report, and what is refused."""

from __future__ import annotations

import functools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.fat_fraction import multi_echo as bench
from benchmarks.fat_fraction.exams import DUAL_ECHO
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Case, Finding, Measurement, ParametricMap, Volume
from dicomnode.sdk.verify import verify
from dicomnode_plugins.fat_fraction import codes
from dicomnode_plugins.fat_fraction.multi_echo import SPEC, fat_spectrum, field_map, separation, six_peaks, threads
from dicomnode_plugins.fat_fraction.multi_echo.run import complex_echoes, run
from tests.plugins.fat_fraction.exams import Steps, numbers, said

SAME = "liver"


@pytest.mark.parametrize("tesla", [1.5, 3.0])
def test_every_fraction_and_decay_is_read_without_swap(tesla: float) -> None:
    exam = bench.tiles(tesla, SAME)
    found = separation.separate(exam.signal, exam.times, exam.tesla)
    assert bench.swaps(exam, found) == 0
    below, above, decay = bench.worst(exam, found)
    assert below < 0.5
    assert above < 0.5
    assert decay < 5


@pytest.mark.parametrize(
    ("spectrum", "at_all"), [("Yu 2008", 0.6), ("Ren 2008", 0.6), ("3.5 double bonds", 0.6), ("foreign, warmer", 0.8)]
)
def test_the_patients_own_fat_tells_its_spectrum(spectrum: str, at_all: float) -> None:
    exam = bench.tiles(1.5, spectrum)
    found = separation.separate(exam.signal, exam.times, exam.tesla)
    assert bench.swaps(exam, found) == 0
    assert found.told_by > separation.LEAST_FAT
    assert bench.worst(exam, found)[0] < 0.6
    assert bench.worst(exam, found)[1] < at_all
    liver = fat_spectrum.human_fat(exam.times, exam.tesla).mean
    unasked = separation.separate(exam.signal, exam.times, exam.tesla, liver)
    assert unasked.told_by == 0
    assert bench.worst(exam, unasked)[1] > 1.0


def test_half_fat_that_is_dark_in_an_opposed_first_echo_is_asked_too() -> None:
    """Were the first echo to choose, noise would choose among voxels of half fat, and they would mislead."""
    exam = bench.tiles(3.0, SAME)
    half, rich = exam.percent == 45, exam.percent > 80
    signal = np.where(half | rich, exam.signal, 0) * np.where(half, np.float32(0.7), np.float32(1))
    assert separation.separate(signal, exam.times, exam.tesla).told_by == half.sum() + rich.sum()


def test_without_fat_of_its_own_the_spectrum_is_that_of_the_liver() -> None:
    exam = bench.tiles(1.5, "Yu 2008", side=12)
    lean = separation.separate(exam.signal[..., : 12 * 6], exam.times, exam.tesla)
    assert lean.told_by == 0
    np.testing.assert_array_equal(lean.phasor, fat_spectrum.human_fat(exam.times, exam.tesla).mean)


def test_human_fat_is_the_livers_and_holds_what_was_published() -> None:
    times = bench.ECHO_TIMES[3.0]
    known = fat_spectrum.human_fat(times, 3.0)
    np.testing.assert_allclose(known.mean, six_peaks.phasor(times, 3.0, bench.SPECTRA["liver, nine peaks"]), atol=0.01)
    axes = np.concatenate([known.directions.real, known.directions.imag])
    for spectrum in fat_spectrum.PUBLISHED:
        away = six_peaks.phasor(times, 3.0, spectrum) - known.mean
        steps = np.linalg.lstsq(axes, np.concatenate([away.real, away.imag]), rcond=None)[0]
        assert np.linalg.norm(steps) < 2.1, "two standard deviations, since each is a direction of half its distance"


@pytest.mark.parametrize(("away", "believed"), [(0.5, 0.5), (20.0, None)])
def test_voxels_that_no_human_fat_explains_are_believed_less(away: float, believed: float | None) -> None:
    slopes = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 12, 10)))
    found = fat_spectrum._amount(slopes, slopes @ torch.full((10,), away).double(), torch.zeros(10).double())
    if believed:
        np.testing.assert_allclose(found, believed, atol=0.01)
    else:
        assert 3 < found.norm() < 4.9
        assert found.std() < 0.2, "all ways shortened alike"


def test_a_triglyceride_has_the_protons_of_its_formula() -> None:
    """Triolein, C57H104O6: three double bonds, none interrupted by one methylene, chains of 18."""
    counts = fat_spectrum.protons(3, 0, 18)
    assert counts.sum() == 104
    assert counts[-1] == 6, "two at each double bond"


def test_a_field_that_bends_and_jumps_exchanges_nothing() -> None:
    exam = bench.body(1, 1.5, SAME, slices=3)
    found = separation.separate(exam.signal, exam.times, exam.tesla)
    assert bench.swaps(exam, found) < 1e-4
    lean = exam.body & (exam.percent < 50)
    assert np.nanmedian((found.percent - exam.percent)[lean]) == pytest.approx(0, abs=0.3)


def test_the_parts_of_several_threads_come_back_in_order() -> None:
    before, voxels = torch.get_num_threads(), 5 * threads.PART + 3
    torch.set_num_threads(2)
    try:
        with threads.threads() as several:
            parts = several.each(lambda part: (part.start, part.stop, torch.get_num_threads()), voxels)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert [number for *_, number in parts] == [1] * 6, "torch divides nothing itself"
    assert [start for start, *_ in parts] == [0, *(stop for _, stop, _ in parts[:-1])]
    assert parts[-1][1] == voxels


def test_what_a_thread_meets_is_raised() -> None:
    with threads.threads() as several, pytest.raises(ZeroDivisionError):
        several.each(lambda part: part.start // 0, 3 * threads.PART)


def test_no_message_leaves_the_grid() -> None:
    trust = torch.ones(2, 3, 4)
    for axis, worth in enumerate((0.5, 1.0, 1.0)):
        link = field_map._links(trust, axis).view(2, 3, 4)
        assert (link.select(axis, -1) == 0).all()
        assert (link.narrow(axis, 0, trust.shape[axis] - 1) == worth).all()


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
    assert re.search(
        r"several fat peaks \(as [1-9]\d{2,3} voxels of the patient's own fat tell them\)", said(findings())
    )
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
