"""The headers of a task's input images, decoded to Unicode; pixel data stay unread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import DataElement, Dataset, dcmread
from pydicom.charset import convert_encodings, decode_element
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.valuerep import PersonName

from dicomnode.dicom import scaling
from dicomnode.encode.work import Work
from dicomnode.errors import EncodingError
from dicomnode.sdk.spec import is_prior

PATIENT = (
    "PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "PatientBirthDate",
    "PatientSex", "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
)  # fmt: skip
"""Patient and Patient Study modules (PS3.3 C.7.1.1, C.7.2.2), copied as the source writes them."""

STUDY = (
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "ReferringPhysicianName",
)  # fmt: skip
"""General Study module (PS3.3 C.7.2.1)."""

IDENTITY = (
    "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
    "AccessionNumber",
)  # fmt: skip

PERSON = ("PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex")
"""What an earlier study of the same patient shares; a name may have changed since."""

ACQUISITION_EQUIPMENT = (
    "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions", "InstitutionName",
    "StationName",
)  # fmt: skip

_IMAGE = (
    "SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "BodyPartExamined", "Laterality",
    "FrameOfReferenceUID", "PositionReferenceIndicator", "Rows", "Columns", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "LossyImageCompression",
    "LossyImageCompressionRatio", "LossyImageCompressionMethod", "TimezoneOffsetFromUTC", "PatientPosition",
)  # fmt: skip

ACQUISITION = (
    "ScanningSequence", "SequenceVariant", "ScanOptions", "MRAcquisitionType", "SequenceName", "RepetitionTime",
    "EchoTime", "EchoTrainLength", "InversionTime", "FlipAngle", "MagneticFieldStrength", "ImagingFrequency",
    "ImagedNucleus", "ContrastBolusAgent",
)  # fmt: skip
"""How the signal of an MR image came about (PS3.3 C.8.3.1), for images derived from one input alone."""

_TIMES = (
    "AcquisitionDateTime", "AcquisitionDate", "AcquisitionTime", "ContentDate", "ContentTime", "SeriesDate",
    "SeriesTime",
)  # fmt: skip
_KEYWORDS = ("SpecificCharacterSet", *PATIENT, *STUDY, *ACQUISITION_EQUIPMENT, *_IMAGE, *_TIMES, *ACQUISITION)
_READ = (*map(Tag, _KEYWORDS), *map(Tag, scaling.ATTRIBUTES))

_PLANE = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "MRTimingAndRelatedParametersSequence": ("RepetitionTime", "FlipAngle", "EchoTrainLength"),
}
"""Functional groups, and what a classic image of the frame would state of them (PS3.3 C.7.6.16.2, C.8.13.5)."""
_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")

_PLAIN = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "SL", "SS", "TM", "UI", "UL", "US"})
"""Value representations that every character set writes alike."""
_LOST = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Headers by input role, in the order of the grid's slices.

    That of a frame of a multi-frame image is written as if it were an image of its own, with the frame's number as
    Referenced Frame Number (0008,1160).
    """

    by_role: Mapping[str, tuple[Dataset, ...]]
    priors: frozenset[str] = frozenset()
    """Roles filled from an earlier study."""
    segmentations: Mapping[str, Dataset] = field(default_factory=dict)
    """Headers of the received segmentations that were used, by role."""

    @property
    def first(self) -> Dataset:
        """The header that stands for all of the exam's own in what they share."""
        return next(headers for role, headers in self.by_role.items() if role not in self.priors)[0]

    def every(self) -> tuple[Dataset, ...]:
        """All headers, each instance once; the exam's own first: the first one names the study."""
        own_first = sorted(self.by_role, key=lambda role: role in self.priors)
        return tuple({str(h.SOPInstanceUID): h for role in own_first for h in self.by_role[role]}.values())

    def everything(self) -> tuple[Dataset, ...]:
        """All that the results come from: :meth:`every` image, and the segmentations."""
        return (*self.every(), *self.segmentations.values())


