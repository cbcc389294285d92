"""Focal fatty sparing: found, measured in 0.5 cm2, and called typical only when the contrast agent supports it."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.fat_fraction.exams import examine
from benchmarks.fat_fraction.figures import called, outline
from dicomnode.demo.phantom import Exam
from dicomnode.sdk import Case, Finding, Measurement, QualitativeEvaluation, SecondaryCapture, Segmentation
from dicomnode_plugins.fat_fraction import SPEC, codes, enhancement, foci, roi
from dicomnode_plugins.fat_fraction.gates import Quality
from dicomnode_plugins.fat_fraction.organs import Organs
from tests.plugins.fat_fraction.exams import SMALL, case, findings, numbers, said, segment


@functools.cache
def spared() -> Case:
    return Case(volumes=examine(3).volumes, parameters=SPEC.resolve({}))


def judged(found: list[Finding]) -> list[str]:
    return [
        str(finding.value)
        for finding in found
        if isinstance(finding, QualitativeEvaluation) and finding.of.startswith("Low-fat area")
    ]


def test_sparing_is_called_and_measured() -> None:
    found = findings(spared())
    words = judged(found)
    assert words[0] == f"{foci.TYPICAL}."
    assert all(text.startswith((foci.TYPICAL, foci.NOT_TYPICAL)) for text in words)
    assert any("brighter than liver in the hepatobiliary phase" in text for text in words)
    area, inside, beside = (
        numbers(found, label) for label in ("Low-fat area 1", "ROI in low-fat area 1", "ROI in parenchyma 1")
    )
    assert inside["Area"] == pytest.approx(0.5, rel=0.01)
    assert area[codes.DELTA.meaning] == pytest.approx(beside["Mean"] - inside["Mean"])
    assert inside[codes.ENHANCEMENT.meaning] > beside[codes.ENHANCEMENT.meaning] > 0.5
    one, other = (segment(found, label) for label in ("ROI in low-fat area 1", "ROI in parenchyma 1"))
    assert np.array_equal(one.any((1, 2)), other.any((1, 2))), "both lie on one slice"
    coloured, page = (finding.frames for finding in found if isinstance(finding, SecondaryCapture))
    for disc, colour in ((one, (255, 120, 120)), (other, (120, 180, 255))):
        assert (coloured[disc] == colour).all(-1).sum() >= 6, "its border is drawn"
        assert not (coloured[disc] == colour).all()
    assert (page[0] == (255, 120, 120)).all(-1).sum() > 6, "and seen on the page"
    assert (segment(found, "Low-fat area 1") & one).sum() > 0.9 * one.sum()


def test_the_liver_is_read_before_its_areas() -> None:
    found = findings(spared())
    labels = [one.label for finding in found if isinstance(finding, Segmentation) for one in finding.segments]
    assert labels[0] == "Liver, measured part"
    assert "Low-fat area 1" in labels
    assert next(finding.of for finding in found if isinstance(finding, Measurement)) == "Liver, measured part"


@pytest.mark.parametrize("missing", ["hepatobiliary"])
def test_without_contrast_agent_nothing_is_called_sparing(missing: str) -> None:
    given = spared()
    volumes = {role: volume for role, volume in given.volumes.items() if role != missing}
    found = findings(replace(given, volumes=volumes))
    assert f"Without a {missing} series no area is called sparing" in said(found)
    assert judged(found)
    assert not any(text.startswith(foci.TYPICAL) for text in judged(found))
    assert not [f for f in found if isinstance(f, Measurement) and f.name == codes.ENHANCEMENT]


def test_series_of_different_protocols_are_not_compared() -> None:
    given = spared()
    late = given.volume("hepatobiliary")
    other = replace(late, acquisition={**late.acquisition, "FlipAngle": 30.0})
    found = findings(replace(given, volumes={**given.volumes, "hepatobiliary": other}))
    assert "FlipAngle is 10 before the contrast agent and 30 in the hepatobiliary phase" in said(found)
    assert not any(text.startswith(foci.TYPICAL) for text in judged(found))


def test_a_series_that_cannot_be_placed_supports_nothing() -> None:
    given = spared()
    late = given.volume("hepatobiliary")
    upside_down = replace(late, array=np.ascontiguousarray(late.array[::-1, ::-1]))
    found = findings(replace(given, volumes={**given.volumes, "hepatobiliary": upside_down}))
    assert "The contrast-enhanced series could not be placed: " in said(found)
    assert not any(text.startswith(foci.TYPICAL) for text in judged(found))


@pytest.mark.parametrize(("level", "applies"), [(9.9, False), (10.1, True)])
def test_without_steatosis_it_does_not_apply(level: float, applies: bool) -> None:
    given, _ = case(Exam(shape=SMALL))
    liver = np.zeros(SMALL, bool)
    liver[3:9, 20:60, 20:60] = True
    found = Organs(liver=liver, core=liver, spleen=~liver, quality=Quality(figures={}))
    words = " ".join(foci.search(given, np.full(SMALL, level, np.float32), found).said)
    assert words.startswith("No low-fat area" if applies else f"Not applicable: the liver reads {level} %")


@pytest.mark.parametrize("seed", [12])
def test_hard_exams_have_no_false_call(seed: int) -> None:
    exam = examine(seed)
    row, found = outline(exam)
    calls = called(exam, found)
    assert not row["failed"]
    assert (calls["false"], calls["called"]) == (0, [])


@pytest.mark.parametrize(
    ("changed", "doubt"),
    [
        ({}, ""),
        ({"in_phase": 0.6}, "vessel or a lesion"),
        ({"hepatobiliary": 0.9}, "not brighter than liver in the hepatobiliary phase"),
        ({"precontrast": 0.9}, "darker than liver before"),
        ({"focus": 0.5}, "takes up less contrast agent"),
    ],
)
def test_every_doubt_alone_is_enough(changed: dict[str, float], doubt: str) -> None:
    sound: dict[str, Any] = {"in_phase": 1.0, "precontrast": 1.1, "hepatobiliary": 1.3, "focus": 1.1, "parenchyma": 0.8}
    text = foci.judgement(enhancement.Contrast(**{**sound, **changed}))
    assert text.startswith(foci.NOT_TYPICAL if doubt else foci.TYPICAL)
    assert doubt in text


def test_without_contrast_agent_a_dark_area_is_a_vessel_and_another_undecided() -> None:
    assert foci.judgement(enhancement.Contrast(in_phase=1.0)) == foci.UNDECIDED
    assert "vessel or a lesion" in foci.judgement(enhancement.Contrast(in_phase=0.5))


@pytest.mark.parametrize("pixel", [0.78, 1.0, 1.48, 1.9, 2.3])
def test_a_disc_has_half_a_square_centimetre(pixel: float) -> None:
    assert roi.disc(0, 9, 9, (5.0, pixel, pixel)).area == pytest.approx(0.5, rel=0.01)


def test_a_disc_at_the_edge_of_the_picture_reads_what_is_there() -> None:
    image = np.arange(400, dtype=np.float32).reshape(1, 20, 20)
    corner = roi.disc(0, 0, 19, (5.0, 1.5, 1.5))
    assert corner.mask(image.shape).sum() > 5
    assert 0 < corner.mean(image) < 100
    image[:] = np.nan
    assert np.isnan(corner.mean(image))


def test_the_study_prints_means_of_ratios() -> None:
    # Medians of the study: parenchyma 405 to 736, foci 481 to 1112, printed as 0.78 and 1.11.
    assert enhancement.relative_enhancement(405, 736) == pytest.approx(0.817, abs=1e-3)
    assert enhancement.relative_enhancement(481, 1112) == pytest.approx(1.312, abs=1e-3)
    assert enhancement.mean_of_ratios([100, 400], [200, 500]) == pytest.approx((1 + 0.25) / 2)
    assert enhancement.relative_enhancement(250, 350) == pytest.approx(0.4), "the ratio of the means is another"
