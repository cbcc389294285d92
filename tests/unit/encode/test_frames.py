"""Frames go through highdicom under names of their own and come out as instance and frame number."""

from __future__ import annotations

from pydicom import Dataset

from dicomnode.encode import frames as multi_frame
from dicomnode.encode import references


def plane(uid: str, frame: int = 0) -> Dataset:
    image = Dataset()
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.4" + (".1" if frame else "")
    image.SOPInstanceUID = uid
    if frame:
        image.ReferencedFrameNumber = frame
    return image


def named(uid: str, sop_class: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
    return item


def test_single_frames_go_by_their_own_names() -> None:
    image = plane("1.1")
    assert references.key(image) == ("1.1", 0)
    assert multi_frame.stand_in(image) == (image.SOPClassUID, "1.1")
    assert "ReferencedFrameNumber" not in references.reference(image)


def test_stand_ins_of_frames_are_resolved_at_any_depth() -> None:
    frames = [plane("1.1", 1), plane("1.1", 2)]
    names = [multi_frame.stand_in(frame) for frame in frames]
    assert len({uid for _, uid in names}) == 2
    series, source, result = Dataset(), Dataset(), Dataset()
    series.ReferencedInstanceSequence = [named(uid, sop_class) for sop_class, uid in names]
    source.SourceImageSequence = [named(names[1][1], names[1][0]), named("1.9", "1.2")]
    result.ReferencedSeriesSequence = [series]
    result.PerFrameFunctionalGroupsSequence = [source]
    multi_frame.resolve(result, [*frames, plane("1.9")])
    (instance,) = series.ReferencedInstanceSequence
    assert (instance.ReferencedSOPInstanceUID, instance.ReferencedSOPClassUID) == ("1.1", frames[0].SOPClassUID)
    assert "ReferencedFrameNumber" not in instance
    first, other = source.SourceImageSequence
    assert (first.ReferencedSOPInstanceUID, first.ReferencedFrameNumber) == ("1.1", 2)
    assert (other.ReferencedSOPInstanceUID, "ReferencedFrameNumber" in other) == ("1.9", False)
