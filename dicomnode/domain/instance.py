"""What the node knows about one received SOP instance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from dicomnode.domain.identity import (
    AETitle,
    Digest,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
)

Fact: TypeAlias = str | int | float | list[str] | list[float]
"""The value of one header attribute: text, a number, or several of one kind. JSON-safe."""
Facts: TypeAlias = Mapping[str, Fact]
"""Header attributes by DICOM keyword; an absent or empty attribute has no entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """The patient as the source writes it (PS3.3 C.7.1.1), decoded to Unicode."""

    patient_id: str
    issuer: str = ""
    """Issuer of Patient ID (0010,0021)."""
    name: str = ""
    """Patient's Name with all its component groups, for example ``Yamada^Tarou=山田^太郎=やまだ^たろう``."""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceHeader:
    """Identity and facts read from one instance's header; pixel data untouched."""

    sop_instance_uid: SOPInstanceUID
    sop_class_uid: SOPClassUID
    transfer_syntax_uid: TransferSyntaxUID
    series_instance_uid: SeriesInstanceUID
    study_instance_uid: StudyInstanceUID
    patient: Patient
    facts: Facts
    """Study, series and image attributes the node decides by (``dicomnode.dicom.attributes.KEYWORDS``)."""
    frames: tuple[Facts, ...] = ()
    """What differs from frame to frame of a multi-frame image; empty for a single-frame one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """Bytes that are safe: fsynced under their final name."""

    key: str
    """Name inside the object store; owes nothing to the sender."""
    size: int
    """Bytes of the whole file."""
    digest: Digest
    """Of the encoded data set as received, without preamble and file meta information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One instance in the index: its header and where its bytes are."""

    header: InstanceHeader
    stored: StoredObject
    calling_aet: AETitle


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One C-STORE request, not yet believed."""

    sop_class_uid: str
    """Affected SOP Class UID (0000,0002)."""
    sop_instance_uid: str
    """Affected SOP Instance UID (0000,1000)."""
    abstract_syntax: str
    """SOP class for which the presentation context was accepted."""
    transfer_syntax_uid: str
    """Transfer syntax of the presentation context."""
    data_set: Iterable[bytes | memoryview]
    """The encoded data set exactly as it comes, in pieces. It may still be on its way: it can be gone through once, and
    a piece is only lent until the next is asked for."""
    calling_aet: AETitle


class Recorded(Enum):
    """What the index did with an instance."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    """The same instance with the same content was there already; only that it came again was noted."""
