"""Key Object Selection: the slices worth looking at first, and what shall no longer be looked at (PS3.3 A.35.4)."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import CodedConcept
from pydicom import Dataset, dcmread

from dicomnode.domain.identity import SOPClassUID, SOPInstanceUID
from dicomnode.domain.task import ResultObject
from dicomnode.encode import sources, times, uids
from dicomnode.encode.algorithm import concept
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import MANUFACTURER, Context, identify, stamp
from dicomnode.encode.finalize import to_bytes
from dicomnode.encode.series import Series
from dicomnode.encode.sr import evidence, observer
from dicomnode.errors import CheckFailed, EncodingError
from dicomnode.sdk.codes import Code

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.88.59"

# titles of a note on objects to be hidden (CID 7010 in PS3.16; IHE Imaging Object Change Management)
REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")
REJECTED_FOR_SAFETY = Code("113037", "DCM", "Rejected for Patient Safety Reasons")
INCORRECT_WORKLIST_ENTRY = Code("113038", "DCM", "Incorrect Modality Worklist Entry")
RETENTION_EXPIRED = Code("113039", "DCM", "Data Retention Policy Expired")

_OF_INTEREST = CodedConcept("113000", "DCM", "Of Interest")
_REJECTION_NUMBER = 99999


def build(contents: Contents, context: Context, series: Series) -> Dataset:
    """Write the key images of a task: for each segment the source slice where it is largest."""
    images = key_images(contents, context)
    selection = KeyObjectSelection(
        _OF_INTEREST,
        [_pixels(image) for image in images],
        observer_device_context=observer(context),
        description=f"Slices where {', '.join(contents.labels)} are largest",
    )
    document = KeyObjectSelectionDocument(
        evidence=list(map(evidence, images)),
        content=selection,
        series_instance_uid=series.uid,
        series_number=series.number,
        sop_instance_uid=series.instance_uid(),
        instance_number=1,
        manufacturer=MANUFACTURER,
    )
    stamp(document, context, series)
    return document


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
    note: Dataset = KeyObjectSelectionDocument(
        evidence=list(map(evidence, stale)),
        content=KeyObjectSelection(concept(title), [_pixels(header) for header in stale]),
        series_instance_uid=uids.rejection(title.value, *names, "series"),
        series_number=_REJECTION_NUMBER,
        sop_instance_uid=uids.rejection(title.value, *names, "instance"),
        instance_number=1,
        manufacturer=MANUFACTURER,
    )
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
    if referenced(read) != {str(header.SOPInstanceUID) for header in stale}:
        raise CheckFailed("KOS: the note does not name exactly the objects to reject")
    return ResultObject(
        sop_instance_uid=SOPInstanceUID(str(read.SOPInstanceUID)),
        sop_class_uid=SOPClassUID(SOP_CLASS),
        kind="KOS",
        description=str(read.SeriesDescription),
        content=content,
    )


def referenced(document: Dataset) -> set[str]:
    """SOP Instance UIDs that the content of a selection names."""
    return {
        str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for item in document.ContentSequence
        if "ReferencedSOPSequence" in item
    }


def _pixels(instance: Dataset) -> Dataset:
    """What tells highdicom whether to name an instance as an image."""
    named = Dataset()
    named.SOPClassUID, named.SOPInstanceUID = instance.SOPClassUID, instance.SOPInstanceUID
    if "Rows" in instance:
        named.Rows, named.Columns = instance.Rows, instance.Columns
    return named
