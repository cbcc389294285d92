"""Liver and spleen proposals, on hard phantoms whose truth is known, and the gates that refuse them."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fat_fraction.exams import HardExam, examine
from dicomnode.demo.phantom import Exam
from dicomnode.sdk import Case, QualitativeEvaluation, Volume
from dicomnode.sdk.codes import FAT_FRACTION
from dicomnode_plugins._learning.agreement import dice
from dicomnode_plugins.fat_fraction import SPEC, dual_echo, organs
from dicomnode_plugins.fat_fraction.axial import axial_view
from dicomnode_plugins.fat_fraction.organs import Organs
from dicomnode_plugins.fat_fraction.readings import BODY
from tests.plugins.fat_fraction.exams import SMALL, case, findings, numbers, said

SEEDS = (4, 13)
"""Stomach on the left lobe; an ordinary one."""


@functools.cache
def seen(seed: int) -> tuple[HardExam, Organs]:
    exam = examine(seed)
    in_phase, opposed = exam.volumes["in_phase"], exam.volumes["opposed_phase"]
    return exam, organs.search(in_phase, opposed, dual_echo.body_mask(in_phase))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_accepted_outline_is_the_liver(seed: int) -> None:
    exam, found = seen(seed)
    assert not found.quality.failed
    assert dice(found.liver, exam.liver) > 0.82
    assert not (found.core & ~found.liver).any()
    assert not (found.spleen & found.liver).any()
    parenchyma = exam.tissue[exam.top] == "liver"
    measured = dual_echo.signal_fat_fraction(
        exam.volumes["in_phase"].array, exam.volumes["opposed_phase"].array, found.core
    )
    assert np.nanmedian(measured) == pytest.approx(np.median(exam.percent[parenchyma]), abs=0.8)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0)], ids=str)
def test_the_patient_is_found_in_any_orientation(order: tuple[int, int, int]) -> None:
    given, _ = case(Exam(shape=SMALL))
    upright = [given.volume(role) for role in ("in_phase", "opposed_phase")]
    affine = upright[0].affine.copy()
    for new, old in enumerate(order):
        affine[:, 2 - new] = upright[0].affine[:, 2 - old]
    turned = [Volume(array=np.ascontiguousarray(np.transpose(v.array, order)), affine=affine) for v in upright]
    body = dual_echo.body_mask(upright[0])
    one = organs.search(*upright, body)
    other = organs.search(*turned, np.transpose(body, order))
    assert one.liver.any()
    assert np.array_equal(np.transpose(one.liver, order), other.liver)
    assert np.array_equal(np.transpose(one.spleen, order), other.spleen)


def test_a_view_runs_to_head_back_and_left_and_leads_back() -> None:
    # Rows towards the head, columns towards the right, slices towards the front.
    affine = np.zeros((4, 4))
    affine[0, 0], affine[2, 1], affine[1, 2], affine[3, 3] = -2, 3, -4, 1
    view = axial_view(affine)
    array = np.arange(24).reshape(2, 3, 4)
    assert view.spacing((4, 3, 2)) == (3, 4, 2)
    assert view.of(array).shape == (3, 2, 4)
    assert view.of(array)[0, 0, 0] == array[1, 0, 3]
    assert np.array_equal(view.back(view.of(array)), array)


def refused(damage: str) -> Case:
    exam = examine(13)
    volumes = {role: exam.volumes[role] for role in ("in_phase", "opposed_phase")}
    if damage == "mirrored":
        mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
        volumes = {role: replace(volume, affine=mirror @ volume.affine) for role, volume in volumes.items()}
    else:
        volumes = {
            role: replace(volume, array=np.ascontiguousarray(volume.array[11:13])) for role, volume in volumes.items()
        }
    return Case(volumes=volumes, parameters=SPEC.resolve({}))


@pytest.mark.parametrize("damage", ["mirrored", "two slices"])
def test_what_fails_a_gate_is_never_called_liver(damage: str) -> None:
    found = findings(refused(damage))
    assert "ROI mode: no liver outline, because the proposal failed a quality gate: " in said(found)
    assert numbers(found, BODY)
    assert not numbers(found)
    assert all(finding.of in ("", BODY) for finding in found if isinstance(finding, QualitativeEvaluation))
    assert FAT_FRACTION.meaning not in numbers(found, "")
