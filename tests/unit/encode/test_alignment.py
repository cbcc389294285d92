"""Derived images, registrations and presentation states are read back; every fault is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from dicomnode.encode import Work, encode
from dicomnode.errors import CheckFailed, EncodingError
from dicomnode.sdk import SecondaryCapture
from tests import builders, cases
from tests.unit.encode.test_check import changed, give, move, proven, remove, swap_left_and_right
from tests.unit.encode.written import read

SHAPE = (5, 70, 64)
FINDINGS = cases.aligned(SHAPE)
Change = Callable[[Dataset], None]


def other_signal(dataset: Dataset) -> None:
    stored = np.frombuffer(dataset.PixelData, "<i2").copy()
    stored[-1] += 2
    dataset.PixelData = stored.tobytes()


def other_step(dataset: Dataset) -> None:
    dataset.RealWorldValueMappingSequence[0].RealWorldValueSlope = 1.0


def swap_frames(dataset: Dataset) -> None:
    """The inverse is what a reader would then apply: the classic mistake."""
    first, second = dataset.RegistrationSequence
    first.FrameOfReferenceUID, second.FrameOfReferenceUID = second.FrameOfReferenceUID, first.FrameOfReferenceUID


def transpose(dataset: Dataset) -> None:
    step = dataset.RegistrationSequence[1].MatrixRegistrationSequence[0].MatrixSequence[0]
    matrix = np.array(step.FrameOfReferenceTransformationMatrix, float).reshape(4, 4)
    matrix[:3, :3] = matrix[:3, :3].T
    step.FrameOfReferenceTransformationMatrix = [f"{value:.8f}" for value in matrix.ravel()]


def other_image(dataset: Dataset) -> None:
    images = dataset.ReferencedSeriesSequence[0].ReferencedImageSequence
    del images[-1]


def other_window(dataset: Dataset) -> None:
    dataset.SoftcopyVOILUTSequence[0].WindowCenter = "901"


def foreign_image(dataset: Dataset) -> None:
    dataset.SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("MR", other_signal, "MR: the signal does not read back"),
        ("MR", other_step, "MR: the signal does not read back"),
        ("MR", give("ImageType", ["ORIGINAL", "PRIMARY", "M"]), "does not say that it is derived"),
        ("MR", move, "MR: a frame lies 0.020 mm off"),
        ("MR", swap_left_and_right, "MR: a frame lies .* mm off"),
        ("MR", remove("ScanningSequence"), "MR: ScanningSequence is missing"),
        ("MR", foreign_image, "neither a source nor a result"),
        ("MR", give("PatientID", "TEST-2"), "MR: PatientID is not that of the source"),
        ("REG", swap_frames, "REG: the matrix does not read back"),
        ("REG", transpose, "REG: the matrix does not read back"),
        ("REG", give("FrameOfReferenceUID", "1.2.3"), "REG: the frames of reference"),
        ("REG", remove("RegistrationSequence"), "REG: RegistrationSequence is missing"),
        ("REG", remove("IssuerOfPatientID"), "REG: IssuerOfPatientID is not"),
        ("PR", other_image, "PR: the images are not those"),
        ("PR", other_window, "PR: the windows are not those"),
        ("PR", remove("DisplayedAreaSelectionSequence"), "PR: DisplayedAreaSelectionSequence is missing"),
        ("PR", give("PatientName", "Phantom^Other"), "PR: PatientName is not"),
    ],
)
def test_a_faulty_object_is_not_sent(kind: str, change: Change, message: str, pair: Work) -> None:
    results = encode(FINDINGS, pair)
    with pytest.raises(CheckFailed, match=message):
        proven(changed(results, kind, change), pair, FINDINGS)


@pytest.mark.parametrize("attribute", ["RelativeOpacity", "BlendingDisplayInputSequence"])
def test_a_wrong_blending_is_not_sent(attribute: str, pair: Work) -> None:
    (blended,) = blended_only = [finding for finding in FINDINGS if getattr(finding, "overlay", None)]
    findings = [*FINDINGS[:3], *blended_only]
    assert blended.opacity == 0.4

    def change(dataset: Dataset) -> None:
        display = dataset.BlendingDisplaySequence[0]
        if attribute == "RelativeOpacity":
            display.RelativeOpacity = 0.6
        else:
            display.BlendingDisplayInputSequence = list(display.BlendingDisplayInputSequence)[::-1]

    with pytest.raises(CheckFailed, match="PR: the layers are not blended"):
        proven(changed(encode(findings, pair), "PR", change), pair, findings)


def test_what_is_right_passes(pair: Work) -> None:
    results = encode(FINDINGS, pair)
    proven(results, pair, FINDINGS)
    assert [read(result).Modality for result in results] == ["MR"] * 10 + ["REG", *["PR"] * 3, "SR"]


@pytest.mark.parametrize("nameless", [("in-phase",), ("opposed-phase",), ("in-phase", "opposed-phase")])
def test_an_input_without_a_frame_of_reference_has_pictures_and_a_report(
    nameless: tuple[str, ...], tmp_path: Path
) -> None:
    grid = builders.grid(SHAPE)
    inputs = {
        role: builders.mr_series(
            tmp_path, geometry=grid, series=role, without=["FrameOfReferenceUID"] if role in nameless else []
        )
        for role in ("in-phase", "opposed-phase")
    }
    capture = next(finding for finding in cases.findings(SHAPE) if isinstance(finding, SecondaryCapture))
    findings = [replace(capture, on="", derived_from=tuple(inputs)), *cases.findings(SHAPE)[6:7]]
    if "in-phase" not in nameless:
        findings.append(FINDINGS[1])
    task = cases.work(inputs, dict.fromkeys(inputs, grid))
    results = encode(findings, task)
    proven(results, task, findings)
    assert {result.kind for result in results} >= {"SC", "SR"} | (set() if "in-phase" in nameless else {"MR"})
    with pytest.raises(EncodingError, match="no Frame of Reference UID"):
        encode([*findings, FINDINGS[0]], task)
