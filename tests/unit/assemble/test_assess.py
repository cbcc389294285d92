"""A verdict for every series."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from dicomnode.assemble.assess import assess
from dicomnode.domain.exam import Assessment, Outcome
from dicomnode.domain.instance import InstanceHeader, Patient
from dicomnode.sdk.spec import InputRole
from tests.slices import IN_PHASE, PATIENT, plugin, segmentation, stored, volume

PAIR = volume("1.8", EchoTime=4.6) + volume("1.7", EchoTime=2.3)
SPIN_ECHO = volume("1.6", series="1.2.3.6", SeriesNumber=6, ScanningSequence=["SE"])
REPORT = volume("1.5", slices=1, series="1.2.3.5", SeriesNumber=5, sop_class="1.2.840.10008.5.1.4.1.1.88.34")
SCOUT = volume("1.4", slices=2, series="1.2.3.4", SeriesNumber=4)


def judged(headers: list[InstanceHeader]) -> Assessment:
    return assess(stored(headers), [(plugin(), {})])


def verdicts(assessment: Assessment) -> dict[str, tuple[Outcome, str]]:
    return {verdict.series_instance_uid: (verdict.outcome, verdict.reason) for verdict in assessment.verdicts}


def test_every_series_has_one_verdict() -> None:
    assessment = judged(PAIR + SPIN_ECHO + REPORT + SCOUT)
    assert len(assessment.tasks) == 1
    assert assessment.refusals == ()
    assert verdicts(assessment) == {
        "1.2.3.1": (Outcome.PENDING, "task fat_fraction 0.1.0, as opposed_phase; task fat_fraction 0.1.0, as in_phase"),
        "1.2.3.4": (Outcome.REFUSED, "only 2 slices: a volume needs at least 3"),
        "1.2.3.5": (Outcome.NOT_APPLICABLE, "not an image: Comprehensive 3D SR"),
        "1.2.3.6": (
            Outcome.NOT_APPLICABLE,
            "fat_fraction: unknown: spin echo, TR 150 ms, TE 4.6 ms: of no weighting these times could tell",
        ),
    }


def test_the_order_of_instances_does_not_matter() -> None:
    headers = PAIR + SPIN_ECHO + REPORT
    assert judged(random.Random(3).sample(headers, len(headers))) == judged(headers)


def test_a_lonely_echo_is_held_and_names_what_is_missing() -> None:
    assessment = judged(volume("1.8", ImageType=IN_PHASE) + SPIN_ECHO)
    assert verdicts(assessment)["1.2.3.1"][0] is Outcome.HELD
    assert verdicts(assessment)["1.2.3.1"][1].startswith("fat_fraction: no opposed_phase (in_phase is series 1)")
    assert verdicts(assessment)["1.2.3.6"][0] is Outcome.NOT_APPLICABLE


def test_a_gradient_echo_that_may_be_anything_is_not_held_for_a_counterpart() -> None:
    outcome, reason = verdicts(judged(volume("1.8", EchoTime=4.6)))["1.2.3.1"]
    assert outcome is Outcome.NOT_APPLICABLE
    assert reason == (
        "fat_fraction: unknown: echo time 4.6 ms at 1.5 T is in phase (0 degrees), but the exam holds no opposed-phase "
        "echo of this acquisition"
    )


def test_a_missing_slice_is_held() -> None:
    assert verdicts(judged(SPIN_ECHO[:2] + SPIN_ECHO[3:]))["1.2.3.6"][0] is Outcome.HELD


def test_a_broken_relation_is_not_held() -> None:
    shifted = volume("1.7", EchoTime=2.3, origin=(-30.0, -40.0, 13.0))
    assert verdicts(judged(volume("1.8", EchoTime=4.6) + shifted))["1.2.3.1"] == (
        Outcome.NOT_APPLICABLE,
        "fat_fraction: opposed_phase lies 3 mm off the grid of in_phase",
    )


def test_a_series_that_was_not_taken_says_which_was() -> None:
    other = volume("1.3", EchoTime=2.3, series="1.2.3.3", SeriesNumber=3)
    assert verdicts(judged(PAIR + other))["1.2.3.3"] == (Outcome.NOT_APPLICABLE, "fat_fraction: series 1 taken instead")


def test_without_plugins_that_is_the_reason() -> None:
    assessment = assess(stored(PAIR), [])
    assert verdicts(assessment) == {"1.2.3.1": (Outcome.NOT_APPLICABLE, "no plugin is enabled")}


@pytest.mark.parametrize(
    "made_by",
    [
        {"Manufacturer": "dicomnode"},
        {"Manufacturer": "Dicomnode"},
        {"Manufacturer": "Archive & Sons", "ManufacturerModelName": "dicomnode"},
        {
            "Manufacturer": "Archive & Sons",
            "ManufacturerModelName": "Archive",
            "ContributingEquipmentSequence": ["Scanner & Sons", "dicomnode"],
        },
    ],
)
def test_own_results_are_never_input(made_by: dict[str, Any]) -> None:
    returned = volume("1.2", EchoTime=4.6, series="1.2.3.2", **made_by)
    returned += volume("1.1", EchoTime=2.3, series="1.2.3.2", **made_by)
    assessment = judged(returned)
    assert (assessment.tasks, assessment.stacks) == ((), ())
    assert verdicts(assessment) == {"1.2.3.2": (Outcome.NOT_APPLICABLE, "a result of a dicomnode")}


def test_inputs_of_two_patients_make_no_task() -> None:
    other = Patient(patient_id="P1", birth_date="20110101", sex="F")
    mixed = [replace(header, patient=other) if n == 0 else header for n, header in enumerate(PAIR)]
    assessment = judged(mixed)
    assert assessment.tasks == ()
    assert [refusal.reason for refusal in assessment.refusals] == ["the inputs disagree on the patient's birth date"]
    assert verdicts(assessment)["1.2.3.1"] == (
        Outcome.NOT_APPLICABLE,
        "fat_fraction: the inputs disagree on the patient's birth date",
    )


def test_an_empty_exam_is_judged() -> None:
    assert verdicts(judged([])) == {}


MASK = InputRole(role="mask", match=(), required=False, segments_of="in_phase")


def drawn(*segmentations: InstanceHeader, asks: bool = True) -> dict[str, tuple[Outcome, str]]:
    spec = plugin(*plugin().inputs, MASK) if asks else plugin()
    return verdicts(assess(stored([*PAIR, *segmentations]), [(spec, {})]))


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({}, (Outcome.PENDING, "task fat_fraction 0.1.0, as mask")),
        (
            {"SegmentationType": "FRACTIONAL"},
            (Outcome.REFUSED, "a fractional segmentation: probability or occupancy is no label"),
        ),
        (
            {"ReferencedSeries": ["1.9"]},
            (
                Outcome.NOT_APPLICABLE,
                "fat_fraction: mask was made on a series that is not here, not on in_phase or opposed_phase",
            ),
        ),
        (
            {"FrameOfReferenceUID": "1.2.8"},
            (Outcome.NOT_APPLICABLE, "fat_fraction: mask and in_phase have no common frame of reference"),
        ),
        (
            {"patient": replace(PATIENT, birth_date="19991231")},
            (Outcome.REFUSED, "a segmentation that disagrees with the images on the patient's birth date"),
        ),
        (
            {"patient": replace(PATIENT, birth_date="", sex="")},
            (Outcome.PENDING, "task fat_fraction 0.1.0, as mask"),
        ),
        ({"Manufacturer": "dicomnode"}, (Outcome.NOT_APPLICABLE, "a result of a dicomnode")),
    ],
)
def test_what_became_of_a_received_segmentation(given: dict[str, Any], verdict: tuple[Outcome, str]) -> None:
    found = drawn(segmentation(**given))
    assert found["1.2.3.9"] == verdict
    assert found["1.2.3.1"][0] is Outcome.PENDING


def test_a_segmentation_nobody_asks_for() -> None:
    verdict = (Outcome.NOT_APPLICABLE, "a segmentation, and no plugin here asks for one")
    assert drawn(segmentation(SegmentsOverlap="YES"), asks=False)["1.2.3.9"] == verdict


def test_segmentations_that_cannot_be_told_apart() -> None:
    found = drawn(segmentation(), segmentation("1.9.8", series="1.2.3.8", SeriesNumber=8))
    assert found["1.2.3.8"] == found["1.2.3.9"]
    assert found["1.2.3.9"] == (
        Outcome.NOT_APPLICABLE,
        "fat_fraction: mask: ambiguous: series 8 and series 9 fill it equally well; left empty",
    )
