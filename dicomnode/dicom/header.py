"""Read identity and facts from one instance's header; pixel data stay untouched."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from struct import Struct

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.uid import (
    EnhancedMRColorImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
)

from dicomnode.dicom import functional_groups, segment_facts
from dicomnode.dicom.character_sets import codecs_of, decode
from dicomnode.dicom.elements import Encoding, encoding_of, items, open_data_set, walk
from dicomnode.domain.identity import (
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
)
from dicomnode.domain.instance import Fact, Facts, InstanceHeader, Patient
from dicomnode.errors import InvalidInstance, NotUnderstood, UnusablePlace

_ATTRIBUTES = {
    "study": "StudyDate StudyTime StudyDescription StudyID AccessionNumber BodyPartExamined Laterality ImageLaterality",
    "series": "Modality SeriesDescription SeriesNumber SeriesDate SeriesTime ProtocolName PatientPosition "
    "FrameOfReferenceUID ImagesInAcquisition Manufacturer ManufacturerModelName SoftwareVersions DeviceSerialNumber "
    "StationName ContributingEquipmentSequence",
    "image": "InstanceNumber ImageType FrameType AcquisitionNumber AcquisitionDateTime AcquisitionDate AcquisitionTime "
    "ContentDate ContentTime ImageComments DerivationDescription BurnedInAnnotation QualityControlImage "
    "LossyImageCompression",
    "physics": "ScanningSequence SequenceVariant ScanOptions MRAcquisitionType SequenceName PulseSequenceName EchoTime "
    "EchoNumbers EffectiveEchoTime RepetitionTime InversionTime InversionTimes FlipAngle EchoTrainLength "
    "NumberOfAverages MagneticFieldStrength ImagingFrequency ImagedNucleus TriggerTime TemporalPositionIdentifier "
    "NumberOfTemporalPositions DiffusionBValue DiffusionGradientOrientation AcquisitionMatrix ReceiveCoilName "
    "ComplexImageComponent AcquisitionContrast PixelBandwidth RescaleType",
    "enhanced": "EchoPulseSequence EchoPlanarPulseSequence SteadyStatePulseSequence Spoiling InversionRecovery "
    "SpectrallySelectedExcitation SpectrallySelectedSuppression TransmitterFrequency ResonantNucleus "
    "RFEchoTrainLength GradientEchoTrainLength MRAcquisitionFrequencyEncodingSteps "
    "MRAcquisitionPhaseEncodingStepsInPlane FrameAcquisitionDateTime TemporalPositionIndex "
    "NominalCardiacTriggerDelayTime DiffusionDirectionality VolumetricProperties",
    "contrast": "ContrastBolusAgent ContrastBolusRoute ContrastBolusVolume ContrastBolusStartTime "
    "ContrastBolusIngredient ContrastBolusAgentSequence ContrastBolusAgentAdministered",
    "patient": "Allergies PregnancyStatus",
    "grid": "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices "
    "SliceLocation Rows Columns NumberOfFrames NumberOfSlices ConcatenationUID InConcatenationTotalNumber "
    "SamplesPerPixel PhotometricInterpretation BitsAllocated",
    "segmentation": "SegmentationType SegmentsOverlap",
}
_PRIVATE = {
    "PhilipsNumberOfSlices": (0x20010010, "Philips Imaging DD 001", 0x20011018, "SL"),
    "GELocationsInAcquisition": (0x00210010, "GEMS_RELA_01", 0x0021104F, "SS"),
}
"""Private attributes: where their creator stands, its name, their tag and VR; scanners put these blocks at 0x10."""
KEYWORDS = (*(keyword for names in _ATTRIBUTES.values() for keyword in names.split()), *_PRIVATE)
"""Keywords of the attributes that become facts of an instance."""
_INSIDE = {"ContributingEquipmentSequence": "Manufacturer", "ContrastBolusAgentSequence": "CodeMeaning"}
"""What is read of every item of a sequence; the fact is the list of these values."""

_PATIENT = {
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer",
    "PatientName": "name",
    "PatientBirthDate": "birth_date",
    "PatientSex": "sex",
}
_IDENTITY = ("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
WANTED: dict[int, str] = {
    tag: keyword for keyword in (*_IDENTITY, *_PATIENT, *KEYWORDS) if (tag := tag_for_keyword(keyword)) is not None
}
_CREATORS = {keyword: f"{keyword}Creator" for keyword in _PRIVATE}
WANTED |= {creator: _CREATORS[keyword] for keyword, (creator, _, _, _) in _PRIVATE.items()}
WANTED |= {tag: keyword for keyword, (_, _, tag, _) in _PRIVATE.items()}
"""Tags and keywords of the attributes a header is read from."""
MULTI_FRAME: frozenset[str] = frozenset(
    {
        EnhancedMRImageStorage,
        EnhancedMRColorImageStorage,
        LegacyConvertedEnhancedMRImageStorage,
        *segment_facts.CLASSES,
    }
)
"""SOP classes whose functional groups are read too."""

_FACTS = frozenset(KEYWORDS)
_NAMES = (*_IDENTITY[1:], *_PATIENT)
_IN_FRAMES = {tag: keyword for tag, keyword in WANTED.items() if keyword in _FACTS}
_CHARACTER_SET = 0x00080005
_SHARED, _PER_FRAME = 0x52009229, 0x52009230  # functional groups sequences
_PUBLIC = [keyword for keyword in (*WANTED.values(), *_INSIDE.values()) if tag_for_keyword(keyword) is not None]
_VR = {keyword: dictionary_VR(keyword) for keyword in _PUBLIC}
_VR |= dict.fromkeys(_CREATORS.values(), "LO") | {keyword: vr for keyword, (_, _, _, vr) in _PRIVATE.items()}
_SEVERAL = frozenset(keyword for keyword in _PUBLIC if dictionary_VM(keyword) != "1")
_PIXELS = 0x7FE00008  # Float Pixel Data; Pixel Data and Double Float Pixel Data follow

LONGEST_VALUE = 16384
"""Bytes; a longer value of any of these attributes is absurd and not looked at further."""

_LONGEST_KNOWN = 128  # bytes
_MOST_KNOWN = 4096
_LONGEST_TEXT = 1024  # characters
_MOST_VALUES = 256
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_BINARY = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_NUMERIC = frozenset({"DS", "IS", *_BINARY})
_LOCALIZED = frozenset({"LO", "SH", "ST", "LT", "UT", "UC", "PN"})


def read(data_set: bytes | memoryview, transfer_syntax_uid: str) -> InstanceHeader:
    """The header of an encoded data set without file meta information, as C-STORE brings it.

    Parameters
    ----------
    data_set : bytes
        Encoded in ``transfer_syntax_uid``; reading stops before the pixel data.
    transfer_syntax_uid : str
        Of the presentation context the data set came by.

    Returns
    -------
    InstanceHeader
        Absent, empty, non-finite and absurdly long attributes have no entry in ``facts``; attributes of a variable
        number of values are lists; of a sequence one attribute of each item is listed. ``facts["UndecodableText"]``
        names the attributes whose text holds U+FFFD or was guessed, because its bytes do not fit the Specific Character
        Set. What the functional groups of a multi-frame image say of all its frames is among ``facts``, what differs
        is in ``frames``; of a segmentation these are the places it has frames at.

    Raises
    ------
    NotUnderstood
        When the bytes are not a data set of this transfer syntax or name no SOP class.
    UnusablePlace
        When Study or Series Instance UID is missing or illegal.
    InvalidInstance
        When the SOP Instance UID is missing or illegal.
    """
    readable, encoding = open_data_set(data_set, transfer_syntax_uid)
    values: dict[int, tuple[str, bytes]] = {}
    groups: dict[int, memoryview] = {}
    for element in walk(readable, encoding, stop_at=_PIXELS):
        if element.tag in WANTED and 0 < element.end - element.start <= LONGEST_VALUE:
            values[element.tag] = element.vr, bytes(readable[element.start : element.end])
        elif element.tag in (_SHARED, _PER_FRAME, *segment_facts.SEQUENCES):
            groups[element.tag] = memoryview(readable)[element.start : element.end]
    one = from_values(values, transfer_syntax_uid)
    if one.sop_class_uid not in MULTI_FRAME:
        return one
    shared, frames = _frames(groups, encoding, values.get(_CHARACTER_SET))
    facts = {**one.facts, **shared}
    if one.sop_class_uid not in segment_facts.CLASSES:
        return replace(one, facts=facts, frames=frames)
    return replace(one, facts={**facts, **segment_facts.read(groups, encoding)}, frames=segment_facts.distinct(frames))


def from_values(encoded: Mapping[int, tuple[str, bytes]], transfer_syntax_uid: str) -> InstanceHeader:
    """The header whose `WANTED` attributes were found already, without what functional groups say.

    Parameters
    ----------
    encoded : mapping
        Value representation (empty in implicit VR) and encoded value of each attribute found, by tag; none is empty or
        longer than `LONGEST_VALUE`.
    transfer_syntax_uid : str
        How they are encoded.

    Raises
    ------
    NotUnderstood, UnusablePlace, InvalidInstance
        As :func:`read`.
    """
    found = {WANTED[tag]: value for tag, value in encoded.items()}
    values, undecodable = _values(found, encoding_of(transfer_syntax_uid))
    text = {keyword: value for keyword in _NAMES if isinstance(value := values.get(keyword), str)}
    sop_class_uid, sop_instance_uid, study, series = (text.get(keyword, "") for keyword in _IDENTITY[1:])
    _check_uids(sop_class_uid, sop_instance_uid, study, series)
    facts = {keyword: value for keyword, value in values.items() if keyword in _FACTS}
    for keyword, (_, creator, _, _) in _PRIVATE.items():
        if values.get(_CREATORS[keyword]) != creator:
            facts.pop(keyword, None)
    if undecodable:
        facts["UndecodableText"] = undecodable
    return InstanceHeader(
        sop_instance_uid=SOPInstanceUID(sop_instance_uid),
        sop_class_uid=SOPClassUID(sop_class_uid),
        transfer_syntax_uid=TransferSyntaxUID(transfer_syntax_uid),
        series_instance_uid=SeriesInstanceUID(series),
        study_instance_uid=StudyInstanceUID(study),
        patient=Patient(**{"patient_id": "", **{_PATIENT[k]: text[k] for k in _PATIENT if k in text}}),
        facts=facts,
    )


_META = (0x00020002, 0x00020003, 0x00020010)


def read_file(path: Path) -> InstanceHeader:
    """The header of a DICOM file (PS3.10).

    Raises
    ------
    NotUnderstood, UnusablePlace, InvalidInstance
        As :func:`read`; also when the file has no preamble or names no transfer syntax.
    OSError
        When the file cannot be read.
    """
    data_set, transfer_syntax_uid = data_set_of(path.read_bytes())
    return read(data_set, transfer_syntax_uid)


def data_set_of(file: bytes) -> tuple[bytes, str]:
    """The encoded data set of a DICOM file's bytes (PS3.10 section 7.1) and its transfer syntax.

    Raises
    ------
    NotUnderstood
        When the preamble or the transfer syntax is missing.
    """
    _, _, transfer_syntax_uid, end = meta_information(file)
    return file[end:], transfer_syntax_uid


def meta_information(file: bytes) -> tuple[str, str, str, int]:
    """What a DICOM file says it holds (PS3.10 section 7.1), from its bytes or their beginning.

    Returns
    -------
    SOP class and SOP instance UID, empty where they are missing; transfer syntax UID; and where the data set begins.

    Raises
    ------
    NotUnderstood
        When the preamble or the transfer syntax is missing, or the beginning ends before the data set does begin.
    """
    if file[128:132] != b"DICM":
        raise NotUnderstood("not a DICOM file: no 'DICM' after the preamble")
    body, end, texts = memoryview(file)[132:], 0, dict.fromkeys(_META, "")
    for element in walk(body, Encoding(implicit=False, order="<"), 0x00030000, start_at=0x00020000):
        end = element.end
        if element.tag in texts:
            texts[element.tag] = bytes(body[element.start : end]).decode("ascii", "replace").strip("\0 ")
    sop_class_uid, sop_instance_uid, transfer_syntax_uid = (texts[tag] for tag in _META)
    if not is_uid(transfer_syntax_uid):
        raise NotUnderstood("the file names no transfer syntax")
    return sop_class_uid, sop_instance_uid, transfer_syntax_uid, 132 + end


def is_uid(text: str) -> bool:
    """Whether a text is a UID: digits and dots, at most 64 characters (PS3.5 section 9.1).

    Leading zeros in a component are forbidden there but harmless, and real scanners write them.
    """
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _check_uids(sop_class_uid: str, sop_instance_uid: str, study: str, series: str) -> None:
    if not is_uid(sop_class_uid):
        raise NotUnderstood("SOP Class UID is missing or not a UID")
    if not is_uid(sop_instance_uid):
        raise InvalidInstance("SOP Instance UID is missing or not a UID")
    if not is_uid(study):
        raise UnusablePlace("Study Instance UID is missing or not a UID")
    if not is_uid(series):
        raise UnusablePlace("Series Instance UID is missing or not a UID")


def _frames(
    groups: Mapping[int, memoryview], encoding: Encoding, character_set: tuple[str, bytes] | None
) -> tuple[dict[str, Fact], tuple[Facts, ...]]:
    """What the functional groups say of all frames alike, and what differs from frame to frame."""
    spoken = {"SpecificCharacterSet": character_set} if character_set else {}
    shared, frames = (
        [
            _values(spoken | item, encoding)[0]
            for item in functional_groups.read(groups.get(tag, memoryview(b"")), encoding, _IN_FRAMES, LONGEST_VALUE)
        ]
        for tag in (_SHARED, _PER_FRAME)
    )
    alike = {keyword: value for item in shared for keyword, value in item.items() if keyword in _FACTS}
    first = frames[0] if frames else {}
    alike |= {
        keyword: value
        for keyword, value in first.items()
        if keyword in _FACTS and all(frame.get(keyword) == value for frame in frames)
    }
    return alike, tuple({k: v for k, v in frame.items() if k in _FACTS and alike.get(k) != v} for frame in frames)


def _values(found: Mapping[str, tuple[str, bytes]], encoding: Encoding) -> tuple[dict[str, Fact], list[str]]:
    """Decoded values by keyword, and the keywords whose text could not be decoded soundly.

    A value is of the kind the dictionary says, however it is written: text in place of a number is no value.
    """
    codecs = _codecs(found.get("SpecificCharacterSet", ("CS", b""))[1])
    values: dict[str, Fact] = {}
    undecodable: list[str] = []
    known = _known(codecs, encoding.order)
    for keyword, (vr, raw) in found.items():
        if keyword in _INSIDE:
            value, sound = _of_items(keyword, vr, raw, codecs, encoding.order)
        elif len(raw) <= _LONGEST_KNOWN:
            value, sound = known[keyword, vr, raw]
        else:
            value, sound = _value(keyword, vr, raw, codecs, encoding.order)
        if not sound:
            undecodable.append(keyword)
        if value is not None:
            values[keyword] = value
    return values, undecodable


@lru_cache(256)
def _codecs(character_sets: bytes) -> tuple[str, ...]:
    names = character_sets.decode("ascii", "replace").split("\\")
    return codecs_of([name.strip("\0 ") for name in names])


def _value(keyword: str, written_vr: str, raw: bytes, codecs: tuple[str, ...], order: str) -> tuple[Fact | None, bool]:
    """The value, and whether all of its text was understood."""
    vr, several = _VR[keyword], keyword in _SEVERAL
    written_vr = written_vr if written_vr not in ("", "UN") else vr
    if written_vr in _BINARY:
        numbers = _unpack(raw, written_vr, order) if vr in _NUMERIC else []
        return _numbers(numbers, several=several), True
    localized = vr in _LOCALIZED
    text, sound = decode(raw, codecs if localized else ("ascii",), b"^=\\" if vr == "PN" else b"\\\r\n\t\f")
    return _from_text(text, vr, several=several), sound


def _of_items(
    keyword: str, written_vr: str, raw: bytes, codecs: tuple[str, ...], order: str
) -> tuple[Fact | None, bool]:
    """One attribute of every item of a sequence; a sequence that is none costs its fact and not the image."""
    inner, encoding = _INSIDE[keyword], Encoding(implicit=not written_vr, order=order)
    tag = tag_for_keyword(inner)
    if written_vr not in ("", "SQ"):
        return None, True
    try:
        values = [
            _value(inner, element.vr, bytes(item[element.start : element.end]), codecs, order)
            for item in items(memoryview(raw), encoding)
            for element in walk(item, encoding)
            if element.tag == tag
        ]
    except NotUnderstood:
        return None, False
    texts = [text for text, _ in values if isinstance(text, str)]
    return texts[:_MOST_VALUES] or None, all(sound for _, sound in values)


class _Known(dict[tuple[str, str, bytes], tuple[Fact | None, bool]]):
    """Values by keyword, written VR and bytes: most are those of the image before."""

    def __init__(self, codecs: tuple[str, ...], order: str) -> None:
        self._read = partial(_value, codecs=codecs, order=order)

    def __missing__(self, key: tuple[str, str, bytes]) -> tuple[Fact | None, bool]:
        if len(self) >= _MOST_KNOWN:
            self.clear()
        known = self[key] = self._read(*key)
        return known


_known = lru_cache(16)(_Known)


def _unpack(raw: bytes, vr: str, order: str) -> list[float]:
    item = Struct(order + _BINARY[vr])
    whole = len(raw) // item.size * item.size
    return [number for (number,) in item.iter_unpack(raw[:whole])]


def _from_text(text: str, vr: str, *, several: bool) -> Fact | None:
    if vr in _NUMERIC:
        parts = [part.strip("\0 ") for part in text.split("\\")]
        if not all(_NUMBER.fullmatch(part) for part in parts):
            return None
        numbers = [float(part) for part in parts]
        whole = vr not in ("DS", "FL", "FD") and all(number.is_integer() for number in numbers)
        return _numbers([int(number) for number in numbers] if whole else numbers, several=several)
    parts = [_CONTROL.sub(" ", part.strip("\0 ")).strip()[:_LONGEST_TEXT] for part in text.split("\\")]
    if not any(parts):
        return None
    return parts[:_MOST_VALUES] if several else "\\".join(parts)[:_LONGEST_TEXT]


def _numbers(numbers: list[float], *, several: bool) -> Fact | None:
    if not numbers or not all(math.isfinite(number) for number in numbers):
        return None
    return numbers[:_MOST_VALUES] if several else numbers[0]
