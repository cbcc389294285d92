"""Nerve over muscle in regions that were received."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from dicomnode.sdk import (
    Case,
    Finding,
    LabelledSegment,
    Labels,
    Measurement,
    QualitativeEvaluation,
    Segmentation,
    Volume,
)
from dicomnode.sdk.codes import SIDES, TISSUE, Code
from dicomnode.sdk.labels import Side
from dicomnode.sdk.verify import declared, verify
from dicomnode_plugins.fusion import SPEC, codes, ratios
from tests.plugins.fusion.scenes import numbers, said

SIGNAL = {"left nerve": 900.0, "left muscle": 150.0, "right nerve": 500.0, "right muscle": 125.0, "lesion": 70.0}
"""Where each lies, in turn, along the columns."""
NERVE, MUSCLE, LESION = codes.NERVES[0], codes.MUSCLES[0], codes.LESIONS[0]
FACIAL = next(code for code in codes.NERVES if code.meaning == "Facial nerve")


def part(where: str, kind: Code, side: Side, label: str = "x") -> tuple[str, LabelledSegment]:
    return where, LabelledSegment(label=label, category=TISSUE, type=kind, side=side, maker="MANUAL")


LEFT = (part("left nerve", FACIAL, "L"), part("left muscle", MUSCLE, "L"))
RIGHT = (part("right nerve", NERVE, "R"), part("right muscle", MUSCLE, "R"))


def case(*parts: tuple[str, LabelledSegment]) -> Case:
    array, labels = np.full((4, 6, 20), 40, np.float32), np.zeros((4, 6, 20), np.uint8)
    places = {name: (slice(1, 3), slice(1, 4), slice(4 * n, 4 * n + 3)) for n, name in enumerate(SIGNAL)}
    for name, place in places.items():
        array[place] = SIGNAL[name]
    for number, (where, _) in enumerate(parts, start=1):
        labels[places[where]] = number
    volume = Volume(array=array, affine=np.eye(4), frame="A")
    received = Labels(on="ce_mrn", array=labels, segments=tuple(segment for _, segment in parts))
    return Case(volumes={"ce_t1": volume, "ce_mrn": volume}, segmentations={"drawn": received})


def findings(*parts: tuple[str, LabelledSegment]) -> list[Finding]:
    given = case(*parts)
    found = ratios.findings(given)
    verify(found, given)
    declared(found, SPEC)
    return found


def of(found: Sequence[Finding], segment: str) -> dict[str, float]:
    return {f.name.value: f.value for f in found if isinstance(f, Measurement) and f.of == segment}


def affected(found: Sequence[Finding]) -> list[object]:
    return [f.value for f in found if isinstance(f, QualitativeEvaluation) and f.name == ratios.AFFECTED]


@pytest.mark.parametrize(
    ("more", "side", "ratio", "why"),
    [
        ((part("lesion", LESION, "L", "tumour"),), "L", 1.5, "the lesion 'tumour' that was drawn"),
        ((part("lesion", LESION, "R"),), "R", 1 / 1.5, "the lesion"),
    ],
)
def test_both_sides_and_affected_over_other(
    more: tuple[tuple[str, LabelledSegment], ...], side: str, ratio: float, why: str
) -> None:
    found = findings(*RIGHT, *more, *LEFT)
    assert of(found, "Nerve, left") == {"110852": 900, "NERVE_RATIO": 6}
    assert of(found, "Nerve, right") == {"110852": 500, "NERVE_RATIO": 4}
    assert of(found, "Muscle, left") == {"110852": 150}
    assert numbers(found)["NERVE_RATIOS"] == pytest.approx(ratio) == ratios.compared(found)
    assert affected(found) == [SIDES[side]]
    assert why in said(found)
    (drawn,) = (f for f in found if isinstance(f, Segmentation))
    assert [(s.label, s.side) for s in drawn.segments] == [
        ("Nerve, left", "L"), ("Muscle, left", "L"), ("Nerve, right", "R"), ("Muscle, right", "R"),
    ]  # fmt: skip
    assert np.array_equal(np.bincount(drawn.labels.ravel())[1:], [18] * 4)


@pytest.mark.parametrize(
    ("label", "side"),
    [
        ("affected nerve", "L"),
        ("Involved", "L"),
        ("unaffected", "R"),
        ("healthy side", "R"),
        ("not affected", ""),
        ("nerve", ""),
    ],
)
def test_the_label_of_a_nerve_says_which_side_is_affected(label: str, side: str) -> None:
    found = findings(part("left nerve", NERVE, "L", label), LEFT[1], *RIGHT)
    assert affected(found) == ([SIDES[side]] if side else [])
    assert ("NERVE_RATIOS" in numbers(found)) == bool(side)
    assert ("nor a label says which side is affected" in said(found)) == (not side)


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        (LEFT, "not measured on the right side: no nerve and no muscle was drawn there"),
        ((*LEFT, RIGHT[0]), "not measured on the right side: no muscle was drawn there"),
        (
            (*LEFT, RIGHT[0], part("right muscle", MUSCLE, "", "m")),
            "Received regions without one side are not read: m.",
        ),
        ((part("left nerve", NERVE, "B", "n"),), "No received region of nerve or muscle has a side"),
        (
            (*LEFT, *RIGHT, part("lesion", LESION, "L"), part("lesion", LESION, "R")),
            "lesions or labels name both sides",
        ),
    ],
)
def test_what_is_missing_is_said_and_not_guessed(parts: tuple[tuple[str, LabelledSegment], ...], missing: str) -> None:
    found = findings(*parts)
    assert missing in said(found)
    assert "NERVE_RATIOS" not in numbers(found)
    assert ratios.compared(found) is None


def test_a_lesion_on_one_side_with_a_ratio_missing_on_the_other() -> None:
    found = findings(*LEFT, part("lesion", LESION, "L"))
    assert of(found, "Nerve, left")["NERVE_RATIO"] == 6
    assert "Affected over other side is not measured: no ratio on the right." in said(found)


def test_nothing_received_is_nothing_said_and_what_was_left_out_is() -> None:
    volume = case().volume("ce_mrn")
    assert ratios.findings(Case(volumes={"ce_mrn": volume})) == []
    (left_out,) = ratios.findings(Case(volumes={"ce_mrn": volume}, left_out={"drawn": "its segments overlap"}))
    assert "not used: its segments overlap" in said([left_out])
