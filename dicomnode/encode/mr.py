"""Derived MR images: a new signal on the slices of an input, one instance each (PS3.3 A.4)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import deepcopy

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicomnode.encode import reg, slices
from dicomnode.encode.context import Context, body_part, coded, stamp
from dicomnode.encode.finalize import instance_of, prototype
from dicomnode.encode.series import Series
from dicomnode.encode.sources import ACQUISITION
from dicomnode.sdk.findings import DerivedImage, Registration

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.4"
_LARGEST = 32767
_EVEN_WHEN_EMPTY = ("ScanOptions", "MRAcquisitionType", "RepetitionTime", "EchoTime", "EchoTrainLength")
_NO_UNITS = ("1", "UCUM", "no units")


def build(
    finding: DerivedImage, context: Context, series: Series, unwritten: Sequence[Registration]
) -> Iterator[Dataset]:
    """Write each slice as its own instance, in slice order; of ``unwritten`` registrations only the image can tell."""
    common = _attributes(finding, context, series)
    for registration in unwritten:
        if registration.fixed == finding.on and registration.moving in finding.derived_from:
            common.DerivationDescription += f". {reg.unwritten(registration)}"
    common = prototype(common)
    for number, plane in enumerate(stored_values(finding), start=1):
        image = instance_of(common)
        image.SOPInstanceUID = series.instance_uid(number)
        image.InstanceNumber = number
        slices.refer(image, finding.on, finding.derived_from, context, number - 1)
        slices.place(image, finding.on, context, number - 1)
        image.PixelData = plane.astype("<i2").tobytes()
        image["PixelData"].VR = "OW"
        yield image


def slope(finding: DerivedImage) -> float:
    """Signal of one stored unit: 1 for integers, else the power of two that fits the largest magnitude in 16 bits."""
    largest = float(np.abs(finding.array).max())
    if finding.array.dtype == np.int16 or not largest:
        return 1.0
    return 2.0 ** math.ceil(math.log2(largest / _LARGEST))


def stored_values(finding: DerivedImage) -> npt.NDArray[np.int16]:
    """(z, y, x) values as written."""
    return np.rint(finding.array / np.float64(slope(finding))).astype(np.int16)


def _attributes(finding: DerivedImage, context: Context, series: Series) -> Dataset:
    """All that the instances of the series share."""
    image = Dataset()
    image.SOPClassUID = SOP_CLASS
    image.Modality = "MR"
    image.ImageType = ["DERIVED", "SECONDARY", "OTHER"]
    image.SamplesPerPixel = 1
    image.PhotometricInterpretation = "MONOCHROME2"
    image.Rows, image.Columns = finding.array.shape[1:]
    image.BitsAllocated = image.BitsStored = 16
    image.HighBit = 15
    image.PixelRepresentation = 1
    image.BurnedInAnnotation = "NO"
    image.SpacingBetweenSlices = round(context.work.geometry[finding.on].spacing[0], 6)
    image.WindowCenter, image.WindowWidth = (round(value / slope(finding), 3) for value in finding.window)
    image.RealWorldValueMappingSequence = [_signal(finding)]
    image.DerivationDescription = (
        f"{finding.title}; computed by {context.work.spec.name} {context.work.spec.version} "
        f"from {', '.join(finding.derived_from)} on the grid of {finding.on}"
    )
    image.DerivationCodeSequence = [
        coded(finding.derivation.value, finding.derivation.scheme, finding.derivation.meaning)
    ]
    _acquired(image, finding, context)
    stamp(image, context, series)
    del image.SOPInstanceUID, image.InstanceNumber  # shared elements must not be written to
    body_part(image, context.sources.by_role[finding.on][0])
    slices.keep_lossy_history(image, context.sources.every())
    return image


def _acquired(image: Dataset, finding: DerivedImage, context: Context) -> None:
    """How the signal was acquired, where it is that of one input; else that nobody acquired it (PS3.3 C.8.3.1)."""
    for keyword in _EVEN_WHEN_EMPTY:
        setattr(image, keyword, None)
    image.ScanningSequence, image.SequenceVariant = "RM", "NONE"
    image.PatientPosition = context.sources.by_role[finding.on][0].get("PatientPosition")
    if len(set(finding.derived_from)) == 1:
        source = context.sources.by_role[finding.derived_from[0]][0]
        for keyword in ACQUISITION:
            if keyword in source and not source[keyword].is_empty:
                image[keyword] = deepcopy(source[keyword])


def _signal(finding: DerivedImage) -> Dataset:
    """Stored values to the signal the plugin gave (PS3.3 C.7.6.16.2.11)."""
    mapping = Dataset()
    mapping.RealWorldValueFirstValueMapped = -_LARGEST
    mapping.RealWorldValueLastValueMapped = _LARGEST
    for keyword in ("RealWorldValueFirstValueMapped", "RealWorldValueLastValueMapped"):
        mapping[keyword].VR = "SS"
    mapping.RealWorldValueSlope = slope(finding)
    mapping.RealWorldValueIntercept = 0.0
    mapping.LUTLabel = "SIGNAL"
    mapping.LUTExplanation = "Signal in arbitrary units"
    mapping.MeasurementUnitsCodeSequence = [coded(*_NO_UNITS)]
    return mapping
