"""A structure set read by others: SimpleITK's geometry and matplotlib's filling; and what a proposal says of itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK
from matplotlib.path import Path as Outline
from pydicom import Dataset, dcmread

from dicomnode.encode import Work, encode
from dicomnode.errors import CheckFailed
from dicomnode.sdk import Code, Finding, Segment, Segmentation, codes
from tests import builders, cases
from tests.unit.encode.test_check import changed, proven

SHAPE = (4, 22, 24)
SPACING = (5.0, 1.3, 0.7)
OBLIQUE = ((0.96, 0.2, 0.1), (-0.19, 0.97, -0.12))
GTV = Segment(
    label="GTV proposal",
    category=codes.TISSUE,
    type=Code("228791009", "SCT", "GTV"),
    proposes="GTV",
)
NODE = replace(GTV, label="Node proposal")


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Work:
    grid = builders.grid(SHAPE, orientation=OBLIQUE, spacing=SPACING)
    inputs = {"in-phase": builders.mr_series(tmp_path_factory.mktemp("exam"), geometry=grid)}
    return cases.work(inputs, {"in-phase": grid}, kinds=frozenset({"RTSTRUCT", "SEG"}))


def nested() -> npt.NDArray[np.uint8]:
    """A ring with an island in its hole that has a hole itself, another region in that, and what touches by corners."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 2:20, 2:22] = 1
    labels[0, 4:18, 4:20] = 0
    labels[0, 6:16, 6:18] = 1
    labels[0, 8:14, 8:16] = 0
    labels[0, 10:12, 10:13] = 2
    labels[1, 5, 5] = labels[1, 6, 6] = 1
    labels[3, ::2, ::2] = 2
    return labels


def random(seed: int) -> npt.NDArray[np.uint8]:
    generator = np.random.default_rng(seed)
    share = (0.05, 0.5, 0.9)[seed % 3]
    return np.where(generator.random(SHAPE) < share, generator.integers(1, 3, SHAPE), 0).astype(np.uint8)


def structures(labels: npt.NDArray[np.uint8], task: Work) -> Dataset:
    finding = Segmentation(on="in-phase", labels=labels, segments=(GTV, NODE))
    (result,) = encode([finding], replace(task, kinds=frozenset({"RTSTRUCT"})))
    return dcmread(BytesIO(result.content))


def image_of(task: Work) -> SimpleITK.Image:
    """The source as SimpleITK reads it from its files, in any order."""
    reader = SimpleITK.ImageSeriesReader()
    folder = task.inputs["in-phase"][0].parent
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def filled(dataset: Dataset, image: SimpleITK.Image) -> npt.NDArray[np.uint8]:
    """Labels by the even-odd rule, slice by slice."""
    columns, rows, _ = image.GetSize()
    centres = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    labels = np.zeros(image.GetSize()[::-1], np.uint8)
    for region in dataset.ROIContourSequence:
        inside: defaultdict[int, npt.NDArray[np.bool_]] = defaultdict(lambda: np.zeros((rows, columns), bool))
        for contour in region.ContourSequence:
            points = np.array(contour.ContourData, float).reshape(-1, 3).tolist()
            at = np.array([image.TransformPhysicalPointToContinuousIndex(point) for point in points])
            place = round(float(at[0, 2]))
            np.testing.assert_allclose(at[:, 2], place, atol=1e-3)
            inside[place] ^= Outline(at[:, :2], closed=False).contains_points(centres).reshape(rows, columns)
        for place, mask in inside.items():
            labels[place][mask] = region.ReferencedROINumber
    return labels


@pytest.mark.parametrize("labels", [nested(), *map(random, range(3))], ids=["nested", "few", "half", "most"])
def test_another_reader_gets_the_mask_back_voxel_for_voxel(labels: npt.NDArray[np.uint8], task: Work) -> None:
    np.testing.assert_array_equal(filled(structures(labels, task), image_of(task)), labels)


def test_a_proposal_says_so_wherever_a_planning_system_may_look(task: Work) -> None:
    dataset = structures(nested(), task)
    words = "Proposal, not for treatment planning"
    assert dataset.SeriesDescription == "GTV proposal not for treatment planning (not for diagnostic use)"
    assert (dataset.StructureSetLabel, dataset.ApprovalStatus) == ("GTV PROPOSAL", "UNAPPROVED")
    assert dataset.StructureSetDescription == f"{words} (not for diagnostic use)"
    assert [(r.ROIName, r.ROIDescription) for r in dataset.StructureSetROISequence] == [
        ("GTV proposal", words),
        ("Node proposal", words),
    ]
    for said in dataset.RTROIObservationsSequence:
        assert (said.RTROIInterpretedType, said.ROIObservationLabel) == ("GTV", "GTV PROPOSAL")
        assert said.ROIObservationDescription == words
        assert said.RTROIIdentificationCodeSequence[0].CodeValue == "228791009"


def test_a_proposal_says_so_in_the_segmentation(task: Work) -> None:
    results = encode([Segmentation(on="in-phase", labels=nested(), segments=(GTV, NODE))], task)
    (content,) = [result.content for result in results if result.kind == "SEG"]
    segments = dcmread(BytesIO(content)).SegmentSequence
    assert {item.SegmentDescription for item in segments} == {"Proposal, not for treatment planning"}


def test_what_proposes_nothing_keeps_its_plain_words(task: Work) -> None:
    said: list[Finding] = cases.findings(SHAPE, other="in-phase")
    (content,) = [result.content for result in encode(said, task) if result.kind == "RTSTRUCT"]
    dataset = dcmread(BytesIO(content))
    assert (dataset.StructureSetLabel, "StructureSetDescription" in dataset) == ("SEGMENTATION", False)
    assert {item.RTROIInterpretedType for item in dataset.RTROIObservationsSequence} == {""}


def _unsaid(dataset: Dataset) -> None:
    del dataset.StructureSetROISequence[0].ROIDescription


def _other_volume(dataset: Dataset) -> None:
    dataset.RTROIObservationsSequence[0].RTROIInterpretedType = "PTV"


@pytest.mark.parametrize("change", [_unsaid, _other_volume])
def test_a_proposal_that_does_not_say_so_is_not_sent(change: Any, task: Work) -> None:
    finding = Segmentation(on="in-phase", labels=nested(), segments=(GTV, NODE))
    results = encode([finding], task)
    with pytest.raises(CheckFailed, match="a proposal does not say that it is one"):
        proven(changed(results, "RTSTRUCT", change), task, [finding])


def test_what_outlines_nothing_is_not_written_as_contours(task: Work) -> None:
    finding = Segmentation(on="in-phase", labels=nested(), segments=(GTV, NODE), contoured=False)
    assert {result.kind for result in encode([finding], task)} == {"SEG"}
