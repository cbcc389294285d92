"""Attributes of frames are found in their macros, and nowhere else."""

from __future__ import annotations

import pytest
from pydicom.datadict import tag_for_keyword

from dicomnode.dicom import functional_groups
from dicomnode.dicom.elements import Encoding
from dicomnode.errors import NotUnderstood
from tests.datasets import Writer

WANTED = {0x00189082: "EffectiveEchoTime", 0x00200032: "ImagePositionPatient"}


def tag(keyword: str) -> int:
    found = tag_for_keyword(keyword)
    assert found is not None
    return found


def item(writer: Writer, position: str, *, undefined: bool = False) -> bytes:
    plane = writer.item(writer.element(0x00200032, "DS", position), undefined=undefined)
    echo = writer.item(writer.element(0x00189082, "FD", bytes(8)))
    inner = writer.item(writer.element(0x00200032, "DS", "9\\9\\9"))
    return writer.item(
        writer.sequence(tag("MREchoSequence"), echo)
        + writer.sequence(tag("PlanePositionSequence"), plane, undefined=undefined)
        + writer.sequence(0x2005140F, inner, undefined=undefined),  # what Philips repeats is not this frame's
        undefined=undefined,
    )


@pytest.mark.parametrize("writer", [Writer(), Writer(explicit=False), Writer(order=">")])
@pytest.mark.parametrize("undefined", [False, True])
def test_each_item_gives_its_own_values(writer: Writer, undefined: bool) -> None:
    value = item(writer, "1\\2\\3", undefined=undefined) + item(writer, "4\\5\\6", undefined=undefined)
    if undefined:
        value += writer.mark(0xE0DD)
    encoding = Encoding(implicit=not writer.explicit, order=writer.order)
    found = functional_groups.read(memoryview(value), encoding, WANTED, 100)
    assert [frame["ImagePositionPatient"][1].strip(b"\0 ") for frame in found] == [b"1\\2\\3", b"4\\5\\6"]
    assert [frame["EffectiveEchoTime"][1] for frame in found] == [bytes(8)] * 2


def test_a_value_too_long_is_passed_over() -> None:
    (frame,) = functional_groups.read(
        memoryview(item(Writer(), "1\\2\\3")), Encoding(implicit=False, order="<"), WANTED, 7
    )
    assert sorted(frame) == ["ImagePositionPatient"]


@pytest.mark.parametrize("cut", [1, 9, 30])
def test_what_ends_too_early_is_not_understood(cut: int) -> None:
    value = item(Writer(), "1\\2\\3")[:-cut]
    with pytest.raises(NotUnderstood):
        functional_groups.read(memoryview(value), Encoding(implicit=False, order="<"), WANTED, 100)
