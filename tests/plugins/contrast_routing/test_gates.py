"""Which gates stand before a score; what lies outside a domain is tested where it is judged."""

import pytest

from dicomnode.sdk import FactValue
from dicomnode.sdk.model import Domain
from dicomnode.sdk.testing import synthetic_volume
from dicomnode_plugins.contrast_routing.gates import failed

UNKNOWN = "whether the exam is follow-up of treated nasopharyngeal carcinoma is not known"


@pytest.mark.parametrize(
    ("facts", "lines"),
    [
        ({"npc-follow-up": "yes"}, ()),
        ({"npc-follow-up": "no"}, ("the exam is no follow-up of treated nasopharyngeal carcinoma",)),
        ({}, (UNKNOWN,)),
    ],
)
def test_only_follow_up_is_scored(facts: dict[str, FactValue], lines: tuple[str, ...]) -> None:
    assert failed({}, Domain(), facts) == lines


def test_both_series_must_be_unenhanced() -> None:
    volumes = {
        name: synthetic_volume((20, 32, 32), acquisition={"MagneticFieldStrength": 1.5, "ContrastBolusAgent": "yes"})
        for name in ("t1", "t2")
    }
    domain = Domain(slice_spacing=6.0, pixel_spacing=2.0)
    assert failed(volumes, domain, {"npc-follow-up": "yes"}) == (
        "t1: it was acquired after a contrast agent",
        "t2: it was acquired after a contrast agent",
    )
