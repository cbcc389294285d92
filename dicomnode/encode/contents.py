"""A task's findings, sorted by what they become and proven to be expressible."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dicomnode.domain.task import ResultKind
from dicomnode.encode import reg
from dicomnode.encode.series import Form
from dicomnode.encode.sources import Sources
from dicomnode.encode.work import Work
from dicomnode.errors import EncodingError
from dicomnode.sdk.findings import (
    DerivedImage,
    Finding,
    Measurement,
    ParametricMap,
    Presentation,
    QualitativeEvaluation,
    Recommendation,
    Registration,
    SecondaryCapture,
    Segmentation,
)
from dicomnode.sdk.spec import is_prior

_SEGMENTATION: tuple[ResultKind, ...] = ("SEG", "LABELMAP")
_MAP: tuple[ResultKind, ...] = ("PM", "PM16")
_T = TypeVar("_T")
_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Findings by kind, each kind in the plugin's order."""

    segmentations: tuple[Segmentation, ...]
    maps: tuple[ParametricMap, ...]
    captures: tuple[SecondaryCapture, ...]
    derived: tuple[DerivedImage, ...]
    registrations: tuple[Registration, ...]
    unwritten: tuple[Registration, ...]
    """Those within one frame of reference: the report and the derived images speak of them."""
    presentations: tuple[Presentation, ...]
    measurements: tuple[Measurement, ...]
    evaluations: tuple[QualitativeEvaluation, ...]
    recommendations: tuple[Recommendation, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of all segments."""
        return tuple(segment.label for finding in self.segmentations for segment in finding.segments)

    def forms(self, report: str) -> tuple[Form, ...]:
        """Every form these findings can take, in the order of their series."""
        forms = [Form(kind="SR", title=f"{report} report")]
        for segmentation in self.segmentations:
            title = _titled(segmentation, "segmentation")
            forms += [Form(kind=kind, title=title, finding=segmentation) for kind in _SEGMENTATION]
        for parametric_map in self.maps:
            forms += [Form(kind=kind, title=parametric_map.title, finding=parametric_map) for kind in _MAP]
        forms += [Form(kind="SC", title=finding.title, finding=finding) for finding in self.captures]
        forms += [Form(kind="MR", title=finding.title, finding=finding) for finding in self.derived]
        forms += [
            Form(kind="REG", title=f"Registration of {finding.moving} to {finding.fixed}", finding=finding)
            for finding in self.registrations
        ]
        forms += [Form(kind="PR", title=finding.title, finding=finding) for finding in self.presentations]
        forms.append(Form(kind="SR-VIEWER", title=f"{report} report in words"))
        if self.segmentations:
            forms.append(Form(kind="KOS", title=f"{report} key images"))
        for segmentation in (finding for finding in self.segmentations if finding.contoured):
            forms.append(Form(kind="RTSTRUCT", title=_titled(segmentation, "contours"), finding=segmentation))
        forms.append(Form(kind="PDF", title=f"{report} report on paper"))
        return tuple(forms)


def sort(findings: Sequence[Finding], work: Work, sources: Sources) -> Contents:
    """Sort findings by kind and refuse what DICOM cannot say.

    Raises
    ------
    EncodingError
        For a label nobody defined, an empty segment, an array that does not fit its grid, a number that is none.
    """
    registrations = _those(findings, Registration)
    written = reg.needed(registrations, sources)
    contents = Contents(
        segmentations=_those(findings, Segmentation),
        maps=_those(findings, ParametricMap),
        captures=_those(findings, SecondaryCapture),
        derived=_those(findings, DerivedImage),
        registrations=written,
        unwritten=tuple(finding for finding in registrations if finding not in written),
        presentations=_those(findings, Presentation),
        measurements=_those(findings, Measurement),
        evaluations=_those(findings, QualitativeEvaluation),
        recommendations=_those(findings, Recommendation),
    )
    for segmentation in contents.segmentations:
        _segmentation(segmentation, work)
    for parametric_map in contents.maps:
        _map(parametric_map, work)
    for capture in contents.captures:
        _capture(capture, work)
    _statements(contents)
    return contents


def _titled(finding: Segmentation, form: str) -> str:
    """What a series of a segmentation is called; a proposal says what it is not for, which the mark leaves room for."""
    proposed = next((segment.proposes for segment in finding.segments if segment.proposes), "")
    if proposed:
        return f"{proposed} proposal not for treatment planning"
    return " ".join([*(segment.label for segment in finding.segments), form])


def _those(findings: Sequence[Finding], kind: type[_T]) -> tuple[_T, ...]:
    return tuple(finding for finding in findings if isinstance(finding, kind))


def _segmentation(finding: Segmentation, work: Work) -> None:
    _fits(finding.labels.shape, finding.on, work, "segmentation")
    if finding.labels.dtype != np.uint8:
        raise EncodingError(f"segmentation labels must be uint8, got {finding.labels.dtype}")
    counts = np.sum([np.bincount(plane.ravel(), minlength=256) for plane in finding.labels], axis=0)
    if (highest := int(np.flatnonzero(counts)[-1])) > len(finding.segments):
        raise EncodingError(f"segmentation uses label {highest} but describes {len(finding.segments)} segments")
    for segment, voxels in zip(finding.segments, counts[1 : len(finding.segments) + 1], strict=True):
        if not voxels:
            raise EncodingError(f"segment {segment.label!r} is empty; report 'not found' as a QualitativeEvaluation")
        if not 1 <= len(segment.label) <= 64 or "\\" in segment.label:
            raise EncodingError(f"segment label must have 1 to 64 characters, no backslash: {segment.label!r}")


def _map(finding: ParametricMap, work: Work) -> None:
    _fits(finding.array.shape, finding.on, work, "parametric map")
    _known(finding.derived_from, work)
    if finding.array.dtype != np.float32:
        raise EncodingError(f"parametric map must be float32, got {finding.array.dtype}")
    if np.isinf(finding.array).any():
        raise EncodingError(f"parametric map {finding.title!r} holds an infinite value; use NaN for 'no value'")
    if np.isnan(finding.array).all():
        raise EncodingError(f"parametric map {finding.title!r} holds no value at all")
    if not _CODE_STRING.fullmatch(finding.label):
        raise EncodingError(
            f"parametric map label must be 1 to 16 capitals, digits, spaces or underscores: {finding.label!r}"
        )
    if "\\" in finding.title:
        raise EncodingError(f"parametric map title must have no backslash: {finding.title!r}")
    if not finding.value_range[0] < finding.value_range[1] or not finding.window[1] > 0:
        raise EncodingError(f"parametric map {finding.title!r} needs a rising value range and a positive window width")


def _capture(finding: SecondaryCapture, work: Work) -> None:
    frames = finding.frames
    _known(finding.derived_from, work)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or not frames.size:
        raise EncodingError(f"secondary capture must be (n, rows, columns, 3) uint8, got {frames.shape} {frames.dtype}")
    if finding.on:
        _fits(frames.shape[:3], finding.on, work, "secondary capture")


def _statements(contents: Contents) -> None:
    labels = contents.labels
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise EncodingError(f"several segments have the label {', '.join(twice)}; findings could not refer to one")
    for measurement in contents.measurements:
        _about(measurement, labels)
        if not math.isfinite(measurement.value):
            raise EncodingError(f"{measurement.name.meaning!r} is {measurement.value}; leave out what has no value")
    for evaluation in contents.evaluations:
        _about(evaluation, labels)
    values = [*(finding.value for finding in contents.evaluations), *(f.value for f in contents.recommendations)]
    if any(isinstance(value, str) and not value.strip() for value in values):
        raise EncodingError("an evaluation or a recommendation is an empty text")


def _about(finding: Measurement | QualitativeEvaluation, labels: tuple[str, ...]) -> None:
    if finding.of and finding.of not in labels:
        there = ", ".join(labels) or "none"
        raise EncodingError(f"{finding.name.meaning!r} is about segment {finding.of!r}, but the segments are: {there}")


def _fits(shape: tuple[int, ...], role: str, work: Work, what: str) -> None:
    _known((role,), work)
    if is_prior(work.spec, role):
        raise EncodingError(f"{what} lies on {role!r}, which is of an earlier study; results are of the exam alone")
    if shape != work.geometry[role].shape:
        raise EncodingError(f"{what} has shape {shape}, its input {role!r} has {work.geometry[role].shape}")


def _known(roles: tuple[str, ...], work: Work) -> None:
    for role in roles:
        if role not in work.inputs:
            raise EncodingError(f"a finding refers to input {role!r}; the task has {', '.join(work.inputs)}")
