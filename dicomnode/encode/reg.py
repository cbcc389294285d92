"""Spatial Registration: where one input's space lies in another's (PS3.3 A.39)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from dicomnode.encode.context import MANUFACTURER, Context, body_part, coded, stamp
from dicomnode.encode.references import by_series, reference
from dicomnode.encode.series import Series
from dicomnode.encode.slices import frame_of_reference
from dicomnode.encode.sources import Sources
from dicomnode.sdk.findings import Registration

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.66.1"
_BY_CONTENT = ("125024", "DCM", "Image Content-based Alignment")
_SAME = 1e-4
"""How far the columns of a rotation may be from orthonormal."""

Matrix = npt.NDArray[np.float64]


def needed(registrations: Sequence[Registration], sources: Sources) -> tuple[Registration, ...]:
    """Those between two frames of reference.

    Within one, the object would contradict it: what it corrects, for example motion between two series, is said by
    the derived image alone.
    """
    return tuple(
        finding
        for finding in registrations
        if frame_of_reference(sources.by_role[finding.fixed][0])
        != frame_of_reference(sources.by_role[finding.moving][0])
    )


def unwritten(finding: Registration) -> str:
    """Why a registration within one frame of reference is no object, in words for the reader."""
    return (
        f"{finding.moving} was aligned to {finding.fixed}; both share a frame of reference, so no Spatial Registration "
        "is written: it would contradict that frame."
    )


def build(finding: Registration, context: Context, series: Series) -> Dataset:
    """Write a registration: the frame of reference is that of the fixed input (PS3.3 C.20.2)."""
    fixed, moving = (context.sources.by_role[role] for role in (finding.fixed, finding.moving))
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASS
    dataset.Modality = "REG"
    dataset.ContentLabel = "REGISTRATION"
    dataset.ContentDescription = series.description
    dataset.ContentCreatorName = f"{MANUFACTURER}^{context.work.spec.name}"
    dataset.FrameOfReferenceUID = frame_of_reference(fixed[0])
    dataset.PositionReferenceIndicator = fixed[0].get("PositionReferenceIndicator")
    dataset.RegistrationSequence = [_transformed(fixed, np.eye(4)), _transformed(moving, finding.matrix)]
    dataset.ReferencedSeriesSequence = by_series((*fixed, *moving), "ReferencedInstanceSequence")
    stamp(dataset, context, series)
    body_part(dataset, fixed[0])
    return dataset


def _transformed(headers: Sequence[Dataset], matrix: Matrix) -> Dataset:
    """One input and the matrix from its frame of reference to that of the object (PS3.3 C.20.2.1.1)."""
    step = Dataset()
    step.FrameOfReferenceTransformationMatrixType = _kind(matrix)
    step.FrameOfReferenceTransformationMatrix = [format_number_as_ds(float(value)) for value in matrix.ravel()]
    steps = Dataset()
    steps.MatrixSequence = [step]
    steps.RegistrationTypeCodeSequence = [coded(*_BY_CONTENT)]
    item = Dataset()
    item.FrameOfReferenceUID = frame_of_reference(headers[0])
    item.MatrixRegistrationSequence = [steps]
    item.ReferencedImageSequence = list(map(reference, headers))
    return item


def _kind(matrix: Matrix) -> str:
    product = matrix[:3, :3].T @ matrix[:3, :3]
    scale = float(np.trace(product)) / 3
    if np.abs(product - scale * np.eye(3)).max() > _SAME * scale:
        return "AFFINE"
    return "RIGID" if abs(scale - 1) <= _SAME else "RIGID_SCALE"
