"""Findings become DICOM objects; highdicom's home."""

from dicomnode.encode.encode import encode
from dicomnode.encode.work import Mode, Work

__all__ = ["Mode", "Work", "encode"]
