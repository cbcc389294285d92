"""A finished data set becomes bytes that depend on nothing but the data set."""

from __future__ import annotations

from io import BytesIO

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnode.encode.series import Series


def to_bytes(dataset: Dataset) -> bytes:
    """The whole DICOM file (PS3.10), Explicit VR Little Endian."""
    dataset.preamble = b"\x00" * 128
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    dataset.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def prototype(common: Dataset) -> Dataset:
    """What many instances have in common, as bytes that are written once; see :func:`instance_of`."""
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, common)
    return read_dataset(BytesIO(buffer.getvalue()), is_implicit_VR=False, is_little_endian=True)


def instance_of(common: Dataset) -> Dataset:
    """A new data set that begins with all of a prototype: neither decoded nor encoded again unless it is asked for."""
    instance = Dataset({tag: common.get_item(tag) for tag in common.keys()})  # noqa: SIM118 - iterating would decode
    instance.set_original_encoding(False, True, common.original_character_set)
    return instance


def pin_dimension_organization(dataset: Dataset, series: Series) -> None:
    """Replace highdicom's random Dimension Organization UID by one that follows from the task."""
    for sequence in ("DimensionOrganizationSequence", "DimensionIndexSequence"):
        for item in dataset.get(sequence) or ():
            item.DimensionOrganizationUID = series.derive("dimensions")
