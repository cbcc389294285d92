"""What dciodvfy (dicom3tools 1.00 of 2022-06-18) may say about our objects, and why.

Keyed by the kind of object; an entry is (keyword of the attribute, exact message). Review at every upgrade of the tool.
"""

from __future__ import annotations

_PRIVATE_SCHEME = ("CodingSchemeDesignator", "Unrecognized defined term = <99DICOMNODE>")
_NOT_IN_IOD = "Attribute is not present in standard DICOM IOD"

ILLEGAL_UID = "Illegal root for UID = <0.0.0.0."
"""How the complaint begins about the UIDs of one real series; they stand in every reference to it."""

SIDE_UNKNOWN = (
    "Laterality",
    "is only permitted to be empty when actually unknown; should be absent (not empty) if an unpaired body part, "
    "and have a value if a paired body part",
)
"""The source names no body part, so the side is actually unknown."""

ALLOWED: dict[str, frozenset[tuple[str, str]]] = {
    # our own codes are unknown to any tool
    "SEG": frozenset({_PRIVATE_SCHEME}),
    "SR": frozenset({_PRIVATE_SCHEME}),
    "REG": frozenset(),
    "MR": frozenset(),
    # QUANTITY is a defined term; the tool is older
    "PM": frozenset(
        {
            _PRIVATE_SCHEME,
            ("ImageType", "Unrecognized defined term = <QUANTITY>"),
            ("FrameType", "Unrecognized defined term = <QUANTITY>"),
        }
    ),
    # Frame of Reference and Image Plane joined the Secondary Capture IOD after this tool
    "SC": frozenset(
        {
            ("FrameOfReferenceUID", _NOT_IN_IOD),
            ("PositionReferenceIndicator", _NOT_IN_IOD),
            ("ImagePositionPatient", _NOT_IN_IOD),
            ("ImageOrientationPatient", _NOT_IN_IOD),
            ("SliceThickness", _NOT_IN_IOD),
        }
    ),
}
