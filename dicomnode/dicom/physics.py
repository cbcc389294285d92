"""What the headers say about the physics of an acquisition: field strength, fat-water phase, contrast, saturation."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dicomnode.domain.instance import Facts

GAMMA = 42.577
"""Gyromagnetic ratio of the proton over 2 pi, MHz/T."""
FAT_WATER_SHIFT = 3.4
"""Chemical shift between water and the main methylene peak of fat, ppm."""

_FIELDS = (0.01, 25.0)  # T; anything else is another unit or a mistake
_NO_AGENT = frozenset({"", "NO", "NONE", "N", "0", "-", "N/A", "NA", "WITHOUT", "UNKNOWN"})
_SEQUENCES = {
    "SE": "spin echo",
    "IR": "inversion recovery",
    "GR": "gradient echo",
    "EP": "echo planar",
    "RM": "research mode",
}
_FAT_SATURATION = frozenset({"FS", "FATSAT", "FAT_SAT", "FAT SAT", "SPIR", "SPAIR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldStrength:
    """The main magnetic field and how it is known."""

    tesla: float
    evidence: str


def number(facts: Facts, keyword: str) -> float | None:
    """A fact as a number; None when it is absent, text, or several."""
    value = facts.get(keyword)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return float(value) if isinstance(value, (int, float)) else None


def words(facts: Facts, keyword: str) -> tuple[str, ...]:
    """The values of a text fact in capitals; empty when it is absent."""
    value = facts.get(keyword, ())
    values = value if isinstance(value, (list, tuple)) else [value]
    return tuple(str(item).upper() for item in values)


def text_of(facts: Facts) -> str:
    """What people wrote about the series, in capitals."""
    return " ".join((*words(facts, "SeriesDescription"), *words(facts, "ProtocolName")))


def sequence_in_words(facts: Facts) -> str:
    """Kind and times of an acquisition, for example ``spin echo, TR 2300 ms, TE 22 ms``."""
    name = " ".join(_SEQUENCES.get(word, word) for word in words(facts, "ScanningSequence"))
    times = [
        f"{label} {value:.5g} ms"
        for label, keyword in (("TR", "RepetitionTime"), ("TE", "EchoTime"), ("TI", "InversionTime"))
        if (value := number(facts, keyword))
    ]
    return ", ".join((name or "unnamed sequence", *times))


def field_strength(facts: Facts) -> FieldStrength | None:
    """The field the spins saw, or None when nothing says.

    Imaging Frequency (0018,0084) is measured at every scan; Magnetic Field Strength (0018,0087) is nominal (a Siemens
    "3" is 2.89 T), in gauss on old GE systems. Imaging Frequency is MHz; UIH writes Hz.
    """
    frequency, nominal = number(facts, "ImagingFrequency"), number(facts, "MagneticFieldStrength")
    nucleus = words(facts, "ImagedNucleus")
    if frequency is not None and nucleus in ((), ("1H",), ("H1",), ("H",)):
        tesla = frequency / GAMMA
        if tesla > 1e3:
            tesla /= 1e6
        if _plausible(tesla):
            return FieldStrength(tesla=tesla, evidence="from the imaging frequency")
    if nominal is None:
        return None
    tesla = nominal / 1e4 if nominal > 100 else nominal
    if not _plausible(tesla):
        return None
    return FieldStrength(tesla=tesla, evidence="nominal, written in gauss" if nominal > 100 else "nominal")


def fat_water_cycles(echo_time: float, tesla: float) -> float:
    """Turns of the fat signal against water at an echo time (ms): whole numbers are in phase, halves opposed."""
    return echo_time * 1e-3 * GAMMA * tesla * FAT_WATER_SHIFT


def contrast_agent(facts: Facts) -> str:
    """The contrast agent as written; empty when there is none, or the header says "NONE" or that it was not given.

    An Enhanced image lists the agents of its study (PS3.3 C.7.6.4b) and says of each frame whether they had been
    administered (Contrast/Bolus Usage, C.7.6.16.2.12).
    """
    listed = facts.get("ContrastBolusAgentSequence")
    agent = facts.get("ContrastBolusAgent") or (", ".join(map(str, listed)) if isinstance(listed, list) else "")
    given = words(facts, "ContrastBolusAgentAdministered") != ("NO",)
    return agent if given and isinstance(agent, str) and agent.strip().upper() not in _NO_AGENT else ""


def fat_saturation(facts: Facts) -> str:
    """The Scan Options (0018,0022) value that says fat was saturated; empty when none does."""
    return next((word for word in words(facts, "ScanOptions") if word in _FAT_SATURATION), "")


def phase_label(facts: Facts) -> str:
    """``in-phase`` or ``opposed-phase`` where image type or description says so; empty when nothing does, or both."""
    image_type = set(words(facts, "ImageType")[2:])
    text = " ".join((*words(facts, "SeriesDescription"), *words(facts, "ProtocolName")))
    says_in = bool(image_type & {"IN_PHASE", "IP", "IN"}) or bool(_IN.search(text))
    says_opposed = bool(image_type & {"OUT_PHASE", "OPP_PHASE", "OPPOSED_PHASE", "OP", "OUT", "OPP"}) or bool(
        _OPPOSED.search(text)
    )
    if says_in == says_opposed:
        return ""
    return "in-phase" if says_in else "opposed-phase"


# bare IP, OP or IN in free text mean too many other things
_IN = re.compile(r"(?<![A-Z])IN[ _-]?PHASE|(?<![A-Z])INPH(?![A-Z])|DIXON.*_IN\b")
_OPPOSED = re.compile(r"(?<![A-Z])(OUT|OPP|OPPOSED)[ _-]?(OF[ _-]?)?PHASE|(?<![A-Z])OPPH(?![A-Z])|DIXON.*_(OPP|OUT)\b")


def _plausible(tesla: float) -> bool:
    return _FIELDS[0] <= tesla <= _FIELDS[1]
