"""Decide what a stack is, by physics first and text last, and say why in words."""

from __future__ import annotations

from dataclasses import replace

from dicomnode.dicom.contrast import contrast
from dicomnode.dicom.enhancement import decide_enhancement
from dicomnode.dicom.evidence import decided
from dicomnode.dicom.physics import (
    contrast_agent,
    fat_saturation,
    fat_water_cycles,
    field_strength,
    number,
    phase_label,
    words,
)
from dicomnode.dicom.weighting import decide_weighting
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
    "RCBF": ("derived", "a map of blood flow"),
    "RCBV": ("derived", "a map of blood volume"),
}
_MAPS = {"T1": "T1", "T2": "T2", "T2_STAR": "T2*", "R2": "R2", "R2_STAR": "R2*", "PROTON_DENSITY": "proton density"}
"""Value 4 of Frame Type: not what weights the image but what its values are (PS3.3 C.8.13.3.1.1)."""
_COMPONENTS = {"PHASE": "phase", "REAL": "real", "IMAGINARY": "imaginary"}


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
        return decided("", refusal)
    if modality != "MR":
        return decided("", f"modality {modality or 'unknown'}, not MR")
    by_image_type = _by_image_type(facts)
    if by_image_type is not None:
        return by_image_type
    b_value = number(facts, "DiffusionBValue")
    if b_value:
        return decided("dwi", f"diffusion-weighted, b = {b_value:g} s/mm2")
    if b_value == 0 and {"EP", "DIFFUSION"} & {*words(facts, "ScanningSequence"), *words(facts, "ImageType")}:
        return decided("dwi", "b = 0 image of a diffusion acquisition")
    if not _plain_gradient_echo(facts):
        return decide_weighting(facts)
    if saturation := fat_saturation(facts):
        return decide_enhancement(facts, saturation)
    return _by_echo_time(facts)


def _by_image_type(facts: Facts) -> RoleDecision | None:
    image_type = words(facts, "ImageType")
    if image_type[3:4] and image_type[3] in _MAPS:
        return decided("derived", f"a {_MAPS[image_type[3]]} map, not a signal image (Image Type {image_type[3]})")
    for word in image_type[2:]:
        if word in _IMAGE_TYPES:
            role, meaning = _IMAGE_TYPES[word]
            return decided(role, f"{meaning} (Image Type {word})")
    component = "".join(words(facts, "ComplexImageComponent"))
    if component in _COMPONENTS:
        return decided(_COMPONENTS[component], f"Complex Image Component {component}")
    if image_type[:2] == ("DERIVED", "SECONDARY"):
        return decided("derived", "derived from other images (Image Type DERIVED\\SECONDARY)")
    return None


def _plain_gradient_echo(facts: Facts) -> bool:
    """Whether in and opposed phase may apply: no inversion, no echo train that mixes echo times."""
    sequence = words(facts, "ScanningSequence")
    prepared = "IR" in sequence or number(facts, "InversionTime") or "MP" in words(facts, "SequenceVariant")
    balanced = "FREE_PRECESSION" in words(facts, "SteadyStatePulseSequence")
    return "GR" in sequence and not {"EP", "SE"} & set(sequence) and not prepared and not balanced


def _by_echo_time(facts: Facts) -> RoleDecision:
    label = phase_label(facts)
    echo_time, field = number(facts, "EchoTime"), field_strength(facts)
    if not echo_time:
        return decided("", "ambiguous: gradient echo without an echo time, so its fat-water phase is unknown")
    if field is None:
        return decided("", f"ambiguous: echo time {echo_time:.4g} ms, but the header holds no field strength")
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
    if not role and not label:
        otherwise = decide_weighting(facts)
        if otherwise.role or otherwise.reasons[0].startswith("ambiguous"):
            return replace(otherwise, reasons=(*otherwise.reasons, finding))
    if label and label != role:
        return decided("", f"ambiguous: labelled {label}, but {finding}")
    if role and cycles > _LATEST_CYCLES:
        return decided("", f"{when} is too late to be told in phase from opposed ({cycles:.1f} fat-water turns)")
    support = (f"labelled {label}",) if label else ()
    agent = contrast(facts).reasons if contrast_agent(facts) else ()
    return decided(role, finding, f"field strength {field.evidence}", *support, *agent)
