"""Which exam serves for what: patients are never torn between training, validation, calibration and test."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from dicomnode.cohort.exams import Exam
from dicomnode.cohort.labels import numbers, refuse
from dicomnode.domain.identity import Digest, digest_of
from dicomnode.errors import SettingsError
from dicomnode.sdk.cohort import Part


def split(found: Sequence[Exam], wanted: Mapping[Part, float], seed: int) -> list[Exam]:
    """Give every exam a part of the data, all exams of a patient the same; exams of parts not wanted are dropped.

    Where the table says, that holds. Where it does not, patients are drawn by a digest of seed and patient, so that
    neither the order of the exams nor another exam moves anybody; positive and negative patients apart. Patients of
    whom no label is known serve for training; exams without label in any other part are dropped.

    Parameters
    ----------
    wanted : mapping
        Part to its share of the patients; the shares sum to 1.

    Raises
    ------
    SettingsError
        When a patient is in two parts, two lines mean the same images, only some lines name a part, or a part lacks
        a class.
    """
    said = {exam.label.part is not None for exam in found}
    if len(said) > 1:
        lines = [exam.label.line for exam in found if exam.label.part is None]
        raise SettingsError(
            f"the table of labels: either every line has a set or none; lines without: {numbers(lines)}"
        )
    by_patient: defaultdict[Digest, list[Exam]] = defaultdict(list)
    for exam in found:
        by_patient[exam.patient].append(exam)
    refuse([*_torn(by_patient.values()), *_twice(found)])
    parts = {exam.digest: exam.label.part for exam in found} if True in said else _drawn(by_patient, wanted, seed)
    chosen = [
        replace(exam, label=replace(exam.label, part=parts[exam.digest]))
        for exam in found
        if parts[exam.digest] in wanted and (exam.label.positive is not None or parts[exam.digest] == "training")
    ]
    for part in wanted:
        if len({exam.label.positive for exam in chosen if exam.label.part == part} - {None}) < 2:
            raise SettingsError(f"the {part} set needs positive and negative exams; it lacks at least one of them")
    return chosen


def _drawn(
    by_patient: Mapping[Digest, Sequence[Exam]], wanted: Mapping[Part, float], seed: int
) -> dict[Digest, Part | None]:
    unknown = [exam for theirs in by_patient.values() if _positive(theirs) is None for exam in theirs]
    parts: dict[Digest, Part | None] = {exam.digest: "training" for exam in unknown}
    for positive in (True, False):
        patients = [patient for patient, theirs in by_patient.items() if _positive(theirs) is positive]
        patients.sort(key=lambda patient: digest_of([str(seed), patient]))
        bounds, reached = [], 0.0
        for part, share in wanted.items():
            reached += share
            bounds.append((round(reached * len(patients)), part))
        for place, patient in enumerate(patients):
            part = next(part for bound, part in bounds if place < bound)
            parts |= {exam.digest: part for exam in by_patient[patient]}
    return parts


def _positive(theirs: Sequence[Exam]) -> bool | None:
    """Whether a patient has a positive exam; None when no exam of the patient has a label."""
    known = [exam.label.positive for exam in theirs if exam.label.positive is not None]
    return any(known) if known else None


def _torn(patients: Iterable[Sequence[Exam]]) -> Iterator[str]:
    for theirs in patients:
        if len({exam.label.part for exam in theirs}) > 1:
            yield f"lines {numbers([exam.label.line for exam in theirs])}: one patient in two sets"


def _twice(found: Sequence[Exam]) -> Iterator[str]:
    first: dict[Digest, Exam] = {}
    for exam in found:
        other = first.setdefault(exam.digest, exam)
        if other is not exam:
            yield f"lines {other.label.line} and {exam.label.line}: the same images"
