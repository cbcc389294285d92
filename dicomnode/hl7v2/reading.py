"""What an ORM^O01, ORU^R01 or ADT message tells of a patient, as facts; what it does not say plainly is not guessed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, TypeAlias

import hl7

from dicomnode.domain.patient_facts import Told
from dicomnode.errors import NotUnderstood

Message: TypeAlias = Any
"""Of python-hl7, which has no types."""

EGFR = frozenset({"33914-3", "48642-3", "48643-1", "62238-1", "69405-9", "70969-1", "88293-6", "98979-8", "98980-6"})
"""LOINC codes of estimated glomerular filtration rates."""
PREGNANCY = "82810-3"
"""LOINC, Pregnancy status."""
_PREGNANT = {"LA15173-0": "yes", "LA26683-5": "no", "LA4489-6": "unknown"}
_AGENT = re.compile(r"GADO|GBCA|GD-|MR CONTRAST|DOTAREM|GADAVIST|PRIMOVIST|EOVIST|MAGNEVIST|OMNISCAN|PROHANCE", re.I)
_SEVERITY = {"SV": "severe", "MO": "severe", "MI": "mild"}
"""HL7 table 0128; moderate counts as severe, since a radiologist is asked either way."""
_DIAGNOSES = (("N17", "acute-kidney-injury"), ("Z99.2", "dialysis"), ("Z992", "dialysis"))
_NUMBER = re.compile(r"[<>]?=?\s*(\d+(?:\.\d+)?)")
_VALID = frozenset({"F", "C", "P", ""})
"""Observation result status (HL7 table 0085) of what counts: final, corrected, preliminary."""


def parsed(text: str) -> Message:
    """A message in the library's form.

    Raises
    ------
    NotUnderstood
        When it is no HL7 v2 message.
    """
    try:
        message = hl7.parse(text.replace("\r\n", "\r").replace("\n", "\r"))
    except (hl7.HL7Exception, ValueError, IndexError, KeyError) as error:
        raise NotUnderstood(f"not an HL7 v2 message: {type(error).__name__}") from error
    if not isinstance(message, hl7.Message) or not _of(message, "MSH"):
        raise NotUnderstood("not an HL7 v2 message: it has no MSH segment")
    return message


def facts(message: Message, services: Mapping[str, Mapping[str, float | str]]) -> tuple[Told, ...]:
    """Every fact a message tells.

    Parameters
    ----------
    services : Mapping
        What an order means at this site: Universal Service Identifier (OBR-4.1) to facts.

    Raises
    ------
    NotUnderstood
        When it names no patient: a fact of nobody must not become a fact of somebody.
    """
    patients = _of(message, "PID")
    if len(patients) != 1:
        raise NotUnderstood(f"{len(patients)} PID segments; one message must be about one patient")
    patient_id, issuer = _component(patients[0], 3, 1), _component(patients[0], 3, 4)
    if not patient_id:
        raise NotUnderstood("the PID segment has no patient identifier (PID-3.1)")
    found = [*_allergies(message), *_diagnoses(message), *_observations(message)]
    told = [("", name, value, when) for name, value, when in found]
    told += [(order, name, value, None) for order, name, value in _orders(message, services)]
    return tuple(
        Told(
            patient_id=patient_id,
            issuer=issuer,
            accession_number=order,
            name=name,
            value=value,
            source="hl7",
            observed=when,
        )
        for order, name, value, when in told
    )


_Found = tuple[str, float | str, datetime | None]


def _allergies(message: Message) -> Iterator[_Found]:
    for segment in _of(message, "AL1"):
        if _AGENT.search(f"{_component(segment, 3, 1)} {_component(segment, 3, 2)}"):
            yield "contrast-reaction", _SEVERITY.get(_component(segment, 4, 1).upper(), "unspecified"), None


def _diagnoses(message: Message) -> Iterator[_Found]:
    for segment in _of(message, "DG1"):
        code = _component(segment, 3, 1).upper()
        for beginning, name in _DIAGNOSES:
            if code.startswith(beginning):
                yield name, "yes", None


def _observations(message: Message) -> Iterator[_Found]:
    for segment in _of(message, "OBX"):
        code, status = _component(segment, 3, 1), _component(segment, 11, 1).upper()
        if status not in _VALID:
            continue
        when, value = _moment(_component(segment, 14, 1)), _field(segment, 5).strip()
        if code in EGFR and (number := _NUMBER.fullmatch(value.replace("^", ""))):
            yield "egfr", float(number[1]), when
        elif code == PREGNANCY and (word := _PREGNANT.get(_component(segment, 5, 1))):
            yield "pregnancy", word, when


def _orders(
    message: Message, services: Mapping[str, Mapping[str, float | str]]
) -> Iterator[tuple[str, str, float | str]]:
    for segment in _of(message, "OBR"):
        order = _component(segment, 18, 1) or _component(segment, 3, 1)
        if not order:
            continue
        for name, value in services.get(_component(segment, 4, 1), {}).items():
            yield order, name, value


def _of(message: Message, name: str) -> list[Any]:
    return [segment for segment in message if str(segment[0]) == name]


def _field(segment: Any, number: int) -> str:
    return str(segment[number]) if len(segment) > number else ""


def _component(segment: Any, field: int, component: int) -> str:
    """One component of a field's first repetition, unescaped by nothing: identifiers hold no escapes."""
    first = _field(segment, field).split("~")[0]
    parts = first.split("^")
    return parts[component - 1].split("&")[0].strip() if len(parts) >= component else ""


def _moment(text: str) -> datetime | None:
    """A time stamp (HL7 TS) with its offset; without one the time of this machine counts."""
    found = re.match(r"(\d{12})(\d\d)?(?:\.\d+)?([+-]\d{4})?$", text)
    if found is None:
        return None
    try:
        naive = datetime.strptime(found[1] + (found[2] or "00"), "%Y%m%d%H%M%S")  # noqa: DTZ007 - the offset follows
        if found[3]:
            return datetime.strptime(f"{found[1]}{found[2] or '00'}{found[3]}", "%Y%m%d%H%M%S%z")
    except ValueError:
        return None
    return naive.astimezone()