def read(work: Work) -> Sources:
    """Read the headers of a task's inputs.

    Raises
    ------
    EncodingError
        When a file cannot be read or its text cannot be decoded.
    """
    priors = frozenset(name for name in work.inputs if is_prior(work.spec, name))
    if not any(files for role, files in work.inputs.items() if role not in priors):
        raise EncodingError("the task has no input images, so there is no patient and no study to write results for")
    return Sources(
        by_role={
            role: tuple(_planes(paths, frames)) if (frames := work.frames.get(role)) else tuple(map(read_header, paths))
            for role, paths in work.inputs.items()
        },
        priors=priors,
        segmentations={role: read_header(path) for role, path in work.segmentations.items()},
    )


def _planes(paths: Sequence[Path], frames: Sequence[int]) -> Iterator[Dataset]:
    files = {path: read_header(path, *_GROUPS) for path in dict.fromkeys(paths)}
    for path, frame in zip(paths, frames, strict=True):
        yield _plane(files[path], frame)


def _plane(image: Dataset, frame: int) -> Dataset:
    plane = Dataset()
    plane.update({element.tag: element for element in image if element.keyword not in _GROUPS})
    shared, per_frame = (image.get(keyword, ()) for keyword in _GROUPS)
    if frame > len(per_frame):
        raise EncodingError(f"an input image has no frame {frame}")
    for group in (*shared, per_frame[frame - 1]):
        for macro, keywords in _PLANE.items():
            for item in group.get(macro, ()):
                plane.update({item[keyword].tag: item[keyword] for keyword in keywords if keyword in item})
    plane.ReferencedFrameNumber = frame
    return plane


def read_header(path: Path, *further: str) -> Dataset:
    """The attributes of one image that its results need, and further ones, decoded.

    Raises
    ------
    EncodingError
        When the file cannot be read or its text cannot be decoded.
    """
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=[*_READ, *map(Tag, further)])
    except (OSError, InvalidDicomError) as error:
        raise EncodingError(f"an input image cannot be read as a DICOM file: {type(error).__name__}") from error
    return in_unicode(header)


def in_unicode(header: Dataset) -> Dataset:
    """Decode all text of a header, in place, so that it is written as ISO_IR 192 from now on.

    Mends highdicom, which takes several values of Specific Character Set with an empty first one for an error.

    Raises
    ------
    EncodingError
        When bytes have no meaning in the declared character set, or a name falls apart in decoding.
    """
    for element in _texts(header, convert_encodings(header.get("SpecificCharacterSet"))):
        if element.VR == "PN" and element.value:
            if isinstance(element.value, MultiValue):
                raise EncodingError(f"{element.keyword} has several values where one is allowed")
            element.value = PersonName(str(element.value))
        if isinstance(element.value, str | PersonName) and _LOST in str(element.value):
            raise EncodingError(
                f"{element.keyword} holds bytes that its Specific Character Set cannot decode; "
                "correct the character set at the source and send the images again"
            )
    header.SpecificCharacterSet = "ISO_IR 192"
    return header


def _texts(header: Dataset, codecs: list[str]) -> Iterator[DataElement]:
    """All elements whose bytes a character set gives a meaning, decoded; numbers, codes and UIDs stay unread."""
    for tag in list(header.keys()):
        if header.get_item(tag).VR in _PLAIN:
            continue
        element = header[tag]
        if element.VR == "SQ":
            for item in element.value:
                own = item.get("SpecificCharacterSet")
                yield from _texts(item, convert_encodings(own) if own else codecs)
        else:
            decode_element(element, codecs)
            yield element


def differing(one: Dataset, other: Dataset, keywords: Sequence[str] = IDENTITY) -> list[str]:
    """What sets two headers apart in whose they are: some of these keywords."""
    return [keyword for keyword in keywords if _plain(one, keyword) != _plain(other, keyword)]


def _plain(dataset: Dataset, keyword: str) -> str:
    """A value without what does not count: padding, and empty components at the end of a name."""
    value = dataset.get(keyword)
    text = "" if value is None else str(value).strip(" \0")
    return "=".join(group.rstrip("^ ") for group in text.split("=")).rstrip("=") if keyword == "PatientName" else text
