"""The presentation contexts we accept: every storage class an MR PACS sends, in every encoding it may have."""

from __future__ import annotations

from typing import Final

from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.presentation import PresentationContext, build_context

VERIFICATION: Final = "1.2.840.10008.1.1"

TRANSFER_SYNTAXES: Final = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
    JPEGLSNearLossless,
    JPEG2000,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
"""In our order of preference, which decides where a sender offers several in one context: lossless before lossy."""

PRIVATE_STORAGE_CLASSES: Final = {
    "SiemensCSANonImageStorage": "1.3.12.2.1107.5.9.1",
    "PhilipsPrivateMRSpectrumStorage": "1.3.46.670589.11.0.0.12.1",
    "PhilipsPrivateMRSeriesDataStorage": "1.3.46.670589.11.0.0.12.2",
    "PhilipsPrivateMRColorImageStorage": "1.3.46.670589.11.0.0.12.3",
    "PhilipsPrivateMRExamcardStorage": "1.3.46.670589.11.0.0.12.4",
}
"""Not images, but scanners send them in the middle of a study, and some senders give up when one is refused."""


def accepted() -> list[PresentationContext]:
    """Verification and all storage classes."""
    classes = [str(context.abstract_syntax) for context in AllStoragePresentationContexts]
    storage = dict.fromkeys([*classes, *PRIVATE_STORAGE_CLASSES.values()])
    syntaxes: list[str | UID] = list(TRANSFER_SYNTAXES)
    return [
        build_context(VERIFICATION, [ImplicitVRLittleEndian, ExplicitVRLittleEndian]),
        *(build_context(uid, syntaxes) for uid in storage),
    ]
