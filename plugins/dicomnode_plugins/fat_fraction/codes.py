"""Coded concepts of the fat fraction plugin; private ones are listed in ``docs/private-codes.md``."""

from __future__ import annotations

from dicomnode.sdk.codes import CAUTION as CAUTION
from dicomnode.sdk.codes import LIVER, PRIVATE_SCHEME, Code

METHOD = Code("370129005", "SCT", "Measurement Method")
NOISE_SOURCE = Code("NOISE_SOURCE", PRIVATE_SCHEME, "How the image noise was estimated")
MEASURABLE = Code("MEASURABLE", PRIVATE_SCHEME, "Part of the region with signal above the noise gate")
T1_CORRECTED = Code("FF_WITHOUT_T1", PRIVATE_SCHEME, "Signal fat fraction without T1 weighting")
OUTLINE = Code("OUTLINE_VOLUME", PRIVATE_SCHEME, "Volume of the whole liver outline")
OUTLINE_SOURCE = Code("OUTLINE_SOURCE", PRIVATE_SCHEME, "Where the liver outline comes from")
SPARING = Code("SPARING", PRIVATE_SCHEME, "Focal fatty sparing")
DELTA = Code("DELTA_FF", PRIVATE_SCHEME, "Fat fraction of parenchyma less that of the area")
ENHANCEMENT = Code("RER", PRIVATE_SCHEME, "Relative enhancement ratio, (HBP - pre) / pre")
AREA = Code("42798000", "SCT", "Area")
R2_STAR = Code("126395", "DCM", "R2*")
PER_SECOND = Code("/s", "UCUM", "per second")
RESIDUAL = Code("FIT_RESIDUAL", PRIVATE_SCHEME, "Part of the signal energy the model does not explain")
DIVISION = Code("113046", "DCM", "Pixel by pixel division")
SQUARE_CENTIMETER = Code("cm2", "UCUM", "square centimeter")

REGION = Code("111099", "DCM", "Selected region")
DRAWN = (LIVER, REGION)
"""Segments of a received segmentation that are read."""
BODY = Code("38266002", "SCT", "Entire body")
SPLEEN = Code("78961009", "SCT", "Spleen")
MULTISPECTRAL_PROCESSING = Code("123108", "DCM", "Multispectral Processing")
"""Algorithm family (CID 7162): arithmetic on images of one slice taken in different ways."""
