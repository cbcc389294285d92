"""What weights the signal of an acquisition by its times: T1, T2, proton density, FLAIR, STIR; with contrast or not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf

from dicomnode.dicom.contrast import contrast
from dicomnode.dicom.evidence import decided
from dicomnode.dicom.physics import number, sequence_in_words, text_of, words
from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import RoleDecision

_Range = tuple[float, float]
_ANY: _Range = (0.0, inf)
_EPI_BANDWIDTH = 1200.0
"""Hz a pixel: spin echoes stay below, echo planar readouts above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """Times in ms, angle in degrees, of one kind of acquisition."""

    role: str
    name: str
    family: str
    """``spin`` or ``gradient``."""
    repetition: _Range = _ANY
    echo: _Range
    inversion: _Range | None = None
    """None: there is no inversion."""
    angle: _Range = _ANY
    dimensions: str = ""


_RULES = (
    _Rule(role="flair", name="FLAIR", family="spin", repetition=(4000, inf), echo=(70, inf), inversion=(1300, 3000)),
    _Rule(role="stir", name="STIR", family="spin", repetition=(1500, inf), echo=(0, 350), inversion=(80, 300)),
    _Rule(role="t1", name="T1-weighted", family="spin", repetition=(300, 900), echo=(0, 30)),
    _Rule(role="pd", name="proton-density-weighted", family="spin", repetition=(1500, inf), echo=(0, 40)),
    _Rule(role="t2", name="T2-weighted", family="spin", repetition=(2000, inf), echo=(60, 140)),
    _Rule(role="t1", name="T1-weighted", family="gradient", echo=(0, 6), inversion=(600, 1300)),
    _Rule(
        role="t1", name="T1-weighted", family="gradient", repetition=(0, 19), echo=(0, 6), angle=(8, 60),
        dimensions="3D",
    ),
    _Rule(
        role="t1", name="T1-weighted", family="gradient", repetition=(90, 350), echo=(0, 6), angle=(50, 90),
        dimensions="2D",
    ),
)  # fmt: skip
"""Knowledge: section 0 of the project's algorithm notes, and the times of the vendors' own protocols."""

_NERVES = 150.0, 350.0
"""Echo time, ms, at which muscle and fat-suppressed vessels have gone and nerves remain."""
_LABELS = {
    "flair": re.compile(r"FLAIR|DARK.?FLUID|TIRM_DARK"),
    "stir": re.compile(r"STIR|TIRM(?!_DARK)"),
    "t1": re.compile(r"(?<![A-Z])T1(?! ?_?MAP)|MPRAGE|BRAVO|(?<![A-Z])TFL(?![A-Z])"),
    "t2": re.compile(r"(?<![A-Z])T2(?!\*| ?_?STAR| ?_?MAP)"),
    "pd": re.compile(r"(?<![A-Z])PD(?![A-Z])"),
}
_ALSO = {"flair": {"t1", "t2"}, "stir": {"t2", "t1", "pd"}, "ce-mrn": {"t2", "stir"}, "ce-t1": {"t1"}, "pd": {"t2"}}
"""What a label may say besides: a FLAIR is a T2-weighted image, a STIR is called T2 or T1."""
_SAID = {"FLUID_ATTENUATED": "flair", "STIR": "stir", "T1": "t1", "T2": "t2", "PROTON_DENSITY": "pd"}
"""Acquisition Contrast (0008,9209)."""


def decide_weighting(facts: Facts) -> RoleDecision:
    """The weighting of a spin or gradient echo; no role where its times are those of none, or evidence contradicts."""
    described = sequence_in_words(facts)
    family = _family(facts)
    rule = next((rule for rule in _RULES if rule.family == family and _fits(facts, rule)), None)
    labels = {role for role, label in _LABELS.items() if label.search(text_of(facts))}
    if rule is None or (rule.role == "t2" and "flair" in labels):
        return _by_label(facts, described, labels)
    return _with_contrast(facts, rule, described, labels)


