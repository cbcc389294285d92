"""References from a result to instances of its study, as data sets want them."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset


def key(image: Dataset) -> tuple[str, int]:
    """What an image plane is known by: SOP Instance UID, and frame number (0 in a single-frame image)."""
    return str(image.SOPInstanceUID), int(image.get("ReferencedFrameNumber") or 0)


def reference(instance: Dataset) -> Dataset:
    """SOP Instance Reference macro (PS3.3 Table 10-11), with the frame where one is meant (Table 10-3)."""
    item = Dataset()
    item.ReferencedSOPClassUID = instance.SOPClassUID
    item.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    if "ReferencedFrameNumber" in instance:
        item.ReferencedFrameNumber = instance.ReferencedFrameNumber
    return item


def images(planes: Iterable[Dataset]) -> list[Dataset]:
    """One reference for each image, with all the frames that are meant."""
    items: dict[str, Dataset] = {}
    frames: dict[str, list[int]] = {}
    for plane in planes:
        uid, frame = key(plane)
        items.setdefault(uid, reference(plane))
        if frame:
            frames.setdefault(uid, []).append(frame)
            items[uid].ReferencedFrameNumber = frames[uid]
    return list(items.values())


def by_series(instances: Iterable[Dataset], keyword: str) -> list[Dataset]:
    """Items of a Referenced Series Sequence; each holds the references to its instances under ``keyword``."""
    series: dict[str, list[Dataset]] = {}
    for instance in {str(instance.SOPInstanceUID): instance for instance in instances}.values():
        item = reference(instance)
        item.pop("ReferencedFrameNumber", None)
        series.setdefault(str(instance.SeriesInstanceUID), []).append(item)
    items = []
    for uid, references in series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        setattr(item, keyword, references)
        items.append(item)
    return items
