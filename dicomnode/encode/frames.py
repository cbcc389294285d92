"""Carry the frames of multi-frame sources through highdicom, which takes slices for single-frame images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom import Dataset
from pydicom.uid import MRImageStorage

from dicomnode.encode import uids
from dicomnode.encode.references import key, reference


def stand_in(image: Dataset) -> tuple[str, str]:
    """SOP class and instance UID by which highdicom knows an image plane; a frame gets one of its own."""
    uid, frame = key(image)
    return (MRImageStorage, uids.stand_in(uid, frame)) if frame else (str(image.SOPClassUID), uid)


def resolve(result: Dataset, sources: Sequence[Dataset]) -> None:
    """Put instance and frame where a result that highdicom made names a stand-in."""
    meant = {stand_in(source)[1]: source for source in sources if key(source)[1]}
    if meant:
        _resolve(result, meant)


def _resolve(dataset: Dataset, meant: Mapping[str, Dataset]) -> None:
    for element in dataset:
        if element.VR != "SQ":
            continue
        for item in element.value:
            _resolve(item, meant)
            if (plane := meant.get(str(item.get("ReferencedSOPInstanceUID", "")))) is not None:
                item.update(reference(plane))
        if element.keyword == "ReferencedInstanceSequence":  # of a series: instances, not their frames
            instances = {str(item.ReferencedSOPInstanceUID): item for item in element.value}
            for item in instances.values():
                item.pop("ReferencedFrameNumber", None)
            element.value = [*instances.values()]
