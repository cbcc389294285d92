"""Secondary Capture: colour pictures that lie on their source slices, one instance each (PS3.3 A.8)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from dicomnode.encode import slices
from dicomnode.encode.burn import Picture, mark
from dicomnode.encode.context import MANUFACTURER, Context, body_part, stamp
from dicomnode.encode.finalize import instance_of, prototype
from dicomnode.encode.series import Series
from dicomnode.sdk.findings import SecondaryCapture

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.7"


def build(finding: SecondaryCapture, context: Context, series: Series) -> Iterator[Dataset]:
    """Write each picture as its own instance, in slice order."""
    common = prototype(_attributes(finding, context, series))
    for number, picture in enumerate(pictures(finding, context), start=1):
        image = instance_of(common)
        image.SOPInstanceUID = series.instance_uid(number)
        image.InstanceNumber = number
        slices.refer(image, finding.on, finding.derived_from, context, number - 1)
        image.PatientOrientation = None
        if finding.on:
            slices.place(image, finding.on, context, number - 1)
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
    image.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    image.SecondaryCaptureDeviceManufacturerModelName = MANUFACTURER
    stamp(image, context, series)
    del image.SOPInstanceUID, image.InstanceNumber  # shared elements must not be written to
    body_part(image, context.sources.first)
    slices.keep_lossy_history(image, context.sources.every())
    return image
