"""Fat-saturated volumes: before the contrast agent, in the hepatobiliary phase, or neither with a reason."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.dicom.roles import decide
from tests.slices import GRADIENT_ECHO

VOLUME: dict[str, Any] = {
    **GRADIENT_ECHO,
    "ScanOptions": ["FS"],
    "MRAcquisitionType": "3D",
    "RepetitionTime": 3.6,
    "EchoTime": 1.4,
    "SeriesDescription": "t1_vibe_fs",
    "AcquisitionTime": "102000.5",
}
LATE = {"ContrastBolusAgent": "Primovist 0.25 mmol/ml", "ContrastBolusStartTime": "100000"}
MIDNIGHT = {**LATE, "AcquisitionTime": "000500", "ContrastBolusStartTime": "234500"}


def test_without_agent_it_is_precontrast_and_says_why() -> None:
    decision = decide(VOLUME)
    assert decision.role == "precontrast-fat-sat-t1"
    assert decision.reasons == (
        "fat-saturated (Scan Options FS) 3D gradient echo, TR 3.6 ms, TE 1.4 ms",
        "no contrast agent in the header",
    )


@pytest.mark.parametrize(
    ("changed", "role", "reason"),
    [
        (LATE, "hepatobiliary-phase", "20 min after Primovist 0.25 mmol/ml"),
        (MIDNIGHT, "hepatobiliary-phase", "20 min after"),
        (
            {**LATE, "ContrastBolusStartTime": "101900"},
            "ce-t1",
            "1 min after Primovist 0.25 mmol/ml, not its",
        ),
        ({**LATE, "ContrastBolusAgent": "MultiHance"}, "ce-t1", "20 min after MultiHance, not its hepatobiliary phase"),
        ({**LATE, "ContrastBolusAgent": "Dotarem"}, "ce-t1", "contrast agent given: Dotarem"),
        ({"ContrastBolusAgent": "gadoxetate"}, "", "ambiguous: after gadoxetate, but neither times nor labels"),
        ({"ContrastBolusAgent": "gadoxetate", "SeriesDescription": "vibe HBP"}, "hepatobiliary-phase", "labelled HBP"),
        ({"SeriesDescription": "vibe fs 20 min"}, "", "no contrast agent in the header, but labelled 20 MIN"),
        ({"SeriesDescription": "vibe fs portal"}, "", "no contrast agent in the header, but labelled PORTAL"),
        ({"RepetitionTime": 150.0}, "", "not a T1-weighted breath-hold volume"),
        ({"MRAcquisitionType": "2D"}, "", "fat-saturated (Scan Options FS), so neither in phase nor opposed"),
    ],
)
def test_evidence_decides(changed: dict[str, Any], role: str, reason: str) -> None:
    decision = decide({**VOLUME, **changed})
    assert decision.role == role
    assert any(reason in said for said in decision.reasons), decision.reasons
