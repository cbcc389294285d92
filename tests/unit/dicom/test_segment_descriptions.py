"""Segments by their codes."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from dicomnode.dicom.segment_descriptions import described
from dicomnode.errors import GeometryError
from dicomnode.sdk.codes import Code


def coded(value: str, scheme: str, meaning: str = "something") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def item(number: int = 1, kind: tuple[str, str] = ("91728009", "SCT")) -> Dataset:
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = (
        number,
        " Nerve \n one ",
        "SEMIAUTOMATIC",
    )
    segment.SegmentedPropertyCategoryCodeSequence = [coded("85756007", "SCT", "Tissue")]
    segment.SegmentedPropertyTypeCodeSequence = [coded(*kind)]
    return segment


def image(*segments: Dataset) -> Dataset:
    dataset = Dataset()
    dataset.SegmentSequence = list(segments)
    return dataset


def test_category_type_region_label_and_tracking() -> None:
    one = item(kind=("T-A0500", "SRT"))
    one.AnatomicRegionSequence = [coded("T-D1600", "SRT", "Neck")]
    one.TrackingID = "left nerve"
    segment = described(image(one))[1]
    assert (segment.label, segment.tracking_id, segment.maker) == ("Nerve one", "left nerve", "SEMIAUTOMATIC")
    assert segment.category == Code("85756007", "SCT", "Tissue")
    assert (segment.type.value, segment.type.scheme) == ("84782009", "SCT")
    assert segment.region == Code("45048000", "SCT", "Neck")


LEFT, RIGHT = ("7771000", "SCT"), ("G-A100", "SRT")


@pytest.mark.parametrize(
    ("of_type", "of_region", "side"),
    [(LEFT, None, "L"), (None, RIGHT, "R"), (LEFT, LEFT, "L"), (LEFT, RIGHT, ""), (None, None, "")],
)
def test_laterality_by_either_modifier_and_none_where_they_disagree(
    of_type: tuple[str, str] | None, of_region: tuple[str, str] | None, side: str
) -> None:
    one = item()
    one.AnatomicRegionSequence = [coded("45048000", "SCT", "Neck")]
    if of_type:
        kind = one.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [coded(*of_type)]
    if of_region:
        one.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [coded(*of_region)]
    assert described(image(one))[1].side == side


def test_in_the_order_of_their_numbers_without_a_background() -> None:
    found = described(image(item(7), item(2), item(1, ("125040", "DCM"))))
    assert list(found) == [2, 7]


def test_a_number_twice_is_refused() -> None:
    with pytest.raises(GeometryError, match="described twice"):
        described(image(item(3), item(3)))
