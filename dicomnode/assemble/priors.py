"""Which earlier studies of the patient may be compared with an exam: what to fetch, and what fits afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.domain.instance import Facts, InstanceHeader, Patient
from dicomnode.domain.stack import Stack
from dicomnode.sdk.spec import PluginSpec, Prior

Match = Mapping[str, str]
"""One match of a C-FIND: keyword and value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """What of an exam its priors are compared with."""

    study_instance_uid: StudyInstanceUID
    patient: Patient
    study_date: str
    body_parts: frozenset[str]


def current(headers: Sequence[InstanceHeader]) -> Current:
    """What of an exam its priors are compared with; of no instance at all nothing is asked."""
    first = min(headers, key=lambda header: header.sop_instance_uid)
    return Current(
        study_instance_uid=first.study_instance_uid,
        patient=first.patient,
        study_date=max((str(header.facts.get("StudyDate", "")) for header in headers), default=""),
        body_parts=frozenset(part for header in headers if (part := _body_part(header.facts))),
    )


def compares(spec: PluginSpec) -> bool:
    """Whether a plugin has an input from a prior."""
    return any(role.from_prior is not None for role in spec.inputs)


def without_priors(spec: PluginSpec) -> PluginSpec:
    """The plugin as it would be if it compared nothing: only what could run so is worth a search."""
    return replace(spec, inputs=tuple(role for role in spec.inputs if role.from_prior is None))


def wanted(specs: Sequence[PluginSpec]) -> Prior | None:
    """The widest of what plugins want of priors; None when none wants any."""
    rules = [role.from_prior for spec in specs for role in spec.inputs if role.from_prior is not None]
    if not rules:
        return None
    return Prior(
        within_days=max(rule.within_days for rule in rules),
        same_body_part=all(rule.same_body_part for rule in rules),
    )


def oldest(exam: Current, rule: Prior) -> str:
    """The earliest study date (VR DA) that is young enough; empty when the exam itself has no date."""
    day = _day(exam.study_date)
    return (day - timedelta(days=rule.within_days)).strftime("%Y%m%d") if day else ""


def unfit_study(match: Match, exam: Current, rule: Prior) -> str:
    """Why a study a peer offers is no prior of this exam, naming attributes and no values; empty when it may be one."""
    if match.get("StudyInstanceUID", "") in ("", exam.study_instance_uid):
        return "the exam itself"
    patient = exam.patient
    for keyword, mine, meaning in (
        ("PatientID", patient.patient_id, "patient ID"),
        ("IssuerOfPatientID", patient.issuer, "issuer of the patient ID"),
        ("PatientBirthDate", patient.birth_date, "patient's birth date"),
        ("PatientSex", patient.sex, "patient's sex"),
    ):
        theirs = match.get(keyword, "")
        if (theirs or keyword == "PatientID") and mine and theirs != mine:
            return f"another {meaning}"
    if "MR" not in match.get("ModalitiesInStudy", "MR").split("\\"):
        return "no MR study"
    return _unfit_date(match.get("StudyDate", ""), exam, rule)


def unfit_series(match: Match, exam: Current, rule: Prior) -> str:
    """Why a series of a prior need not be fetched; empty when it must be."""
    if match.get("Modality") != "MR":
        return "not MR"
    return _unfit_body_part(match.get("BodyPartExamined", "").upper(), exam, rule)


def fitting(stacks: Sequence[Stack], rule: Prior, exam: Current) -> list[Stack]:
    """The stacks of earlier studies that may be compared: those of the newest study that has one."""
    fit = [
        stack
        for stack in stacks
        if not _unfit_date(str(stack.facts.get("StudyDate", "")), exam, rule)
        and not _unfit_body_part(_body_part(stack.facts), exam, rule)
    ]
    newest = max((str(stack.facts.get("StudyDate", "")) for stack in fit), default="")
    return [stack for stack in fit if str(stack.facts.get("StudyDate", "")) == newest]


def _unfit_date(text: str, exam: Current, rule: Prior) -> str:
    theirs, mine = _day(text), _day(exam.study_date)
    if theirs is None or mine is None:
        return "no study date to compare"
    if theirs > mine:
        return "later than the exam"
    return "too old" if (mine - theirs).days > rule.within_days else ""


def _unfit_body_part(theirs: str, exam: Current, rule: Prior) -> str:
    if rule.same_body_part and theirs and exam.body_parts and theirs not in exam.body_parts:
        return "another body part"
    return ""


def _body_part(facts: Facts) -> str:
    return str(facts.get("BodyPartExamined", "")).upper()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:8]) if len(text) >= 8 else None
    except ValueError:
        return None
