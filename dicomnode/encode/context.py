"""Patient, study, series and equipment of a result: stamped by the node, in one place, onto every object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pydicom import Dataset

import dicomnode
from dicomnode.encode.series import Series
from dicomnode.encode.sources import ACQUISITION_EQUIPMENT, PATIENT, STUDY, Sources
from dicomnode.encode.times import Moment
from dicomnode.encode.work import Work

_EVEN_WHEN_EMPTY = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
    "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
"""Type 2 attributes: present without a value where the source has none."""

_PAIRED = frozenset({
    None, "", "ANKLE", "ARM", "AXILLA", "BREAST", "CALF", "CLAVICLE", "EAR", "ELBOW", "EXTREMITY", "EYE", "FEMUR",
    "FINGER", "FOOT", "FOREARM", "HAND", "HIP", "HUMERUS", "KIDNEY", "KNEE", "LEG", "LUNG", "ORBIT", "PATELLA",
    "SCAPULA", "SHOULDER", "THIGH", "THUMB", "TOE", "UPRLEG", "WRIST",
})  # fmt: skip
"""Body parts that come in twos (PS3.16 Annex L), and those nobody named."""

MANUFACTURER = "dicomnode"
_ACQUISITION = ("109101", "DCM", "Acquisition Equipment")
_PROCESSING = ("109102", "DCM", "Processing Equipment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything about a task that its result objects share."""

    work: Work
    sources: Sources
    moment: Moment


def stamp(dataset: Dataset, context: Context, series: Series, *, instance: int = 1) -> None:
    """Write patient, study, series, equipment and SOP common modules, over whatever stands there.

    Mends highdicom, which stamps itself with the wall clock as contributing equipment and as creation time, checks
    and refuses identity the source is entitled to, and drops parts of it in some objects.
    """
    identify(dataset, context.sources.first)
    dataset.SOPInstanceUID = series.instance_uid(instance)
    dataset.InstanceNumber = instance
    dataset.SeriesInstanceUID = series.uid
    dataset.SeriesNumber = series.number
    dataset.SeriesDescription = series.description
    dataset.SeriesDate = dataset.ContentDate = context.moment.date
    dataset.SeriesTime = dataset.ContentTime = context.moment.time
    _equipment(dataset, context)


def identify(dataset: Dataset, source: Dataset) -> None:
    """Write patient and study as the source has them, and forget when and by which library this was made."""
    for keyword in _EVEN_WHEN_EMPTY:
        setattr(dataset, keyword, None)
    _copy(source, dataset, (*PATIENT, *STUDY, "TimezoneOffsetFromUTC"))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    for keyword in ("InstanceCreationDate", "InstanceCreationTime", "ContributingEquipmentSequence"):
        if keyword in dataset:
            delattr(dataset, keyword)


def constructor_arguments(context: Context, series: Series) -> dict[str, Any]:
    """What highdicom's constructors of multi-frame images and presentation states insist on alike."""
    spec = context.work.spec
    return {
        "series_instance_uid": series.uid,
        "series_number": series.number,
        "sop_instance_uid": series.instance_uid(),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": MANUFACTURER,
        "software_versions": spec.version,
        "device_serial_number": spec.name,
        "content_description": series.description,
        "content_creator_name": f"{MANUFACTURER}^{spec.name}",
    }


def body_part(dataset: Dataset, source: Dataset) -> None:
    """Copy body part and side (General Series module, PS3.3 C.7.3.1).

    Laterality is type 2C: where the body part is paired or not named and the source names no side, it is there
    without a value, which says "not known".
    """
    _copy(source, dataset, ("BodyPartExamined", "Laterality"))
    if "Laterality" not in dataset and source.get("BodyPartExamined") in _PAIRED:
        dataset.Laterality = None


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    """An item of a code sequence (PS3.3 Table 8.8-1)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _equipment(dataset: Dataset, context: Context) -> None:
    spec = context.work.spec
    dataset.Manufacturer = dataset.ManufacturerModelName = MANUFACTURER
    dataset.DeviceSerialNumber = spec.name
    dataset.SoftwareVersions = [dicomnode.__version__, f"{spec.name} {spec.version}"[:64]]
    _copy(context.sources.first, dataset, ("InstitutionName",))
    processing = Dataset()
    processing.Manufacturer = processing.ManufacturerModelName = MANUFACTURER
    processing.SoftwareVersions = dicomnode.__version__
    processing.ContributionDescription = f"Plugin {spec.name} {spec.version}"
    processing.PurposeOfReferenceCodeSequence = [coded(*_PROCESSING)]
    dataset.ContributingEquipmentSequence = [*_acquired_with(context.sources.every()), processing]


def _acquired_with(headers: Iterable[Dataset]) -> Iterator[Dataset]:
    seen = set()
    for header in headers:
        key = tuple(str(header.get(keyword)) for keyword in ACQUISITION_EQUIPMENT)
        if header.get("Manufacturer") and key not in seen:
            seen.add(key)
            item = Dataset()
            _copy(header, item, ACQUISITION_EQUIPMENT)
            item.PurposeOfReferenceCodeSequence = [coded(*_ACQUISITION)]
            yield item


def _copy(source: Dataset, target: Dataset, keywords: Iterable[str]) -> None:
    for keyword in keywords:
        if keyword in source and not source[keyword].is_empty:
            target.add(deepcopy(source[keyword]))
