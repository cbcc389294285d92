"""What a Segmentation's header says of its segments and of the series it was made on, undecoded (PS3.3 C.8.20)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom.datadict import tag_for_keyword
from pydicom.sr._snomed_dict import mapping as _snomed  # what pydicom's own Code compares by
from pydicom.uid import SegmentationStorage

from dicomnode.dicom import functional_groups
from dicomnode.dicom.elements import Encoding
from dicomnode.domain.instance import Facts

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
"""Label Map Segmentation Storage; pydicom 3.0 does not know it yet."""
CLASSES: frozenset[str] = frozenset({SegmentationStorage, LABEL_MAP})
"""SOP classes of segmentations."""
TYPES, SERIES = "SegmentTypes", "ReferencedSeries"
"""Facts: Segmented Property Type of each segment, as ``10200004^SCT``; UIDs of the series it was made on."""
SEQUENCES: Mapping[int, str] = {
    tag: name
    for keyword, name in (("SegmentSequence", TYPES), ("ReferencedSeriesSequence", SERIES))
    if (tag := tag_for_keyword(keyword)) is not None
}
"""Tags of the sequences they are read from."""

_CODE = ("CodeValue", "CodingSchemeDesignator")
_INTO = frozenset({tag_for_keyword("SegmentedPropertyTypeCodeSequence")})
_WANTED = {tag: keyword for keyword in (*_CODE, "SeriesInstanceUID") if (tag := tag_for_keyword(keyword)) is not None}
_LONGEST = 64  # bytes; of a code value, a scheme or a UID
_MOST = 4096  # segments or series


def read(sequences: Mapping[int, memoryview], encoding: Encoding) -> dict[str, list[str]]:
    """Facts of the sequences of a segmentation's header, by tag; what is not there has no entry.

    Raises
    ------
    NotUnderstood
        When a length leads outside a sequence.
    """
    found: dict[str, list[str]] = {}
    for tag, name in SEQUENCES.items():
        items = functional_groups.read(sequences.get(tag, memoryview(b"")), encoding, _WANTED, _LONGEST, _INTO)
        values = [_type(item) if name == TYPES else _text(item, "SeriesInstanceUID") for item in items]
        if kept := list(dict.fromkeys(filter(None, values)))[:_MOST]:
            found[name] = kept
    return found


def current(value: str, scheme: str) -> tuple[str, str]:
    """A code as it is written today: what SNOMED calls SRT, in SNOMED CT (PS3.16 section 8.1.1)."""
    successor = _snomed["SRT"].get(value) if scheme in ("SRT", "SNM3", "99SDM") else None
    return (str(successor), "SCT") if successor else (value, scheme)


def distinct(frames: Sequence[Facts]) -> tuple[Facts, ...]:
    """Frames that lie at different places: a segmentation repeats a place for each segment."""
    return tuple({str(sorted(frame.items())): frame for frame in frames}.values())


def _type(item: functional_groups.Found) -> str:
    value, scheme = (_text(item, keyword) for keyword in _CODE)
    return "^".join(current(value, scheme)) if value and scheme else ""


def _text(item: functional_groups.Found, keyword: str) -> str:
    return item.get(keyword, ("", b""))[1].decode("ascii", "replace").strip("\0 ")
