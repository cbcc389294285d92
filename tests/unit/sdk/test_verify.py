"""Each rule a finding must hold, broken once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dicomnode.errors import BadFinding
from dicomnode.sdk import Finding, Layer
from dicomnode.sdk.verify import verify
from tests.unit.sdk.test_wire import SHAPE, case, findings

SEGMENTATION, MAP, CAPTURE, MEASUREMENT, EVALUATION, WORDS, ADVICE, REGISTRATION, DERIVED = range(9)
PRESENTATION, DECISION = 9, 10
BASE = Layer(image="image", window=(1.0, 2.0))


def _changed(which: int, **changes: Any) -> list[Finding]:
    made = findings()
    made[which] = replace(made[which], **changes)
    return made


def _segment(**changes: Any) -> tuple[Any, ...]:
    return (replace(findings()[SEGMENTATION].segments[0], **changes),)  # type: ignore[union-attr]


def test_good_findings_pass() -> None:
    verify(findings(), case())


@pytest.mark.parametrize(
    ("which", "changes", "says"),
    [
        (SEGMENTATION, {"on": "gone"}, "no input 'gone'; the case has image, other"),
        (SEGMENTATION, {"labels": np.zeros((1, 3, 4), np.uint8)}, r"\(1, 3, 4\) uint8, wanted \(2, 3, 4\) uint8"),
        (SEGMENTATION, {"labels": np.zeros(SHAPE, np.int32)}, "int32, wanted"),
        (SEGMENTATION, {"labels": np.zeros(SHAPE, np.uint8)}, "segment 'Liver' has no voxel"),
        (SEGMENTATION, {"labels": np.full(SHAPE, 2, np.uint8)}, "holds label 2, but there are 1 segments"),
        (SEGMENTATION, {"segments": ()}, "segments must be there"),
        (SEGMENTATION, {"segments": _segment() * 2}, "different labels"),
        (SEGMENTATION, {"segments": _segment(label="")}, "label has 1 to 64"),
        (SEGMENTATION, {"segments": _segment(proposes="GTV")}, "proposes a GTV; its label must say 'proposal'"),
        (SEGMENTATION, {"segments": _segment(colour=(0, 0, 256))}, "colour of 'Liver'"),
        (MAP, {"array": np.full(SHAPE, np.inf, np.float32)}, "infinite"),
        (MAP, {"array": np.full(SHAPE, np.nan, np.float32)}, "no value at all"),
        (MAP, {"array": np.zeros(SHAPE, np.float64)}, "float64, wanted"),
        (MAP, {"derived_from": ()}, "must name the inputs"),
        (MAP, {"value_range": (1.0, 1.0)}, "range must rise"),
        (MAP, {"window": (1.0, 0.0)}, "window must have a width"),
        (CAPTURE, {"frames": np.zeros((*SHAPE, 4), np.uint8)}, "must be .n, rows, columns, 3. uint8"),
        (CAPTURE, {"frames": np.zeros((1, 3, 4, 3), np.uint8)}, r"frames are \(1, 3, 4\), the input 'image' is"),
        (CAPTURE, {"title": "x" * 65}, "title has 1 to 64"),
        (MEASUREMENT, {"value": float("nan")}, "the value is nan"),
        (MEASUREMENT, {"of": "Spleen"}, "segment 'Spleen', which no segmentation holds"),
        (MEASUREMENT, {"decimals": 10}, "decimals must be 0 to 9"),
        (EVALUATION, {"of": "Spleen"}, "segment 'Spleen'"),
        (WORDS, {"value": ""}, "text has 1 to 1024"),
        (ADVICE, {"value": "x" * 1025}, "text has 1 to 1024"),
        (REGISTRATION, {"fixed": "nothing"}, "no input 'nothing'"),
        (REGISTRATION, {"moving": "image"}, "'image' cannot be registered to itself"),
        (REGISTRATION, {"matrix": np.eye(3)}, r"must be \(4, 4\) float64"),
        (REGISTRATION, {"matrix": np.eye(4, dtype=np.float32)}, "float64 and finite, got .* float32"),
        (REGISTRATION, {"matrix": np.full((4, 4), np.nan)}, "finite"),
        (REGISTRATION, {"matrix": np.eye(4)[[0, 1, 3, 2]]}, "must end with 0 0 0 1"),
        (REGISTRATION, {"matrix": np.diag([-1.0, 1.0, 1.0, 1.0])}, "must not mirror"),
        (DERIVED, {"array": np.zeros(SHAPE, np.int32)}, "int32, wanted .* int16 or float32"),
        (DERIVED, {"array": np.full(SHAPE, np.nan, np.float32)}, "signal that is not there is 0"),
        (DERIVED, {"derived_from": ()}, "must name the inputs"),
        (DERIVED, {"window": (1.0, 0.0)}, "window must have a width"),
        (PRESENTATION, {"base": replace(BASE, image="gone")}, "neither an input nor a derived image 'gone'"),
        (PRESENTATION, {"base": replace(BASE, colours=((0, 0, 0),))}, "two or more colours"),
        (PRESENTATION, {"base": replace(BASE, colours=((0, 0, 0), (0, 0, 256)))}, "from 0 to 255"),
        (PRESENTATION, {"base": replace(BASE, window=(1.0, -1.0))}, "window must have a width"),
        (PRESENTATION, {"overlay": replace(BASE, image="other")}, "not in the base's frame of reference"),
        (PRESENTATION, {"opacity": 1.5}, "opacity must be 0 to 1"),
        (DECISION, {"tier": ""}, "tier has 1 to 64"),
        (DECISION, {"digest": "AB" * 32}, "no SHA-256"),
        (DECISION, {"scores": {"t1": float("nan")}}, "score 't1' is nan"),
        (DECISION, {"features": {"": 1.0}}, "name of a feature has 1 to 64"),
        (DECISION, {"features": {f"f{n}": 0.0 for n in range(257)}}, "257 features are too many"),
    ],
)
def test_a_broken_rule_is_named_with_its_finding(which: int, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadFinding, match=f"finding {which} .*{says}"):
        verify(_changed(which, **changes), case())


def test_a_free_standing_picture_may_have_any_size() -> None:
    verify(_changed(CAPTURE, on="", frames=np.zeros((1, 50, 60, 3), np.uint8)), case())


@pytest.mark.parametrize(
    ("which", "changes", "says"),
    [
        (SEGMENTATION, {"segments": _segment(label="Left\\right")}, "label has 1 to 64 characters, no backslash"),
        (MAP, {"label": "too small"}, "'too small' is not 1 to 16 capitals"),
        (MAP, {"title": ""}, "title has 1 to 64"),
        (MAP, {"window": (float("nan"), 1.0)}, "centre and width finite"),
        (MAP, {"value_range": (0.0, float("inf"))}, "both ends finite"),
        (CAPTURE, {"title": "two\nlines"}, "no control characters"),
        (WORDS, {"value": "bell \a"}, "no other control characters"),
        (WORDS, {"value": "half \ud800"}, "no other control characters"),
    ],
)
def test_what_dicom_could_not_write_is_named(which: int, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(BadFinding, match=f"finding {which} .*{says}"):
        verify(_changed(which, **changes), case())


def test_a_text_may_have_several_lines() -> None:
    verify(_changed(WORDS, value="one\ntwo"), case())


def test_saying_nothing_is_no_result() -> None:
    with pytest.raises(BadFinding, match="said nothing"):
        verify([], case())


def test_a_segment_label_is_used_once_in_a_case() -> None:
    with pytest.raises(BadFinding, match="segment 'Liver' is in two segmentations"):
        verify([*findings(), findings()[SEGMENTATION]], case())


def test_a_derived_image_has_a_name_of_its_own() -> None:
    for wrong in ([*findings(), findings()[DERIVED]], _changed(DERIVED, title="other")):
        with pytest.raises(BadFinding, match="have the same name"):
            verify([*wrong[:PRESENTATION], *wrong[PRESENTATION + 1 :]], case())
