from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.encode import Work, sources
from dicomnode.encode.contents import sort
from dicomnode.errors import EncodingError
from dicomnode.sdk import (
    Finding,
    Measurement,
    ParametricMap,
    QualitativeEvaluation,
    Recommendation,
    SecondaryCapture,
    Segmentation,
    codes,
)
from tests import cases

SHAPE = (5, 70, 64)
SEGMENTATION, MAP, CAPTURE = cases.findings(SHAPE)[:3]
assert isinstance(SEGMENTATION, Segmentation)
assert isinstance(MAP, ParametricMap)
assert isinstance(CAPTURE, SecondaryCapture)
ALL_NAN = np.full(SHAPE, np.nan, np.float32)
INFINITE = np.zeros(SHAPE, np.float32)
INFINITE[0, 0, 0] = np.inf


def test_findings_are_sorted_by_kind_and_keep_their_order(task: Work) -> None:
    findings = cases.findings(SHAPE)
    contents = sort(findings[::-1], task, sources.read(task))
    assert contents.labels == ("Liver", "Focus")
    assert [measurement.value for measurement in contents.measurements] == [18.254, -1.5, 1430.27, 12.3456]
    assert [(form.kind, form.title) for form in contents.forms("Fat")] == [
        ("SR", "Fat report"),
        ("SEG", "Liver Focus segmentation"),
        ("LABELMAP", "Liver Focus segmentation"),
        ("PM", "Signal fat fraction"),
        ("PM16", "Signal fat fraction"),
        ("SC", "Fat fraction in colour"),
        ("SR-VIEWER", "Fat report in words"),
        ("KOS", "Fat key images"),
        ("RTSTRUCT", "Liver Focus contours"),
        ("PDF", "Fat report on paper"),
    ]


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        (replace(SEGMENTATION, on="fat"), "refers to input 'fat'; the task has in-phase, opposed-phase"),
        (replace(SEGMENTATION, labels=SEGMENTATION.labels[1:]), r"shape \(4, 70, 64\), its input 'in-phase' has \(5"),
        (replace(SEGMENTATION, labels=SEGMENTATION.labels.astype(np.int16)), "must be uint8, got int16"),
        (replace(SEGMENTATION, labels=SEGMENTATION.labels * 2), "uses label 4 but describes 2 segments"),
        (replace(SEGMENTATION, labels=np.minimum(SEGMENTATION.labels, 1)), "segment 'Focus' is empty"),
        (replace(SEGMENTATION, segments=(cases.LIVER, cases.LIVER)), "several segments have the label Liver"),
        (replace(SEGMENTATION, segments=(cases.LIVER, replace(cases.FOCUS, label=""))), "1 to 64 characters"),
        (replace(SEGMENTATION, segments=(cases.LIVER, replace(cases.FOCUS, label="a\\b"))), "no backslash"),
        (replace(MAP, title="a\\b"), "no backslash"),
        (replace(MAP, on="fat"), "refers to input 'fat'"),
        (replace(MAP, derived_from=("fat",)), "refers to input 'fat'"),
        (replace(MAP, array=MAP.array[:, 1:]), "parametric map has shape"),
        (replace(MAP, array=MAP.array.astype(np.float64)), "must be float32, got float64"),
        (replace(MAP, array=INFINITE), "holds an infinite value"),
        (replace(MAP, array=ALL_NAN), "holds no value at all"),
        (replace(MAP, label="Fat fraction"), "1 to 16 capitals"),
        (replace(MAP, value_range=(1.0, 1.0)), "rising value range"),
        (replace(MAP, window=(1.0, 0.0)), "positive window width"),
        (replace(CAPTURE, frames=CAPTURE.frames[..., :2]), r"must be \(n, rows, columns, 3\) uint8"),
        (replace(CAPTURE, frames=CAPTURE.frames[:0]), r"must be \(n, rows, columns, 3\) uint8"),
        (replace(CAPTURE, frames=CAPTURE.frames[1:]), "secondary capture has shape"),
        (replace(CAPTURE, derived_from=("fat",)), "refers to input 'fat'"),
        (Measurement(name=codes.VOLUME, value=float("nan"), unit=codes.PERCENT), "'Volume' is nan"),
        (Measurement(name=codes.VOLUME, value=1, unit=codes.PERCENT, of="Spleen"), "about segment 'Spleen'.*: none"),
        (QualitativeEvaluation(name=cases.FOLD_OVER, value=cases.NO, of="Spleen"), "about segment 'Spleen'"),
        (QualitativeEvaluation(name=cases.FOLD_OVER, value=" "), "empty text"),
        (Recommendation(value=""), "empty text"),
    ],
)
def test_what_dicom_cannot_say_is_refused_with_its_reason(finding: Finding, message: str, task: Work) -> None:
    with pytest.raises(EncodingError, match=message):
        sort([finding], task, sources.read(task))
