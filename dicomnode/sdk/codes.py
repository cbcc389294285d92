"""Coded concepts (PS3.3 section 8) that plugins and reports share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One coded concept: Code Value, Coding Scheme Designator, Code Meaning (PS3.3 Table 8.8-1)."""

    value: str
    scheme: str
    meaning: str

    def __post_init__(self) -> None:
        if not (self.value and self.scheme and self.meaning):
            raise ValueError("a code needs a value, a scheme and a meaning")
        if len(self.meaning) > 64:
            raise ValueError(f"code meaning is longer than 64 characters (VR LO): {self.meaning!r}")


PRIVATE_SCHEME = "99DICOMNODE"
"""Coding scheme for concepts that no standard scheme has; the table is in ``docs/private-codes.md``."""

# units (UCUM)
PERCENT = Code("%", "UCUM", "Percent")
NO_UNITS = Code("1", "UCUM", "no units")
RATIO = Code("{ratio}", "UCUM", "ratio")
MILLIMETER = Code("mm", "UCUM", "millimeter")
CUBIC_CENTIMETER = Code("cm3", "UCUM", "cubic centimeter")

# what was measured
FAT_FRACTION = Code("129100", "DCM", "Fat fraction")
VOLUME = Code("118565006", "SCT", "Volume")

# how a value was derived (CID 3488 and others)
MEAN = Code("373098007", "SCT", "Mean")
MEDIAN = Code("373099004", "SCT", "Median")
STANDARD_DEVIATION = Code("386136009", "SCT", "Standard Deviation")
MINIMUM = Code("255605001", "SCT", "Minimum")
MAXIMUM = Code("56851009", "SCT", "Maximum")

# what a segment is
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
TISSUE = Code("85756007", "SCT", "Tissue")
LIVER = Code("10200004", "SCT", "Liver")

# on which side it lies (CID 244)
SIDES = {
    "L": Code("7771000", "SCT", "Left"),
    "R": Code("24028007", "SCT", "Right"),
    "B": Code("51440002", "SCT", "Right and left"),
}

# how an image was derived (CID 7203)
SPATIAL_RESAMPLING = Code("113085", "DCM", "Spatial resampling")

# algorithm family (CID 7162)
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")

# private, since DCM has comments only: a warning that goes with what is said
CAUTION = Code("CAUTION", PRIVATE_SCHEME, "Caution")

# advice on contrast: shown at the console, written into the report; private, since no standard scheme has them
CONTRAST_MAY_BE_OMITTED = Code("ADV_OMIT", PRIVATE_SCHEME, "Contrast may be omitted")
CONTRAST_RECOMMENDED = Code("ADV_CONTRAST", PRIVATE_SCHEME, "Contrast recommended")
STANDARD_PROTOCOL = Code("ADV_STANDARD", PRIVATE_SCHEME, "Give the protocol as ordered")
NO_CONTRAST_WITHOUT_RADIOLOGIST = Code("ADV_RADIOLOGIST", PRIVATE_SCHEME, "No contrast without the radiologist")
