"""What the segments of a Segmentation are, by their codes (PS3.3 C.8.20.4, Table 10-7)."""

from __future__ import annotations

from typing import Final, Literal

from pydicom import Dataset

from dicomnode.dicom import segment_facts
from dicomnode.errors import GeometryError
from dicomnode.sdk.codes import SIDES, Code
from dicomnode.sdk.labels import LabelledSegment, Side

BACKGROUND: Final = ("125040", "DCM")
_LATERALITIES: Final[tuple[Side, ...]] = ("L", "R", "B")
_SIDES: Final = {(SIDES[side].value, SIDES[side].scheme): side for side in _LATERALITIES}
_MAKERS: Final[dict[str, Literal["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]]] = {
    "AUTOMATIC": "AUTOMATIC",
    "SEMIAUTOMATIC": "SEMIAUTOMATIC",
    "MANUAL": "MANUAL",
}
_LONGEST = 64


def described(image: Dataset) -> dict[int, LabelledSegment]:
    """The segments by number, rising; a background that is described is none.

    Raises
    ------
    GeometryError
        When a segment has no number, no coded category or no coded type, or two share a number.
    """
    found: dict[int, LabelledSegment] = {}
    for item in sorted(image.SegmentSequence, key=lambda item: int(item.SegmentNumber)):
        number = int(item.SegmentNumber)
        category, kind = (_code(item, f"SegmentedProperty{name}CodeSequence") for name in ("Category", "Type"))
        if category is None or kind is None or number in found:
            raise GeometryError(f"its segment {number} is not described by codes, or described twice")
        if (kind.value, kind.scheme) == BACKGROUND:
            continue
        found[number] = LabelledSegment(
            label=_text(item, "SegmentLabel") or f"Segment {number}",
            category=category,
            type=kind,
            region=_code(item, "AnatomicRegionSequence"),
            side=_side(item),
            tracking_id=_text(item, "TrackingID"),
            maker=_MAKERS.get(str(item.get("SegmentAlgorithmType", "")), ""),
        )
    return found


def _side(item: Dataset) -> Side:
    """From the modifier of the type or of the region; empty where they say nothing, or contradict each other."""
    modified = [
        *item.get("SegmentedPropertyTypeCodeSequence", ()),
        *item.get("AnatomicRegionSequence", ()),
        item,
    ]
    keywords = ("SegmentedPropertyTypeModifierCodeSequence", "AnatomicRegionModifierSequence")
    codes = [_code(one, keyword) for one in modified for keyword in keywords]
    sides = {_SIDES[code.value, code.scheme] for code in codes if code and (code.value, code.scheme) in _SIDES}
    return sides.pop() if len(sides) == 1 else ""


def _code(item: Dataset, keyword: str) -> Code | None:
    for coded in item.get(keyword, ()):
        value = next((str(coded[name].value) for name in ("CodeValue", "LongCodeValue") if coded.get(name)), "")
        scheme = str(coded.get("CodingSchemeDesignator", ""))
        if value and scheme:
            return Code(*segment_facts.current(value, scheme), (_text(coded, "CodeMeaning") or value)[:_LONGEST])
    return None


def _text(item: Dataset, keyword: str) -> str:
    text = " ".join(str(item.get(keyword) or "").split())
    return "".join(character for character in text if character.isprintable() and character != "\\")
