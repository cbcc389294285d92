"""Key Object Selection: the slices worth looking at first, and what shall no longer be looked at (PS3.3 A.35.4)."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from highdicom.ko import KeyObjectSelection
from highdicom.sr import CodedConcept
from pydicom import Dataset, dcmread

from dicomnode.domain.identity import SeriesInstanceUID, SOPClassUID, SOPInstanceUID
from dicomnode.domain.task import ResultObject
from dicomnode.encode import document, references, sources, times, uids
from dicomnode.encode.algorithm import concept
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import MANUFACTURER, Context, identify, stamp
from dicomnode.encode.finalize import to_bytes
from dicomnode.encode.series import Series
from dicomnode.encode.sr import observer
from dicomnode.errors import CheckFailed, EncodingError
from dicomnode.sdk.codes import Code

REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")
"""Title of a note on objects to be hidden (PS3.16 CID 7010; IHE Imaging Object Change Management)."""

_OF_INTEREST = CodedConcept("113000", "DCM", "Of Interest")
_REJECTION_NUMBER = 99999


def build(contents: Contents, context: Context, series: Series) -> Dataset:
    """Write the key images of a task: for each segment the source slice where it is largest."""
    images = key_images(contents, context)
    description = f"Slices where {', '.join(contents.labels)} are largest"
    root = _content(_OF_INTEREST, images, observer_device_context=observer(context), description=description)
    dataset = document.selection(root, images)
    stamp(dataset, context, series)
    return dataset


def key_images(contents: Contents, context: Context) -> list[Dataset]:
    """The source slices in which a segment is largest, each once."""
    chosen = {
        (finding.on, int(np.count_nonzero(finding.labels == number, axis=(1, 2)).argmax()))
        for finding in contents.segmentations
        for number in range(1, len(finding.segments) + 1)
    }
    return [context.sources.by_role[role][number] for role, number in sorted(chosen)]


def reject(files: Sequence[Path], title: Code) -> ResultObject:
    """A rejection note: the archive shall no longer show these objects of ours.

    Parameters
    ----------
    files : sequence of Path
        The objects, Part 10, of one patient and study.
    title : Code
        Why, for example :data:`REJECTED_FOR_QUALITY`.

    Raises
    ------
    EncodingError
        When there are none, or one cannot be read.
    CheckFailed
        When they are not of one patient and study, or the note does not name exactly them.
    """
    stale = [sources.read_header(path) for path in files]
    if not stale:
        raise EncodingError("a rejection note needs objects to reject")
    if any(sources.differing(header, stale[0]) for header in stale):
        raise CheckFailed("the objects to reject are not of one patient and study")
    names = sorted(str(header.SOPInstanceUID) for header in stale)
    moment = times.newest(stale)
    note = document.selection(_content(concept(title), stale), stale)
    note.SeriesInstanceUID = uids.rejection(title.value, *names, "series")
    note.SOPInstanceUID = uids.rejection(title.value, *names, "instance")
    note.SeriesNumber, note.InstanceNumber = _REJECTION_NUMBER, 1
    note.Manufacturer = MANUFACTURER
    identify(note, stale[0])
    note.SeriesDescription = title.meaning
    note.SeriesDate = note.ContentDate = moment.date
    note.SeriesTime = note.ContentTime = moment.time
    return _proven(note, stale)


def _proven(note: Dataset, stale: Sequence[Dataset]) -> ResultObject:
    content = to_bytes(note)
    read = dcmread(BytesIO(content))
    if different := sources.differing(read, stale[0]):
        raise CheckFailed(f"KOS: {', '.join(different)} is not that of the objects to reject")
    if referenced(read) != set(map(references.key, stale)):
        raise CheckFailed("KOS: the note does not name exactly the objects to reject")
    return ResultObject(
        sop_instance_uid=SOPInstanceUID(str(read.SOPInstanceUID)),
        sop_class_uid=SOPClassUID(document.KEY_OBJECT_SELECTION),
        series_instance_uid=SeriesInstanceUID(str(read.SeriesInstanceUID)),
        kind="KOS",
        description=str(read.SeriesDescription),
        content=content,
    )


def referenced(selection: Dataset) -> set[tuple[str, int]]:
    """Image planes and objects that the content of a selection names, as :func:`references.key` does."""
    named = [item.ReferencedSOPSequence[0] for item in selection.ContentSequence if "ReferencedSOPSequence" in item]
    return {(str(item.ReferencedSOPInstanceUID), int(item.get("ReferencedFrameNumber") or 0)) for item in named}


def _content(title: CodedConcept, instances: Sequence[Dataset], **further: Any) -> Dataset:
    """Root of a selection (PS3.16 TID 2010); highdicom names no frames."""
    root: Dataset = KeyObjectSelection(title, list(map(_named, instances)), **further)[0]
    items = [item for item in root.ContentSequence if "ReferencedSOPSequence" in item]
    for item, instance in zip(items, instances, strict=True):
        item.ReferencedSOPSequence = [references.reference(instance)]
    return root


def _named(instance: Dataset) -> Dataset:
    """What tells highdicom whether an instance is an image."""
    named = Dataset()
    named.SOPClassUID, named.SOPInstanceUID = instance.SOPClassUID, instance.SOPInstanceUID
    if "Rows" in instance:
        named.Rows, named.Columns = instance.Rows, instance.Columns
    return named
