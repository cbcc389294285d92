"""A received liver takes the place of the proposal where it passes the gate; received regions are read as they are."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from dicomnode.demo.phantom import Exam, Truth
from dicomnode.sdk import Case, LabelledSegment, Labels, QualitativeEvaluation
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, LIVER, TISSUE, Code
from dicomnode_plugins.fat_fraction import codes, organs, readings
from tests.plugins.fat_fraction.exams import SMALL, body, case, findings, numbers, percent, said, segment

Array = np.ndarray


@functools.cache
def exam() -> tuple[Case, Truth, Array]:
    """An exam, its truth, and the liver that is proposed for it."""
    given, truth = case(Exam(shape=SMALL))
    found = organs.search(given.volume("in_phase"), given.volume("opposed_phase"), body(given))
    return given, truth, found.liver


def received(given: Case, *parts: tuple[str, Code, Array]) -> Case:
    labels = np.zeros(SMALL, np.uint8)
    for number, (_, _, mask) in enumerate(parts, start=1):
        labels[mask] = number
    segments = tuple(
        LabelledSegment(label=label, category=ANATOMICAL_STRUCTURE, type=kind, maker="MANUAL")
        for label, kind, _ in parts
    )
    return replace(given, segmentations={"drawn": Labels(on="in_phase", array=labels, segments=segments)})


def test_a_received_liver_is_the_one_that_is_read() -> None:
    given, _, proposed = exam()
    mask = proposed.copy()
    mask[..., np.nonzero(proposed.any((0, 1)))[0][-4:]] = False  # the tip of the left lobe is somebody else's
    other = Code("T-1", "99X", "Liver segment")
    found = findings(received(given, ("Leber", LIVER, mask), ("Lobe", other, proposed & ~mask)))
    assert np.array_equal(segment(found, readings.LIVER) | segment(found, readings.RIM), mask)
    (source,) = (f for f in found if isinstance(f, QualitativeEvaluation) and f.name == codes.OUTLINE_SOURCE)
    assert source.of == readings.LIVER
    assert str(source.value).startswith(
        "The liver outline is segment 'Leber' (drawn by hand) of the received Segmentation that this report lists "
        "among its sources. It passed the quality gate"
    )
    assert readings.PROPOSAL not in said(found)


def test_a_received_liver_that_fails_the_gate_is_named_and_the_proposal_read() -> None:
    given, _, proposed = exam()
    elsewhere = np.zeros(SMALL, bool)
    elsewhere[4:8, 40:60, 90:110] = True
    found = findings(received(given, ("Liver", LIVER, elsewhere)))
    assert np.array_equal(segment(found, readings.LIVER) | segment(found, readings.RIM), proposed)
    assert "Not used as the liver outline: segment 'Liver' (drawn by hand) of the received Segmentation" in said(found)
    assert "share right of the midline" in said(found)
    assert readings.PROPOSAL in said(found)


def test_nothing_received_is_nothing_said() -> None:
    given, _, _ = exam()
    text = said(findings(given))
    assert "received" not in text.lower()


@pytest.mark.parametrize("parts", [(), (("Liver", LIVER, np.zeros(SMALL, bool)),)])
def test_an_empty_liver_is_none(parts: tuple[tuple[str, Code, Array], ...]) -> None:
    given, _, _ = exam()
    text = said(findings(received(given, *parts)))
    assert ("it holds no voxel" in text) == bool(parts)
    assert readings.PROPOSAL in text


def test_a_segmentation_that_the_node_left_out_is_said_in_the_report() -> None:
    given, _, _ = exam()
    text = said(findings(replace(given, left_out={"drawn": "its segments overlap"})))
    assert "A received Segmentation was not used: its segments overlap." in text


def test_received_regions_are_read_with_their_area() -> None:
    given, _, proposed = exam()
    z, y, x = (int(np.median(axis)) for axis in np.nonzero(proposed))
    flat, thick = np.zeros(SMALL, bool), np.zeros(SMALL, bool)
    flat[z, y : y + 4, x : x + 3] = True
    thick[z - 2 : z + 2, y + 6 : y + 8, x : x + 3] = True
    found = findings(
        received(given, ("ROI a", codes.REGION, flat), ("x", TISSUE, proposed & False), ("b", codes.REGION, thick))
    )
    one, other = "Received region 1: ROI a", "Received region 2: b"
    assert np.array_equal(segment(found, one), flat)
    values = percent(found)
    assert numbers(found, one)["Mean"] == pytest.approx(np.nanmean(values[flat].astype(float)))
    _, rows, columns = given.volume("in_phase").spacing
    assert numbers(found, one)["Area"] == pytest.approx(12 * rows * columns / 100)
    assert "Area" not in numbers(found, other)
    assert numbers(found, other)["Mean"] == pytest.approx(np.nanmean(values[thick].astype(float)))
    assert readings.PROPOSAL in said(found)
