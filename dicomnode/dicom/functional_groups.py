"""Find the attributes of every frame in the functional groups of a multi-frame image (PS3.3 C.7.6.16), undecoded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydicom.datadict import tag_for_keyword

from dicomnode.dicom.elements import Encoding, items, walk

_MACROS = frozenset(
    tag_for_keyword(keyword)
    for keyword in (
        *("PixelMeasuresSequence", "PlanePositionSequence", "PlaneOrientationSequence", "FrameContentSequence"),
        *("MRImageFrameTypeSequence", "MRTimingAndRelatedParametersSequence", "MREchoSequence", "MRModifierSequence"),
        *("MRImagingModifierSequence", "MRAveragesSequence", "MRFOVGeometrySequence", "MRDiffusionSequence"),
        *("DiffusionGradientDirectionSequence", "CardiacSynchronizationSequence", "PixelValueTransformationSequence"),
        "ContrastBolusUsageSequence",
        *("UnassignedSharedConvertedAttributesSequence", "UnassignedPerFrameConvertedAttributesSequence"),
    )
)
"""Those that say where a frame lies and what physics made it, and where a converted image keeps its attributes.

Private sequences stay closed: Philips repeats a whole classic header in one, with positions that are not the frame's.
"""

Found = dict[str, tuple[str, bytes]]
"""Value representation and raw value by keyword."""


def read(
    data_set: memoryview,
    encoding: Encoding,
    wanted: Mapping[int, str],
    longest: int,
    into: frozenset[int | None] = _MACROS,
) -> list[Found]:
    """The wanted attributes of each item of a functional groups sequence, or of another one of its form.

    Parameters
    ----------
    data_set : memoryview
        The value of Shared (5200,9229) or Per-frame Functional Groups Sequence (5200,9230).
    wanted : mapping of tag to keyword
        What to look for.
    longest : int
        Bytes; a longer value is passed over.
    into : frozenset of tags
        Sequences inside an item that are read too.

    Raises
    ------
    NotUnderstood
        When a length leads outside the sequence.
    """
    return [dict(_attributes(item, encoding, wanted, longest, into)) for item in items(data_set, encoding)]


def _attributes(
    item: memoryview, encoding: Encoding, wanted: Mapping[int, str], longest: int, into: frozenset[int | None]
) -> Iterator[tuple[str, tuple[str, bytes]]]:
    for element in walk(item, encoding):
        if element.tag in into:
            for inner in items(item[element.start : element.end], encoding):
                yield from _attributes(inner, encoding, wanted, longest, into)
        elif (keyword := wanted.get(element.tag)) is not None and 0 < element.end - element.start <= longest:
            yield keyword, (element.vr, bytes(item[element.start : element.end]))
