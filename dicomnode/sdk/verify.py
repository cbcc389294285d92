"""What a finding must hold before the node writes it; each violation is named."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dicomnode.errors import BadFinding
from dicomnode.sdk.case import Case
from dicomnode.sdk.findings import (
    Finding,
    Measurement,
    ParametricMap,
    QualitativeEvaluation,
    Recommendation,
    SecondaryCapture,
    Segment,
    Segmentation,
)

_LABEL = 64
_TEXT = 1024


def verify(findings: Sequence[Finding], case: Case) -> None:
    """Hold findings against the case they are about.

    Raises
    ------
    BadFinding
        With the number and kind of the first finding that is wrong, and what is wrong with it.
    """
    segments = {s.label for finding in findings if isinstance(finding, Segmentation) for s in finding.segments}
    for number, finding in enumerate(findings):
        try:
            _verify(finding, case, segments)
        except BadFinding as error:
            raise BadFinding(f"finding {number} ({type(finding).__name__}): {error}") from None


def _verify(finding: Finding, case: Case, segments: set[str]) -> None:
    match finding:
        case Segmentation():
            _segmentation(finding, case)
        case ParametricMap():
            _map(finding, case)
        case SecondaryCapture():
            _capture(finding, case)
        case Measurement():
            _segment_known(finding.of, segments)
            if not math.isfinite(finding.value):
                raise BadFinding(f"the value is {finding.value}; what cannot be measured is said in words")
            if not 0 <= finding.decimals <= 9:
                raise BadFinding(f"decimals must be 0 to 9, not {finding.decimals}")
        case QualitativeEvaluation():
            _segment_known(finding.of, segments)
            _words(finding.value)
        case Recommendation():
            _words(finding.value)


def _segmentation(finding: Segmentation, case: Case) -> None:
    _grid(finding.labels, np.uint8, finding.on, case)
    labels = [segment.label for segment in finding.segments]
    if not labels or len(set(labels)) != len(labels):
        raise BadFinding("segments must be there and have different labels")
    for segment in finding.segments:
        _segment(segment)
    present = np.flatnonzero(np.bincount(finding.labels.ravel(), minlength=256))
    if present[-1] > len(labels):
        raise BadFinding(f"the mask holds label {present[-1]}, but there are {len(labels)} segments")
    for number, label in enumerate(labels, start=1):
        if number not in present:
            raise BadFinding(f"segment {label!r} has no voxel; say 'nothing found' as a qualitative evaluation")


def _segment(segment: Segment) -> None:
    if not 0 < len(segment.label) <= _LABEL:
        raise BadFinding(f"a segment's label has 1 to {_LABEL} characters")
    if not all(0 <= value <= 255 for value in segment.colour):
        raise BadFinding(f"the colour of {segment.label!r} is not three numbers from 0 to 255")


def _map(finding: ParametricMap, case: Case) -> None:
    _grid(finding.array, np.float32, finding.on, case)
    _roles(finding.derived_from, case)
    if np.isinf(finding.array).any():
        raise BadFinding("the map holds infinite values; use NaN where there is no value")
    if np.isnan(finding.array).all():
        raise BadFinding("the map holds no value at all; raise Unsuitable instead")
    low, high = finding.value_range
    if not low < high or finding.window[1] <= 0:
        raise BadFinding("the value range must rise and the window must have a width")


def _capture(finding: SecondaryCapture, case: Case) -> None:
    frames = finding.frames
    _roles(finding.derived_from, case)
    if frames.ndim != 4 or frames.shape[3] != 3 or frames.dtype != np.uint8 or not frames.size:
        raise BadFinding(f"frames must be (n, rows, columns, 3) uint8, got {frames.shape} {frames.dtype}")
    if finding.on:
        _roles((finding.on,), case)
        wanted = case.volume(finding.on).array.shape
        if frames.shape[:3] != wanted:
            raise BadFinding(f"frames are {frames.shape[:3]}, the input {finding.on!r} is {wanted}")
    if not 0 < len(finding.title) <= _LABEL:
        raise BadFinding(f"the title has 1 to {_LABEL} characters")


def _grid(array: np.ndarray, dtype: type, on: str, case: Case) -> None:
    _roles((on,), case)
    wanted = case.volume(on).array.shape
    if array.shape != wanted or array.dtype != dtype:
        raise BadFinding(f"the array is {array.shape} {array.dtype}, wanted {wanted} {np.dtype(dtype)}")


def _roles(roles: Sequence[str], case: Case) -> None:
    if not roles:
        raise BadFinding("it must name the inputs it derives from")
    for role in roles:
        if role not in case.volumes:
            raise BadFinding(f"there is no input {role!r}; the case has {', '.join(sorted(case.volumes))}")


def _segment_known(of: str, segments: set[str]) -> None:
    if of and of not in segments:
        raise BadFinding(f"it is about segment {of!r}, which no segmentation holds")


def _words(value: object) -> None:
    if isinstance(value, str) and not 0 < len(value) <= _TEXT:
        raise BadFinding(f"a text has 1 to {_TEXT} characters")
