from __future__ import annotations

from dicomnode.domain.identity import Digest
from dicomnode.encode import uids

TASK = Digest("ab" * 32)


def test_what_is_said_where_does_not_blur() -> None:
    assert uids.derive(TASK, "SEG", "11") != uids.derive(TASK, "SEG1", "1")


def test_uids_stay_the_same_over_releases() -> None:
    """Fixed values: a change would make second objects of results that destinations already hold."""
    assert uids.derive(TASK, "SEG", "0", "series") == "2.25.306042777130151884500318568470291137232"
    assert uids.tracking(("CLINIC", "1"), "fat_fraction", "Liver") == "2.25.138575233176025292583124570642433931461"
