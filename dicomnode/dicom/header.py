"""Read identity and facts from one instance's header; pixel data stay untouched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from pydicom.uid import (
    EnhancedMRColorImageStorage,
    EnhancedMRImageStorage,
    LegacyConvertedEnhancedMRImageStorage,
)

from dicomnode.dicom import functional_groups, segment_facts
from dicomnode.dicom.attributes import (
    CREATORS,
    FACTS,
    IDENTIFIERS,
    IN_FRAMES,
    LONGEST_VALUE,
    PATIENT,
    PERSON,
    PRIVATE,
    WANTED,
)
from dicomnode.dicom.elements import Encoding, encoding_of, open_data_set, value_of, walk
from dicomnode.dicom.values import decoded
from dicomnode.domain.identity import (
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
)
from dicomnode.domain.instance import Fact, Facts, InstanceHeader, Patient
from dicomnode.errors import InvalidInstance, NotUnderstood, UnusablePlace

MULTI_FRAME: frozenset[str] = frozenset(
    {
        EnhancedMRImageStorage,
        EnhancedMRColorImageStorage,
        LegacyConvertedEnhancedMRImageStorage,
        *segment_facts.CLASSES,
    }
)
"""SOP classes whose functional groups are read too."""

_CHARACTER_SET = 0x00080005
_SHARED, _PER_FRAME = 0x52009229, 0x52009230  # functional groups sequences
_PIXELS = 0x7FE00008  # Float Pixel Data; Pixel Data and Double Float Pixel Data follow
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_LONGEST_KNOWN = 2048  # bytes


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
    elements: dict[int, bytes] = {}
    groups: dict[int, memoryview] = {}
    for element in walk(readable, encoding, stop_at=_PIXELS):
        if element.tag in WANTED and 0 < element.end - element.start <= LONGEST_VALUE:
            elements[element.tag] = bytes(readable[element.begin : element.end])
        elif element.tag in (_SHARED, _PER_FRAME, *segment_facts.SEQUENCES):
            groups[element.tag] = memoryview(readable)[element.start : element.end]
    uids = uids_of(elements, encoding)
    _check(uids)
    one = from_elements(uids, elements, b"".join(elements.values()), transfer_syntax_uid)
    if one.sop_class_uid not in MULTI_FRAME:
        return one
    shared, frames = _frames(groups, encoding, elements.get(_CHARACTER_SET))
    facts = {**one.facts, **shared}
    if one.sop_class_uid not in segment_facts.CLASSES:
        return replace(one, facts=facts, frames=frames)
    return replace(one, facts={**facts, **segment_facts.read(groups, encoding)}, frames=segment_facts.distinct(frames))


class UIDs(NamedTuple):
    """What an instance says it is, as text, unchecked."""

    sop_class: str
    sop_instance: str
    study: str
    series: str


def uids_of(elements: Mapping[int, bytes], encoding: Encoding) -> UIDs:
    """The UIDs in some whole elements; spaces are tolerated as padding besides the one NUL the standard knows."""
    return UIDs._make(_uid(elements.get(tag, b""), encoding) for tag in IDENTIFIERS)


def from_elements(
    uids: UIDs, elements: Mapping[int, bytes], encoded: bytes, transfer_syntax_uid: str
) -> InstanceHeader:
    """The header whose elements were found already, without what functional groups say.

    Parameters
    ----------
    uids : UIDs
        Of the elements, once they were checked.
    elements : mapping
        Of the `NAMED` elements each that was found, whole, by tag; no value is empty or longer than `LONGEST_VALUE`.
    encoded : bytes
        All `WANTED` elements that were found, one after the other.
    transfer_syntax_uid : str
        How they are encoded.

    Returns
    -------
    InstanceHeader
        Its facts are `EncodedFacts`.
    """
    return InstanceHeader(
        sop_instance_uid=SOPInstanceUID(uids.sop_instance),
        sop_class_uid=SOPClassUID(uids.sop_class),
        transfer_syntax_uid=TransferSyntaxUID(transfer_syntax_uid),
        series_instance_uid=SeriesInstanceUID(uids.series),
        study_instance_uid=StudyInstanceUID(uids.study),
        patient=_patient(tuple(elements.get(tag, b"") for tag in PERSON), transfer_syntax_uid),
        facts=EncodedFacts(encoded, transfer_syntax_uid),
    )


class EncodedFacts(Mapping[str, Fact]):
    """The facts in some elements, decoded when they are first asked for.

    So receiving does not wait for what only assembling reads.

    Parameters
    ----------
    encoded : bytes
        `WANTED` elements one after the other, each whole.
    transfer_syntax_uid : str
        How they are encoded; what was deflated is inflated.
    """

    __slots__ = ("_facts", "_transfer_syntax_uid", "encoded")

    def __init__(self, encoded: bytes, transfer_syntax_uid: str) -> None:
        self.encoded = encoded
        self._transfer_syntax_uid = transfer_syntax_uid
        self._facts: dict[str, Fact] | None = None

    def __getitem__(self, keyword: str) -> Fact:
        return self._decoded()[keyword]

    def __iter__(self) -> Iterator[str]:
        return iter(self._decoded())

    def __len__(self) -> int:
        return len(self._decoded())

    def __repr__(self) -> str:
        return repr(self._decoded())

    @property
    def patient(self) -> Patient:
        """The patient these elements name."""
        found = {
            element.tag: self.encoded[element.begin : element.end]
            for element in walk(self.encoded, encoding_of(self._transfer_syntax_uid))  # in whatever order they came
        }
        return _patient(tuple(found.get(tag, b"") for tag in PERSON), self._transfer_syntax_uid)

    def _decoded(self) -> dict[str, Fact]:
        if self._facts is None:
            encoding = encoding_of(self._transfer_syntax_uid)
            found = {
                WANTED[element.tag]: (element.vr, self.encoded[element.start : element.end])
                for element in walk(self.encoded, encoding)
            }
            values, undecodable = decoded(found, encoding)
            facts = {keyword: value for keyword, value in values.items() if keyword in FACTS}
            for keyword, (_, creator, _, _) in PRIVATE.items():
                if values.get(CREATORS[keyword]) != creator:
                    facts.pop(keyword, None)
            if undecodable:
                facts["UndecodableText"] = undecodable
            self._facts = facts
        return self._facts


def _uid(element: bytes, encoding: Encoding) -> str:
    return value_of(element, encoding)[1].rstrip(b"\0 ").decode("ascii", "replace")


def _patient(elements: tuple[bytes, ...], transfer_syntax_uid: str) -> Patient:
    is_absurd = sum(map(len, elements)) > _LONGEST_KNOWN  # not worth the memory of many
    return (_read_patient if is_absurd else _known_patient)(elements, transfer_syntax_uid)


def _read_patient(elements: tuple[bytes, ...], transfer_syntax_uid: str) -> Patient:
    encoding = encoding_of(transfer_syntax_uid)
    found = {
        keyword: value_of(element, encoding)
        for keyword, element in zip(PERSON.values(), elements, strict=True)
        if element
    }
    named = {PATIENT[keyword]: value for keyword, value in decoded(found, encoding)[0].items() if keyword in PATIENT}
    return Patient(**{"patient_id": "", **{name: value for name, value in named.items() if isinstance(value, str)}})


_known_patient = lru_cache(1024)(_read_patient)  # most instances are of the patient of the one before
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
    return len(text) <= 64 and _is_uid(text)


@lru_cache(4096)
def _is_uid(text: str) -> bool:
    return _UID.fullmatch(text) is not None


def _check(uids: UIDs) -> None:
    if not is_uid(uids.sop_class):
        raise NotUnderstood("SOP Class UID is missing or not a UID")
    if not is_uid(uids.sop_instance):
        raise InvalidInstance("SOP Instance UID is missing or not a UID")
    if not is_uid(uids.study):
        raise UnusablePlace("Study Instance UID is missing or not a UID")
    if not is_uid(uids.series):
        raise UnusablePlace("Series Instance UID is missing or not a UID")


def _frames(
    groups: Mapping[int, memoryview], encoding: Encoding, character_set: bytes | None
) -> tuple[dict[str, Fact], tuple[Facts, ...]]:
    """What the functional groups say of all frames alike, and what differs from frame to frame."""
    spoken = {"SpecificCharacterSet": value_of(character_set, encoding)} if character_set else {}
    shared, frames = (
        [
            decoded(spoken | item, encoding)[0]
            for item in functional_groups.read(groups.get(tag, memoryview(b"")), encoding, IN_FRAMES, LONGEST_VALUE)
        ]
        for tag in (_SHARED, _PER_FRAME)
    )
    alike = {keyword: value for item in shared for keyword, value in item.items() if keyword in FACTS}
    first = frames[0] if frames else {}
    alike |= {
        keyword: value
        for keyword, value in first.items()
        if keyword in FACTS and all(frame.get(keyword) == value for frame in frames)
    }
    return alike, tuple({k: v for k, v in frame.items() if k in FACTS and alike.get(k) != v} for frame in frames)