def _family(facts: Facts) -> str:
    sequence = set(words(facts, "ScanningSequence"))
    if "EP" in sequence or "FREE_PRECESSION" in words(facts, "SteadyStatePulseSequence"):
        return ""
    if "GR" in sequence:
        return "" if "SE" in sequence else "gradient"
    return "spin" if sequence & {"SE", "IR", "RM"} else ""


def _fits(facts: Facts, rule: _Rule) -> bool:
    repetition, echo, angle = (number(facts, keyword) for keyword in ("RepetitionTime", "EchoTime", "FlipAngle"))
    inversion = number(facts, "InversionTime") or None
    dimensions = words(facts, "MRAcquisitionType")
    return (
        _within(repetition, rule.repetition)
        and _within(echo, rule.echo)
        and (inversion is None if rule.inversion is None else _within(inversion, rule.inversion))
        and (angle is None or _within(angle, rule.angle))
        and (not rule.dimensions or dimensions == (rule.dimensions,))
        and not (rule.inversion is None and "IR" in words(facts, "ScanningSequence"))
    )


def _within(value: float | None, limits: _Range) -> bool:
    return value is not None and limits[0] <= value <= limits[1]


def _by_label(facts: Facts, described: str, labels: set[str]) -> RoleDecision:
    """Old headers leave out the inversion time: a FLAIR is then told from its long times and its name together."""
    long = _within(number(facts, "RepetitionTime"), (6000, inf)) and _within(number(facts, "EchoTime"), (80, inf))
    if long and "flair" in labels and not number(facts, "InversionTime") and _family(facts) == "spin":
        return decided("flair", f"{described}: long times, labelled FLAIR", against=["no inversion time is stated"])
    if not words(facts, "ScanningSequence"):
        return decided(
            "", "unknown: the header does not say which pulse sequence this is (Scanning Sequence is missing)"
        )
    return decided("", f"unknown: {described}: of no weighting these times could tell")


def _with_contrast(facts: Facts, rule: _Rule, described: str, labels: set[str]) -> RoleDecision:
    agent = contrast(facts)
    role, name = rule.role, rule.name
    after = agent.given or bool(agent.contradiction)
    if (
        role == "stir"
        and after
        and "3D" in words(facts, "MRAcquisitionType")
        and _within(number(facts, "EchoTime"), _NERVES)
    ):
        role, name = "ce-mrn", "MR neurography after contrast agent"
    elif role == "t1" and after:
        role, name = "ce-t1", "T1-weighted after contrast agent"
    if agent.contradiction:
        return decided("", f"ambiguous: {agent.contradiction}", f"{described}: {rule.name}")
    allowed = {role, rule.role, *_ALSO.get(role, ())}
    if labels and not labels & allowed:
        return decided("", f"ambiguous: labelled {' and '.join(sorted(labels)).upper()}, but {described}: {name}")
    if role == "t2" and number(facts, "DiffusionBValue") == 0:
        return _without_diffusion(facts, described)
    support = [f"labelled {label.upper()}" for label in sorted(labels)]
    said = _SAID.get("".join(words(facts, "AcquisitionContrast")))
    against = [f"Acquisition Contrast says {said.upper()}"] if said and said not in allowed else []
    return decided(role, f"{described}: {name}", *agent.reasons, *support, against=against)


def _without_diffusion(facts: Facts, described: str) -> RoleDecision:
    """A diffusion image of b = 0 has the times of a T2; some scanners write b = 0 on every image."""
    bandwidth = number(facts, "PixelBandwidth")
    if bandwidth is None or bandwidth > _EPI_BANDWIDTH:
        wide = "the header holds no bandwidth" if bandwidth is None else f"{bandwidth:.0f} Hz a pixel is echo planar"
        return decided("", f"ambiguous: {described}: times of a T2, but b = 0 is written and {wide}")
    return decided(
        "t2", f"{described}: T2-weighted", f"{bandwidth:.0f} Hz a pixel is no echo planar readout",
        against=["b = 0 is written, as on a diffusion image"],
    )  # fmt: skip
