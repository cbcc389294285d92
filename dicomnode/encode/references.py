"""Refer to source images, and to the one frame meant where an image has several (PS3.3 table 10-3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom import Dataset
from pydicom.uid import MRImageStorage

from dicomnode.encode import uids


def key(image: Dataset) -> tuple[str, int]:
    """What an image plane is known by: SOP Instance UID, and frame number (0 in a single-frame image)."""
    return str(image.SOPInstanceUID), int(image.get("ReferencedFrameNumber") or 0)


def refer(image: Dataset) -> Dataset:
    """An item of the Image SOP Instance Reference macro."""
    item = Dataset()
    item.ReferencedSOPClassUID = image.SOPClassUID
    item.ReferencedSOPInstanceUID = image.SOPInstanceUID
    if "ReferencedFrameNumber" in image:
        item.ReferencedFrameNumber = image.ReferencedFrameNumber
    return item


def stand_in(image: Dataset) -> tuple[str, str]:
    """SOP class and instance UID under which highdicom gets to know an image plane.

    It takes slices for single-frame images, so each frame goes by a name of its own until :func:`resolve`.
    """
    uid, frame = key(image)
    return (MRImageStorage, uids.stand_in(uid, frame)) if frame else (str(image.SOPClassUID), uid)


def resolve(result: Dataset, sources: Sequence[Dataset]) -> None:
    """Put instance and frame where a result that highdicom made names a stand-in."""
    meant = {stand_in(source)[1]: source for source in sources if "ReferencedFrameNumber" in source}
    if meant:
        _resolve(result, meant)


def _resolve(dataset: Dataset, meant: Mapping[str, Dataset]) -> None:
    for element in dataset:
        if element.VR != "SQ":
            continue
        for item in element.value:
            _resolve(item, meant)
            if (plane := meant.get(str(item.get("ReferencedSOPInstanceUID", "")))) is not None:
                item.update(refer(plane))
        if element.keyword == "ReferencedInstanceSequence":  # of a series: instances, not their frames
            instances = {str(item.ReferencedSOPInstanceUID): item for item in element.value}
            for item in instances.values():
                item.pop("ReferencedFrameNumber", None)
            element.value = [*instances.values()]
