"""Coded concepts of the fusion plugin; private ones are listed in ``docs/private-codes.md``."""

from __future__ import annotations

from dicomnode.sdk.codes import CAUTION as CAUTION
from dicomnode.sdk.codes import PRIVATE_SCHEME, Code

METHOD = Code("370129005", "SCT", "Measurement Method")
OUTCOME = Code("FUSION", PRIVATE_SCHEME, "Fusion of CE-MRN and CE-T1WI")
DEGREE = Code("deg", "UCUM", "degree")
MULTISPECTRAL_PROCESSING = Code("123108", "DCM", "Multispectral Processing")
"""Algorithm family (CID 7162): arithmetic on images taken in different ways."""

SIGNAL = Code("110852", "DCM", "MR signal intensity")

NERVES = (
    Code("91728009", "SCT", "Nerve"),
    Code("84782009", "SCT", "Peripheral nerve"),
    Code("25238003", "SCT", "Cranial nerve"),
    Code("53520000", "SCT", "Autonomic nerve"),
    Code("36582005", "SCT", "Brachial plexus"),
    Code("27612005", "SCT", "Trigeminal nerve"),
    Code("56052001", "SCT", "Facial nerve"),
    Code("21161002", "SCT", "Glossopharyngeal nerve"),
    Code("88882009", "SCT", "Vagus nerve"),
    Code("15119000", "SCT", "Accessory nerve"),
    Code("37899009", "SCT", "Hypoglossal nerve"),
)
MUSCLES = (
    Code("71616004", "SCT", "Muscle"),
    Code("127954009", "SCT", "Skeletal muscle"),
    Code("22823000", "SCT", "Sternocleidomastoid muscle"),
    Code("31764008", "SCT", "Trapezius muscle"),
    Code("50755001", "SCT", "Scalenous anterior muscle"),
)
LESIONS = (
    Code("108369006", "SCT", "Neoplasm"),
    Code("4147007", "SCT", "Mass"),
    Code("52988006", "SCT", "Lesion"),
)
"""Types of segments that are read (PS3.16 CID 7151 and its members)."""


def private(value: str, meaning: str) -> Code:
    """A concept of this plugin."""
    return Code(value, PRIVATE_SCHEME, meaning)
