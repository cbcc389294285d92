"""References from a result to instances of its study, as data sets want them."""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset


def reference(instance: Dataset) -> Dataset:
    """SOP Instance Reference macro (PS3.3 Table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = instance.SOPClassUID
    item.ReferencedSOPInstanceUID = instance.SOPInstanceUID
    return item


def by_series(instances: Iterable[Dataset], keyword: str) -> list[Dataset]:
    """Items of a Referenced Series Sequence; each holds the references to its instances under ``keyword``."""
    series: dict[str, list[Dataset]] = {}
    for instance in {str(instance.SOPInstanceUID): instance for instance in instances}.values():
        series.setdefault(str(instance.SeriesInstanceUID), []).append(reference(instance))
    items = []
    for uid, references in series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        setattr(item, keyword, references)
        items.append(item)
    return items
