"""What dciodvfy (dicom3tools 1.00 of 2022-06-18) may say about our objects, and why.

Keyed by SOP class; an entry is (keyword of the attribute, exact message). Review at every upgrade of the tool.
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

_COLOURS = ("Red", "Green", "Blue")
_BLENDED = (
    "WindowCenter",
    "WindowWidth",
    "SoftcopyVOILUTSequence",
    "PaletteColorLookupTableSequence",
    *(
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Descriptor", "Data")
    ),
)

ALLOWED: dict[str, frozenset[tuple[str, str]]] = {
    # Segmentation, RT Structure Set, Comprehensive 3D SR: our own codes are unknown to any tool
    "1.2.840.10008.5.1.4.1.1.66.4": frozenset({_PRIVATE_SCHEME}),
    "1.2.840.10008.5.1.4.1.1.481.3": frozenset({_PRIVATE_SCHEME}),
    "1.2.840.10008.5.1.4.1.1.88.34": frozenset({_PRIVATE_SCHEME}),
    # Label Map Segmentation came after this tool
    "1.2.840.10008.5.1.4.1.1.66.7": frozenset({("", "Information Object Not found")}),
    # Parametric Map: QUANTITY is a defined term; the tool is older
    "1.2.840.10008.5.1.4.1.1.30": frozenset(
        {
            _PRIVATE_SCHEME,
            ("ImageType", "Unrecognized defined term = <QUANTITY>"),
            ("FrameType", "Unrecognized defined term = <QUANTITY>"),
        }
    ),
    # Secondary Capture: Frame of Reference and Image Plane joined the IOD after this tool
    "1.2.840.10008.5.1.4.1.1.7": frozenset(
        {
            ("FrameOfReferenceUID", _NOT_IN_IOD),
            ("PositionReferenceIndicator", _NOT_IN_IOD),
            ("ImagePositionPatient", _NOT_IN_IOD),
            ("ImageOrientationPatient", _NOT_IN_IOD),
            ("SliceThickness", _NOT_IN_IOD),
        }
    ),
    # Advanced Blending: the tool does not look into its sequences, nor know that it has a frame of reference (A.33.7)
    "1.2.840.10008.5.1.4.1.1.11.8": frozenset(
        {
            ("FrameOfReferenceUID", _NOT_IN_IOD),
            ("PositionReferenceIndicator", _NOT_IN_IOD),
            (
                "ReferencedSeriesSequence",
                "ReferencedSeriesSequence present but Instance does not reference Instances",
            ),
            *((keyword, _NOT_IN_IOD) for keyword in _BLENDED),
        }
    ),
}
"""By SOP class; what is not listed may draw no complaint."""
