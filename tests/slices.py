"""Headers of synthetic MR volumes, without files, for tests of grouping, recognition and matching."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dicomnode.domain.identity import (
    AETitle,
    SeriesInstanceUID,
    SOPClassUID,
    SOPInstanceUID,
    StudyInstanceUID,
    TransferSyntaxUID,
)
from dicomnode.domain.instance import Instance, InstanceHeader, Patient, StoredObject
from dicomnode.sdk.codes import ARTIFICIAL_INTELLIGENCE
from dicomnode.sdk.spec import InputRole, Match, Parameter, PluginSpec
from tests.values import digest

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
FRAME = "1.2.3.9"
PATIENT = Patient(patient_id="P1", birth_date="20100101", sex="F")

GRADIENT_ECHO: Mapping[str, Any] = {
    "Modality": "MR",
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "ScanningSequence": ["GR"],
    "SequenceVariant": ["SP"],
    "ImagingFrequency": 63.87,
    "MagneticFieldStrength": 1.5,
    "EchoTime": 4.6,
    "RepetitionTime": 150.0,
    "FlipAngle": 70.0,
    "PhotometricInterpretation": "MONOCHROME2",
    "Rows": 8,
    "Columns": 10,
    "PixelSpacing": [2.0, 1.5],
    "FrameOfReferenceUID": FRAME,
    "SeriesNumber": 1,
    "AcquisitionDate": "20260301",
    "AcquisitionTime": "120000",
}
"""Facts of a spoiled gradient echo at 1.5 T, in phase; a value of None takes one away."""


IN_PHASE = ["ORIGINAL", "PRIMARY", "M", "IN_PHASE"]
"""Image Type of an echo that is called what it is: it needs no counterpart to be believed."""


def header(
    uid: str,
    *,
    series: str = "1.2.3.1",
    study: str = "1.2.3",
    sop_class: str = MR_IMAGE,
    patient: Patient = PATIENT,
    **facts: Any,
) -> InstanceHeader:
    """One instance."""
    known: dict[str, Any] = {**GRADIENT_ECHO, **facts}
    return InstanceHeader(
        sop_instance_uid=SOPInstanceUID(uid),
        sop_class_uid=SOPClassUID(sop_class),
        transfer_syntax_uid=TransferSyntaxUID("1.2.840.10008.1.2.1"),
        series_instance_uid=SeriesInstanceUID(series),
        study_instance_uid=StudyInstanceUID(study),
        patient=patient,
        facts={keyword: value for keyword, value in known.items() if value is not None},
    )


def volume(
    name: str,
    *,
    slices: int = 6,
    gap: float = 5.0,
    origin: Sequence[float] = (-30.0, -40.0, 10.0),
    orientation: Sequence[float] = AXIAL,
    step: Sequence[float] | None = None,
    **facts: Any,
) -> list[InstanceHeader]:
    """Parallel slices; ``step`` is the shift from slice to slice, by default ``gap`` along the normal."""
    row, column = np.array(orientation[:3]), np.array(orientation[3:])
    shift = gap * np.cross(row, column) if step is None else np.array(step)
    return [
        header(
            f"{name}.{n + 1}",
            InstanceNumber=n + 1,
            ImagePositionPatient=[float(x) for x in np.array(origin) + n * shift],
            ImageOrientationPatient=[float(x) for x in orientation],
            **facts,
        )
        for n in range(slices)
    ]


def stored(headers: Sequence[InstanceHeader]) -> list[Instance]:
    """The headers as instances; the digest follows from the UID."""
    return [
        Instance(
            header=one,
            stored=StoredObject(key=one.sop_instance_uid, size=100, digest=digest(one.sop_instance_uid)),
            calling_aet=AETitle("SENDER"),
        )
        for one in headers
    ]


def plugin(*inputs: InputRole, name: str = "fat_fraction", **fields: Any) -> PluginSpec:
    """A plugin with these inputs; by default an in- and an opposed-phase volume on one grid."""
    pair = (
        InputRole(role="in_phase", match=(Match(keyword="Role", op="eq", value="in-phase"),)),
        InputRole(
            role="opposed_phase",
            match=(Match(keyword="Role", op="eq", value="opposed-phase"),),
            same_grid_as="in_phase",
        ),
    )
    return PluginSpec(
        **{
            "name": name,
            "version": "0.1.0",
            "title": "Test",
            "intended_use": "tests",
            "status": "research",
            "inputs": inputs or pair,
            "produces": ("Measurement",),
            "entry": "somewhere:run",
            "family": ARTIFICIAL_INTELLIGENCE,
            "parameters": (Parameter(name="noise_gate", default=5.0, description="sigmas"),),
            **fields,
        }
    )


def segmentation(
    uid: str = "1.9.9",
    *,
    series: str = "1.2.3.9",
    places: Sequence[float] = (0.0, 5.0),
    aside: float = 0.0,
    sop_class: str = "1.2.840.10008.5.1.4.1.1.66.4",
    patient: Patient = PATIENT,
    **facts: Any,
) -> InstanceHeader:
    """A binary segmentation made on series 1.2.3.1, its frames at these heights over the first slice of `volume`.

    ``aside`` is by how much each next frame is shifted along its rows, mm.
    """
    known: dict[str, Any] = {
        "Modality": "SEG",
        "SeriesNumber": 9,
        "SegmentationType": "BINARY",
        "SegmentsOverlap": "NO",
        "SegmentTypes": ["10200004^SCT"],
        "ReferencedSeries": ["1.2.3.1"],
        "FrameOfReferenceUID": FRAME,
        "Rows": 8,
        "Columns": 10,
        "PixelSpacing": [2.0, 1.5],
        "ImageOrientationPatient": list(AXIAL),
        "ContentDate": "20260301",
        "ContentTime": "140000",
        **facts,
    }
    absent = dict.fromkeys(GRADIENT_ECHO)
    one = header(uid, series=series, sop_class=sop_class, patient=patient, **{**absent, **known})
    frames = tuple({"ImagePositionPatient": [-30.0 + n * aside, -40.0, 10.0 + z]} for n, z in enumerate(places))
    return replace(one, frames=frames)
