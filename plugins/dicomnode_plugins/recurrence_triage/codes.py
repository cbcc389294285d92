"""Coded concepts of the recurrence triage; private ones are listed in ``docs/private-codes.md``."""

from __future__ import annotations

from dicomnode.sdk.codes import CAUTION as CAUTION
from dicomnode.sdk.codes import PRIVATE_SCHEME, Code

METHOD = Code("370129005", "SCT", "Measurement Method")
TIER = Code("TRIAGE", PRIVATE_SCHEME, "Recurrence triage")
MODEL = Code("MODEL", PRIVATE_SCHEME, "Model that spoke")
DOMAIN = Code("MODEL_DOMAIN", PRIVATE_SCHEME, "Whether the images are of the model's domain")
FIRST = Code("CUTOFF_FIRST", PRIVATE_SCHEME, "First cut-off: at or above, positive")
SECOND = Code("CUTOFF_SECOND", PRIVATE_SCHEME, "Second cut-off: at or above, suspicious")
SECOND_READER = Code("CUTOFF_T1C", PRIVATE_SCHEME, "Cut-off of the model for T1+C")
MOTION = Code("TRIAGE_MOTION", PRIVATE_SCHEME, "Distance of the series from T1 before alignment")
OFF_TARGET = Code("ATTENTION_OFF", PRIVATE_SCHEME, "Part of the attention outside the middle 60 mm")
ATTENTION = Code("ATTENTION", PRIVATE_SCHEME, "Attention of a network, not a contour")
PROPOSAL = Code("GTV_PROPOSAL", PRIVATE_SCHEME, "Proposal of a gross tumour volume")
LEVEL = Code("GTV_LEVEL", PRIVATE_SCHEME, "Level of the network that proposes the volume")
GTV = Code("228791009", "SCT", "GTV")
ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
NEOPLASM = Code("108369006", "SCT", "Neoplasm")
PRIMARY_NEOPLASM = Code("372087000", "SCT", "Neoplasm, Primary")
PRIMARY_GTV = Code("130052", "DCM", "GTV Primary")
OUTLINED = (GTV, PRIMARY_GTV, NEOPLASM, PRIMARY_NEOPLASM)
"""What a received outline of the tumour may be coded as."""
SPATIAL = Code("309825002", "SCT", "Spatial and Relational Concept")

PROBABILITIES = {
    "t1": Code("P_T1", PRIVATE_SCHEME, "Probability of recurrence by T1"),
    "t2": Code("P_T2", PRIVATE_SCHEME, "Probability of recurrence by T2"),
    "t1_t2": Code("P_T1_T2", PRIVATE_SCHEME, "Probability of recurrence by T1 and T2"),
    "t1c": Code("P_T1C", PRIVATE_SCHEME, "Probability of recurrence by T1+C"),
}
SPREADS = {
    "t1": Code("SPREAD_T1", PRIVATE_SCHEME, "Spread of the probability by T1"),
    "t2": Code("SPREAD_T2", PRIVATE_SCHEME, "Spread of the probability by T2"),
    "t1c": Code("SPREAD_T1C", PRIVATE_SCHEME, "Spread of the probability by T1+C"),
}
