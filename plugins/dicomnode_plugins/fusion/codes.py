"""Coded concepts of the fusion plugin; private ones are listed in ``docs/private-codes.md``."""

from __future__ import annotations

from dicomnode.sdk.codes import CAUTION as CAUTION
from dicomnode.sdk.codes import PRIVATE_SCHEME, Code

METHOD = Code("370129005", "SCT", "Measurement Method")
OUTCOME = Code("FUSION", PRIVATE_SCHEME, "Fusion of CE-MRN and CE-T1WI")
DEGREE = Code("deg", "UCUM", "degree")
MULTISPECTRAL_PROCESSING = Code("123108", "DCM", "Multispectral Processing")
"""Algorithm family (CID 7162): arithmetic on images taken in different ways."""


def private(value: str, meaning: str) -> Code:
    """A concept of this plugin."""
    return Code(value, PRIVATE_SCHEME, meaning)
