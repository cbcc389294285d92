"""Secondary Capture: colour pictures that lie on their source slices, one instance each (PS3.3 A.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicomnode.encode import grid, references
from dicomnode.encode.burn import Picture, mark
from dicomnode.encode.context import MANUFACTURER, Context, body_part, coded, stamp
from dicomnode.encode.series import Series
from dicomnode.errors import EncodingError
from dicomnode.sdk.findings import SecondaryCapture

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"
_SOURCE_OF_PROCESSING = ("121322", "DCM", "Source image for image processing operation")
_PROCESSED = ("113091", "DCM", "Pixel by pixel processing")
_TOWARDS = (("R", "L"), ("A", "P"), ("F", "H"))
"""Letters against and along the patient's axes x, y, z (PS3.3 C.7.6.1.1.1)."""


def build(finding: SecondaryCapture, context: Context, series: Series) -> Iterator[Dataset]:
    """Write each picture as its own instance, in slice order."""
    common = _attributes(finding, context, series)
    for number, picture in enumerate(pictures(finding, context), start=1):
        image = deepcopy(common)
        image.SOPInstanceUID = series.instance_uid(number)
        image.InstanceNumber = number
        image.SourceImageSequence = _sources(finding, context, number - 1)
        if finding.on:
            _place(image, finding, context, number - 1)
        pixels = picture.tobytes()
        image.PixelData = pixels + b"\x00" * (len(pixels) % 2)
        image["PixelData"].VR = "OB"
        yield image


def pictures(finding: SecondaryCapture, context: Context) -> Iterator[Picture]:
    """The pixels as written: with the research mark burned in where the node's mode asks for it."""
    return (mark(frame) if context.work.mode == "research" else frame for frame in finding.frames)


def _attributes(finding: SecondaryCapture, context: Context, series: Series) -> Dataset:
    """All that the instances of the series share."""
    image = Dataset()
    image.SOPClassUID = SOP_CLASS
    image.Modality = "OT"
    image.ConversionType = "WSD"
    image.ImageType = ["DERIVED", "SECONDARY"]
    image.SamplesPerPixel = 3
    image.PhotometricInterpretation = "RGB"
    image.PlanarConfiguration = 0
    image.Rows, image.Columns = finding.frames.shape[1:3]
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit = 7
    image.PixelRepresentation = 0
    image.BurnedInAnnotation = "YES" if context.work.mode == "research" else "NO"
    image.DerivationDescription = f"{finding.title}; computed by {context.work.spec.name} {context.work.spec.version}"
    image.DerivationCodeSequence = [coded(*_PROCESSED)]
    image.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    image.SecondaryCaptureDeviceManufacturerModelName = MANUFACTURER
    image.PatientOrientation = None
    stamp(image, context, series)
    body_part(image, context.sources.first)
    _lossy(image, context.sources.every())
    return image


def _place(image: Dataset, finding: SecondaryCapture, context: Context, number: int) -> None:
    """Frame of Reference and Image Plane modules of the source slice."""
    source = context.sources.by_role[finding.on][number]
    if not source.get("FrameOfReferenceUID"):
        raise EncodingError("the input has no Frame of Reference UID; nothing can be written onto its grid")
    for keyword in ("FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        image[keyword] = source[keyword]
    image.PositionReferenceIndicator = source.get("PositionReferenceIndicator")
    image.SliceThickness = grid.thickness(source, context.work.geometry[finding.on])
    directions = np.asarray(source.ImageOrientationPatient, float).reshape(2, 3)
    image.PatientOrientation = [_letters(direction) for direction in directions]


def _letters(direction: npt.NDArray[np.float64]) -> str:
    """Where a direction points, the main axis first, for example ``LP``; axes below 1 in 10 000 are left out."""
    axes = sorted(range(3), key=lambda axis: -abs(direction[axis]))
    return "".join(_TOWARDS[axis][int(direction[axis] > 0)] for axis in axes if abs(direction[axis]) > 1e-4)


def _sources(finding: SecondaryCapture, context: Context, number: int) -> list[Dataset]:
    """References to the slices a picture shows; all of an input whose slices are not those of the picture."""
    geometry = context.work.geometry
    chosen: list[Dataset] = []
    for role in dict.fromkeys((finding.on, *finding.derived_from) if finding.on else finding.derived_from):
        headers = context.sources.by_role[role]
        same = finding.on and geometry[role].shape == geometry[finding.on].shape
        if same and geometry[role].farthest_corner(geometry[finding.on]) < geometry[role].spacing[0] / 2:
            headers = (headers[number],)
        chosen += headers
    return [_reference(header) for header in {references.key(header): header for header in chosen}.values()]


def _reference(header: Dataset) -> Dataset:
    item = references.refer(header)
    item.PurposeOfReferenceCodeSequence = [coded(*_SOURCE_OF_PROCESSING)]
    return item


def _lossy(image: Dataset, headers: Sequence[Dataset]) -> None:
    """Once lossy, always lossy: the history of the sources is the picture's too (PS3.3 C.7.6.1.1.5)."""
    image.LossyImageCompression = "00"
    for header in headers:
        if header.get("LossyImageCompression") == "01":
            for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
                if keyword in header:
                    image[keyword] = header[keyword]
