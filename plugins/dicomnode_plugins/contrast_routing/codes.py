"""Coded concepts of the advice on contrast; private ones are listed in ``docs/private-codes.md``."""

from __future__ import annotations

from dicomnode.sdk import Code
from dicomnode.sdk.codes import (
    CONTRAST_MAY_BE_OMITTED,
    CONTRAST_RECOMMENDED,
    NO_CONTRAST_WITHOUT_RADIOLOGIST,
    PRIVATE_SCHEME,
    STANDARD_PROTOCOL,
)
from dicomnode_plugins.contrast_routing.decision import Advice

ADVICE = {
    Advice.STANDARD_PROTOCOL: STANDARD_PROTOCOL,
    Advice.RADIOLOGIST: NO_CONTRAST_WITHOUT_RADIOLOGIST,
    Advice.RECOMMENDED: CONTRAST_RECOMMENDED,
    Advice.MAY_BE_OMITTED: CONTRAST_MAY_BE_OMITTED,
}
PROBABILITY = Code("P_RECURRENCE", PRIVATE_SCHEME, "Score of recurrence from unenhanced T1 and T2")
SPREAD = Code("P_SPREAD", PRIVATE_SCHEME, "Spread of the score over shifted copies")
CUTOFF = Code("P_CUTOFF", PRIVATE_SCHEME, "Cut-off of the score")
TIER = Code("TIER", PRIVATE_SCHEME, "Tier of the score alone")
FACTS = Code("PATIENT_FACTS", PRIVATE_SCHEME, "What was known of the patient")
GATE = Code("GATE", PRIVATE_SCHEME, "Why no model may speak")
