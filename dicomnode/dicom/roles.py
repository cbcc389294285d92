"""Decide what a stack is, by physics first and text last, and say why in words."""

from __future__ import annotations

from dicomnode.dicom.enhancement import decide_enhancement
from dicomnode.dicom.physics import (
    contrast_agent,
    fat_saturation,
    fat_water_cycles,
    field_strength,
    number,
    phase_label,
    words,
)
from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import RoleDecision

PHASE_TOLERANCE = 32.0
"""Degrees from in or opposed phase that still count; admits 2.1/4.2 ms at 1.5 T."""
_LATEST_CYCLES = 2.0 + PHASE_TOLERANCE / 360
"""Beyond the second in-phase echo the error of the field strength outgrows the tolerance."""

# values 3 and later of Image Type (0008,0008), and what they say
_IMAGE_TYPES = {
    "LOCALIZER": ("localizer", "a localizer"),
    "WATER": ("water", "a water image"),
    "W": ("water", "a water image"),
    "FAT": ("fat", "a fat image"),
    "F": ("fat", "a fat image"),
    "FAT_FRACTION": ("", "a fat fraction map, not a signal image"),
    "ADC": ("adc", "an ADC map"),
    "TRACEW": ("dwi", "a trace-weighted diffusion image"),
    "FA": ("", "a fractional anisotropy map"),
    "B0": ("field-map", "a field map"),
    "B0 MAP": ("field-map", "a field map"),
    "FIELD_MAP": ("field-map", "a field map"),
    "PHASE": ("phase", "a phase image"),
    "PHASE MAP": ("phase", "a phase image"),
    "P": ("phase", "a phase image"),
    "R": ("real", "the real part of the signal"),
    "REAL": ("real", "the real part of the signal"),
    "I": ("imaginary", "the imaginary part of the signal"),
    "IMAGINARY": ("imaginary", "the imaginary part of the signal"),
    "PROJECTION IMAGE": ("derived", "a projection"),
    "SUBTRACTION": ("derived", "a subtraction"),
}
_SEQUENCES = {
    "SE": "spin echo",
    "IR": "inversion recovery",
    "GR": "gradient echo",
    "EP": "echo planar",
    "RM": "research mode",
}


def decide(facts: Facts, refusal: str = "") -> RoleDecision:
    """What a stack is.

    Parameters
    ----------
    facts : Facts
        Of the stack.
    refusal : str
        Why the stack is none of grey slices; such a stack is given no role.

    Returns
    -------
    RoleDecision
        An empty role where nothing is certain: the first reason then says why, beginning with "ambiguous" where the
        header contradicts itself or holds too little, and with "unknown" where no rule speaks about this kind.

    Notes
    -----
    In and opposed phase follow from echo time and field strength alone, fat and water being 3.4 ppm apart; the label
    can only contradict. 2.3 ms is opposed phase at 1.5 T and in phase at 3 T.
    """
    modality = facts.get("Modality", "")
    if refusal:
        return _decided("", refusal)
    if modality != "MR":
        return _decided("", f"modality {modality or 'unknown'}, not MR")
    by_image_type = _by_image_type(facts)
    if by_image_type is not None:
        return by_image_type
    b_value = number(facts, "DiffusionBValue")
    if b_value:
        return _decided("dwi", f"diffusion-weighted, b = {b_value:g} s/mm2")
    if unlike := _not_plain_gradient_echo(facts):
        return _decided("", f"unknown: {unlike}", *_contrast(facts))
    if saturation := fat_saturation(facts):
        return decide_enhancement(facts, saturation)
    return _by_echo_time(facts)


def _decided(role: str, *reasons: str) -> RoleDecision:
    return RoleDecision(role=role, reasons=reasons)


def _by_image_type(facts: Facts) -> RoleDecision | None:
    image_type = words(facts, "ImageType")
    for word in image_type[2:]:
        if word in _IMAGE_TYPES:
            role, meaning = _IMAGE_TYPES[word]
            return _decided(role, f"{meaning} (Image Type {word})")
    if image_type[:2] == ("DERIVED", "SECONDARY"):
        return _decided("derived", "derived from other images (Image Type DERIVED\\SECONDARY)")
    return None


def _not_plain_gradient_echo(facts: Facts) -> str:
    """Why in and opposed phase do not apply to this acquisition; empty when they do."""
    sequence = words(facts, "ScanningSequence")
    name = " ".join(_SEQUENCES.get(word, word) for word in sequence)
    times = ", ".join(
        f"{label} {value:.5g} ms"
        for label, keyword in (("TR", "RepetitionTime"), ("TE", "EchoTime"), ("TI", "InversionTime"))
        if (value := number(facts, keyword))
    )
    if not sequence:
        return "the header does not say which pulse sequence this is (Scanning Sequence is missing)"
    if "GR" not in sequence or "EP" in sequence:
        return f"{name}{', ' + times if times else ''}: not a gradient echo, so neither in phase nor opposed"
    if "IR" in sequence or number(facts, "InversionTime"):
        return f"inversion-prepared gradient echo{', ' + times if times else ''}: not an in- or opposed-phase image"
    return ""


def _by_echo_time(facts: Facts) -> RoleDecision:
    label = phase_label(facts)
    echo_time, field = number(facts, "EchoTime"), field_strength(facts)
    if not echo_time:
        return _decided("", "ambiguous: gradient echo without an echo time, so its fat-water phase is unknown")
    if field is None:
        return _decided("", f"ambiguous: echo time {echo_time:.4g} ms, but the header holds no field strength")
    cycles = fat_water_cycles(echo_time, field.tesla)
    angle = cycles % 1 * 360
    when = f"echo time {echo_time:.4g} ms at {field.tesla:.3g} T"
    if min(angle, 360 - angle) <= PHASE_TOLERANCE:
        role, meaning = "in-phase", "in phase"
    elif abs(angle - 180) <= PHASE_TOLERANCE:
        role, meaning = "opposed-phase", "opposed"
    else:
        role, meaning = "", "neither in phase nor opposed"
    finding = f"{when} is {meaning} ({round(angle) % 360} degrees)"
    if label and label != role:
        return _decided("", f"ambiguous: labelled {label}, but {finding}")
    if role and cycles > _LATEST_CYCLES:
        return _decided("", f"{when} is too late to be told in phase from opposed ({cycles:.1f} fat-water turns)")
    support = (f"labelled {label}",) if label else ()
    return _decided(role, finding, f"field strength {field.evidence}", *support, *_contrast(facts))


def _contrast(facts: Facts) -> tuple[str, ...]:
    agent = contrast_agent(facts)
    return (f"contrast agent given: {agent}",) if agent else ()
