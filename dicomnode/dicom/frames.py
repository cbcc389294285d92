"""Take an instance apart into its image planes, all described in the words of a classic single-frame header."""

from __future__ import annotations

from dataclasses import dataclass

from dicomnode.dicom.physics import number, words
from dicomnode.domain.identity import SeriesInstanceUID, SOPClassUID, SOPInstanceUID
from dicomnode.domain.instance import Fact, Facts, InstanceHeader

_CLASSIC = {
    "FrameType": "ImageType",
    "EffectiveEchoTime": "EchoTime",
    "TransmitterFrequency": "ImagingFrequency",
    "ResonantNucleus": "ImagedNucleus",
    "FrameAcquisitionDateTime": "AcquisitionDateTime",
    "TemporalPositionIndex": "TemporalPositionIdentifier",
    "NominalCardiacTriggerDelayTime": "TriggerTime",
}
"""Attributes of a frame, and what the same is called in a classic image (PS3.3 C.8.3 against C.8.13)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One image plane: a single-frame instance, or one frame of a multi-frame one."""

    sop_instance_uid: SOPInstanceUID
    number: int
    """Frame number from 1; 0 in a single-frame instance."""
    sop_class_uid: SOPClassUID
    series_instance_uid: SeriesInstanceUID
    facts: Facts


def frames_of(header: InstanceHeader) -> tuple[Frame, ...]:
    """The planes of an instance, in their order in it."""
    described = [classic({**header.facts, **frame}) for frame in header.frames] or [header.facts]
    return tuple(
        Frame(
            sop_instance_uid=header.sop_instance_uid,
            number=n if header.frames else 0,
            sop_class_uid=header.sop_class_uid,
            series_instance_uid=header.series_instance_uid,
            facts=facts,
        )
        for n, facts in enumerate(described, start=1)
    )


def classic(facts: Facts) -> Facts:
    """The facts of an Enhanced frame with those added that a classic image would state.

    What the frame says wins over what stands at the top of the file, where some converters leave a copy.
    """
    told: dict[str, Fact] = {**facts}
    told |= {plain: facts[keyword] for keyword, plain in _CLASSIC.items() if keyword in facts}
    if inversions := _inversion_time(facts):
        told["InversionTime"] = inversions
    else:
        told.pop("InversionTime", None)
    if sequence := _scanning_sequence(facts):
        told.setdefault("ScanningSequence", sequence)
    if options := [*words(facts, "ScanOptions"), *_selection(facts)]:
        told["ScanOptions"] = list(dict.fromkeys(options))
    if train := max(number(facts, keyword) or 0 for keyword in ("RFEchoTrainLength", "GradientEchoTrainLength")):
        told["EchoTrainLength"] = train
    steps = [number(facts, f"MRAcquisition{way}") for way in ("FrequencyEncodingSteps", "PhaseEncodingStepsInPlane")]
    if steps[0] and steps[1]:
        told["AcquisitionMatrix"] = [steps[0], 0, 0, steps[1]]
    if "AcquisitionTime" not in told and len(moment := str(told.get("AcquisitionDateTime", ""))) >= 14:
        told["AcquisitionDate"], told["AcquisitionTime"] = moment[:8], moment[8:].split("+")[0].split("-")[0]
    return told


def _inversion_time(facts: Facts) -> float | None:
    times = facts.get("InversionTimes")
    if words(facts, "InversionRecovery") == ("NO",):
        return None
    return (
        times[0] if isinstance(times, list) and isinstance(times[0], (int, float)) else number(facts, "InversionTime")
    )


def _scanning_sequence(facts: Facts) -> list[str]:
    """Scanning Sequence (0018,0020) from Echo Pulse Sequence, Echo Planar Pulse Sequence and Inversion Recovery."""
    kinds = {"SPIN": ["SE"], "GRADIENT": ["GR"], "BOTH": ["SE", "GR"]}
    sequence = kinds.get("".join(words(facts, "EchoPulseSequence")), [])
    sequence += ["EP"] * (words(facts, "EchoPlanarPulseSequence") == ("YES",))
    return sequence + ["IR"] * (words(facts, "InversionRecovery") == ("YES",))


def _selection(facts: Facts) -> list[str]:
    """Terms of Scan Options for fat that was suppressed and for water that alone was excited."""
    suppressed = set(words(facts, "SpectrallySelectedSuppression")) & {"FAT", "FAT_AND_WATER"}
    excited = words(facts, "SpectrallySelectedExcitation") == ("WATER",)
    return ["FS"] * bool(suppressed) + ["WE"] * excited
