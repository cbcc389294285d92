"""What a finding must hold before the node writes it; each violation is named."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from dicomnode.errors import BadFinding
from dicomnode.sdk.case import Case
from dicomnode.sdk.findings import (
    Decision,
    DerivedImage,
    Finding,
    Layer,
    Measurement,
    ParametricMap,
    Presentation,
    QualitativeEvaluation,
    Recommendation,
    Registration,
    SecondaryCapture,
    Segment,
    Segmentation,
)
from dicomnode.sdk.spec import PluginSpec

_LABEL = 64
_TEXT = 1024
_CODE_STRING = re.compile(r"[A-Z0-9_ ]{1,16}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_NUMBERS = 256


def verify(findings: Sequence[Finding], case: Case) -> None:
    """Hold findings against the case they are about.

    Raises
    ------
    BadFinding
        With the number and kind of the first finding that is wrong, and what is wrong with it.
    """
    if not findings:
        raise BadFinding("the plugin said nothing; what it did not find is a qualitative evaluation, or Unsuitable")
    labels = [s.label for finding in findings if isinstance(finding, Segmentation) for s in finding.segments]
    images = [finding for finding in findings if isinstance(finding, DerivedImage)]
    derived = {image.title: image for image in images}
    for number, finding in enumerate(findings):
        try:
            _verify(finding, case, set(labels), derived)
        except BadFinding as error:
            raise BadFinding(f"finding {number} ({type(finding).__name__}): {error}") from None
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise BadFinding(f"segment {twice[0]!r} is in two segmentations; measurements could mean either")
    if len(derived) < len(images) or derived.keys() & case.volumes.keys():
        raise BadFinding("two derived images, or one and an input, have the same name; presentations could mean either")


def declared(findings: Sequence[Finding], spec: PluginSpec) -> None:
    """Hold findings against what the plugin's specification says it produces.

    Raises
    ------
    BadFinding
        With the kinds that the specification does not declare.
    """
    if undeclared := sorted({type(finding).__name__ for finding in findings} - set(spec.produces)):
        raise BadFinding(f"{spec.name} returned {', '.join(undeclared)}, which its specification does not declare")


def _verify(finding: Finding, case: Case, segments: set[str], derived: Mapping[str, DerivedImage]) -> None:
    match finding:
        case Segmentation():
            _segmentation(finding, case)
        case ParametricMap():
            _map(finding, case)
        case SecondaryCapture():
            _capture(finding, case)
        case Measurement():
            _segment_known(finding.of, segments)
            _measurement(finding)
        case QualitativeEvaluation():
            _segment_known(finding.of, segments)
            _words(finding.value)
        case Recommendation():
            _recommended(finding)
        case Registration():
            _registration(finding, case)
        case DerivedImage():
            _derived(finding, case)
        case Presentation():
            _presentation(finding, case, derived)
        case Decision():
            _decision(finding)


def _measurement(finding: Measurement) -> None:
    if not math.isfinite(finding.value):
        raise BadFinding(f"the value is {finding.value}; what cannot be measured is said in words")
    if not 0 <= finding.decimals <= 9:
        raise BadFinding(f"decimals must be 0 to 9, not {finding.decimals}")


def _decision(finding: Decision) -> None:
    _line(finding.tier, "the tier")
    for text, name in ((finding.model, "the model"), (finding.version, "the model's version")):
        if text:
            _line(text, name)
    if finding.digest and not _SHA256.fullmatch(finding.digest):
        raise BadFinding("the digest is no SHA-256 in lower-case hexadecimal")
    for values, what in ((finding.scores, "score"), (finding.features, "feature")):
        if len(values) > _MOST_NUMBERS:
            raise BadFinding(f"{len(values)} {what}s are too many; {_MOST_NUMBERS} is the most")
        for name, value in values.items():
            _line(name, f"the name of a {what}")
            if not math.isfinite(value):
                raise BadFinding(f"the {what} {name!r} is {value}; leave out what cannot be computed")


def _recommended(finding: Recommendation) -> None:
    for said in (finding.value, *filter(None, (finding.reason,)), *finding.cautions):
        _words(said)


def _segmentation(finding: Segmentation, case: Case) -> None:
    _grid(finding.labels, (np.uint8,), finding.on, case)
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
    _line(segment.label, "a segment's label")
    if segment.proposes and "proposal" not in segment.label.lower():
        raise BadFinding(f"segment {segment.label!r} proposes a {segment.proposes}; its label must say 'proposal'")
    if not all(0 <= value <= 255 for value in segment.colour):
        raise BadFinding(f"the colour of {segment.label!r} is not three numbers from 0 to 255")


def _map(finding: ParametricMap, case: Case) -> None:
    _grid(finding.array, (np.float32,), finding.on, case)
    _roles(finding.derived_from, case)
    if np.isinf(finding.array).any():
        raise BadFinding("the map holds infinite values; use NaN where there is no value")
    if np.isnan(finding.array).all():
        raise BadFinding("the map holds no value at all; raise Unsuitable instead")
    _line(finding.title, "the title")
    if not _CODE_STRING.fullmatch(finding.label):
        raise BadFinding(f"the label {finding.label!r} is not 1 to 16 capitals, digits, spaces and underscores")
    low, high = finding.value_range
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise BadFinding("the value range must rise, both ends finite")
    _window(finding.window)


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
    _line(finding.title, "the title")


def _registration(finding: Registration, case: Case) -> None:
    _roles((finding.fixed, finding.moving), case)
    if finding.fixed == finding.moving:
        raise BadFinding(f"the input {finding.fixed!r} cannot be registered to itself")
    matrix = finding.matrix
    if matrix.shape != (4, 4) or matrix.dtype != np.float64 or not np.isfinite(matrix).all():
        raise BadFinding(f"the matrix must be (4, 4) float64 and finite, got {matrix.shape} {matrix.dtype}")
    if not np.array_equal(matrix[3], (0, 0, 0, 1)) or np.linalg.det(matrix[:3, :3]) <= 0:
        raise BadFinding("the matrix must end with 0 0 0 1 and must not mirror or flatten the patient")


def _derived(finding: DerivedImage, case: Case) -> None:
    _grid(finding.array, (np.int16, np.float32), finding.on, case)
    _roles(finding.derived_from, case)
    if not np.isfinite(finding.array).all():
        raise BadFinding("the image holds values that are not finite; signal that is not there is 0")
    _line(finding.title, "the title")
    _window(finding.window)


def _presentation(finding: Presentation, case: Case, derived: Mapping[str, DerivedImage]) -> None:
    _line(finding.title, "the title")
    layers = [finding.base, *([finding.overlay] if finding.overlay else [])]
    frames = {_frame(layer, case, derived) for layer in layers}
    if len(frames) > 1:
        raise BadFinding("the overlay is not in the base's frame of reference; resample it and show the derived image")
    if not 0 <= finding.opacity <= 1:
        raise BadFinding(f"the opacity must be 0 to 1, not {finding.opacity}")


def _frame(layer: Layer, case: Case, derived: Mapping[str, DerivedImage]) -> str:
    _window(layer.window)
    if len(layer.colours) < 2 or any(not 0 <= value <= 255 for colour in layer.colours for value in colour):
        raise BadFinding("a layer needs two or more colours, each three numbers from 0 to 255")
    if layer.image not in derived and layer.image not in case.volumes:
        raise BadFinding(f"there is neither an input nor a derived image {layer.image!r}")
    return case.volume(derived[layer.image].on if layer.image in derived else layer.image).frame


def _window(window: tuple[float, float]) -> None:
    if not (all(map(math.isfinite, window)) and window[1] > 0):
        raise BadFinding("the window must have a width, centre and width finite")


def _grid(array: np.ndarray, types: Sequence[type], on: str, case: Case) -> None:
    _roles((on,), case)
    wanted = case.volume(on).array.shape
    if array.shape != wanted or array.dtype not in types:
        names = " or ".join(str(np.dtype(kind)) for kind in types)
        raise BadFinding(f"the array is {array.shape} {array.dtype}, wanted {wanted} {names}")


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
    if isinstance(value, str) and not (0 < len(value) <= _TEXT and _printable(value.replace("\n", ""))):
        raise BadFinding(f"a text has 1 to {_TEXT} characters, line feeds but no other control characters")


def _line(text: str, name: str) -> None:
    """VR LO (PS3.5 6.2)."""
    if not (0 < len(text) <= _LABEL and _printable(text) and "\\" not in text):
        raise BadFinding(f"{name} has 1 to {_LABEL} characters, no backslash and no control characters")


def _printable(text: str) -> bool:
    return not any(unicodedata.category(character) in ("Cc", "Cs") for character in text)
