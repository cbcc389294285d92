"""What the plugin finds, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.sdk import (
    DerivedImage,
    Presentation,
    QualitativeEvaluation,
    Registration,
    SecondaryCapture,
    Segmentation,
)
from dicomnode.sdk.testing import check_plugin
from dicomnode.sdk.verify import verify
from dicomnode_plugins._imaging import examination
from dicomnode_plugins._imaging.registration import Alignment
from dicomnode_plugins._imaging.resampling import onto
from dicomnode_plugins.fusion import SPEC, reader, readings, run
from tests.plugins.fusion.scenes import case, found, numbers, pair, said


def test_a_true_pair_is_fused_where_it_belongs() -> None:
    findings, given = found(), pair()
    assert {type(finding).__name__ for finding in findings} == set(SPEC.produces)
    (registration,) = (f for f in findings if isinstance(f, Registration))
    assert (registration.fixed, registration.moving) == ("ce_t1", "ce_mrn")
    assert given.errors(np.linalg.inv(registration.matrix)).mean() < 0.35
    (resampled,) = (f for f in findings if isinstance(f, DerivedImage))
    assert (resampled.on, resampled.array.shape) == ("ce_t1", given.t1.array.shape)
    (state,) = (f for f in findings if isinstance(f, Presentation))
    assert state.overlay is not None
    assert (state.base.image, state.overlay.image, state.opacity) == ("ce_t1", resampled.title, 0.4)
    pictures = {f.title: f for f in findings if isinstance(f, SecondaryCapture)}
    assert pictures["CE-MRN over CE-T1"].frames.shape == (*given.t1.array.shape, 3)
    assert set(pictures) == {"CE-MRN over CE-T1", "CE-MRN, coronal MIP of 20 mm", "CE-MRN, rotating MIP"}
    assert "Fused" in said(findings)


@pytest.mark.parametrize(
    ("frames", "missing", "said_of"),
    [
        (("A", "A"), set(), ""),
        (("A", ""), {Registration}, "CE-MRN series names no frame of reference"),
        (("", "A"), {Registration, DerivedImage, Presentation}, "CE-T1 series names no frame of reference"),
        (("", ""), {Registration, DerivedImage, Presentation}, "CE-T1 series names no frame of reference"),
    ],
)
def test_what_cannot_be_placed_is_not_written_and_said(frames: tuple[str, str], missing: set, said_of: str) -> None:
    given, everything = pair(), {Registration, DerivedImage, Presentation, SecondaryCapture}
    base, overlay = replace(given.t1, frame=frames[0]), replace(given.mrn, frame=frames[1])
    alignment = Alignment(matrix=given.truth, contralateral=np.eye(4), figures={})
    findings = run._fused(base, overlay, onto(base, overlay, given.truth), alignment)
    assert {type(finding) for finding in findings} == everything - missing
    fused = next(f for f in findings if isinstance(f, SecondaryCapture) and f.title == "CE-MRN over CE-T1")
    assert fused.on == ("ce_t1" if frames[0] else "")
    verify(findings, case(given, frames))
    assert "".join(run._nameless(base, overlay)).startswith(f"the {said_of}" if said_of else "")


def test_every_figure_is_measured() -> None:
    for kind in ("true", "other_patient"):
        measured = numbers(found(kind))
        assert len([name for name in measured if name.startswith("REG_")]) == 17
        assert measured["REG_OVERLAP"] > 0.8
        assert measured["REG_SEARCHES"] == (1 if kind == "true" else 2)


def test_an_affine_motion_is_said_to_be_one() -> None:
    assert "Affine registration by" in said(run._said((), (), "Affine"))
    assert "Rigid registration by" in said(found())
    asked = readings.measurements({examination.AFFINE_GAIN: 0.02, examination.STRETCH: 0.03})
    assert numbers(asked) == {"REG_AFF_GAIN": 0.02, "REG_STRETCH": 0.03}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("other_patient", "local correlation"),
        ("mirrored", "mirrored image"),
    ],
)
def test_a_pair_that_is_none_is_shown_side_by_side_with_the_reason(kind: str, reason: str) -> None:
    findings = found(kind)
    assert not [f for f in findings if isinstance(f, Registration | DerivedImage | Presentation)]
    (picture,) = (f for f in findings if isinstance(f, SecondaryCapture))
    assert (picture.on, picture.title) == ("", "CE-T1 and CE-MRN, not fused")
    assert "Refused, shown side by side" in said(findings)
    assert len([f for f in findings if isinstance(f, Segmentation)]) == 1, "drawn regions owe nothing to the fit"
    assert reason in said(findings)


def test_the_reader_s_template_is_whole_and_open() -> None:
    findings = [f for f in reader.template() if isinstance(f, QualitativeEvaluation)]
    rows = """NERVES LESION_PATTERN ENHANCEMENT TARGET_SIGN TAIL_SIGN DUMBBELL_SIGN FAT_PLANE ENH_TARGET_SIGN
        NERVE_EFFACING NERVE_COMPRESS NERVE_TAIL_SIGN NERVE_SIGNAL NERVE_CALIBRE CONFIDENCE CONSPICUITY"""
    assert [f.name.value for f in findings] == rows.split()
    assert all(str(f.value).startswith("Open, for the reader: ") for f in findings)
    told = [
        str(f.value) for f in reader.template(1.5) if isinstance(f, QualitativeEvaluation) and "measured" in f.value
    ]
    assert told == [f"{reader.OPEN}: increased, unchanged or decreased; measured, affected over other side: 1.500"]
    scales = [str(f.value) for f in findings if "0 to 3" in f.name.meaning]
    assert [all(f"{number} " in scale for number in range(4)) for scale in scales] == [True, True]


def test_the_plugin_conforms() -> None:
    check_plugin(SPEC)
