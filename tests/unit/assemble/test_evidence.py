"""What the images of a series say about whether all of them are here."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.assemble.evidence import examine, protocol
from dicomnode.domain.evidence import SeriesArrivals, SeriesEvidence
from dicomnode.domain.identity import SeriesInstanceUID
from dicomnode.domain.instance import InstanceHeader
from tests.slices import volume
from tests.values import at


def look(headers: list[InstanceHeader], *learned: int) -> SeriesEvidence:
    uid = SeriesInstanceUID(headers[0].series_instance_uid)
    arrivals = SeriesArrivals(
        series_instance_uid=uid, label="series 1", instances=len(headers), last_arrival=at(0), released=None
    )
    return examine(arrivals, headers, learned)


def said(headers: list[InstanceHeader], *learned: int) -> tuple[bool, str, str]:
    found = look(headers, *learned)
    return found.regular, found.missing, found.agreeing


NUMBERED = "6 of 6 by InstanceNumber"


def test_a_regular_volume_that_only_counts_its_images() -> None:
    assert said(volume("a")) == (True, "", NUMBERED)


def test_a_gap_is_missing_whatever_the_counts_say() -> None:
    with_gap = volume("a", ImagesInAcquisition=5)
    del with_gap[2]
    regular, missing, agreeing = said(with_gap)
    assert not regular
    assert missing.startswith("slice missing: 1 not there")
    assert agreeing == "5 of 5 by ImagesInAcquisition"


def test_a_count_that_is_not_reached_makes_a_regular_volume_wait() -> None:
    assert said(volume("a", ImagesInAcquisition=8)) == (False, "6 of 8 by ImagesInAcquisition", NUMBERED)


def test_what_a_protocol_has_always_had_outweighs_a_count_in_the_header() -> None:
    headers = volume("a", ImagesInAcquisition=8)
    assert said(headers, 6, 6, 6) == (True, "", "6 of 6 by the last 3 series of this protocol")
    assert said(headers[:4], 6, 6, 6) == (False, "4 of 6 by the last 3 series of this protocol", "")


@pytest.mark.parametrize("learned", [(6, 6), (6, 6, 7), (4, 4, 4)], ids=["too few", "not unanimous", "more are here"])
def test_what_was_not_learned_soundly_says_nothing(learned: tuple[int, ...]) -> None:
    assert said(volume("a"), *learned) == (True, "", NUMBERED)


@pytest.mark.parametrize(
    ("facts", "same"),
    [
        ({}, True),
        ({"SeriesInstanceUID": "other", "AcquisitionTime": "1"}, True),
        ({"StationName": "MR2"}, False),
        ({"ProtocolName": "other"}, False),
        ({"ImageType": ["DERIVED"]}, False),
    ],
)
def test_a_protocol_is_a_way_of_scanning_on_one_scanner(facts: dict[str, Any], same: bool) -> None:
    first = {"StationName": "MR1", "ProtocolName": "t1_dixon", "ImageType": ["ORIGINAL", "PRIMARY"]}
    assert (protocol(first) == protocol(first | facts)) is same


@pytest.mark.parametrize("facts", [{"ProtocolName": "t1"}, {"StationName": "MR1"}])
def test_without_scanner_or_name_nothing_is_learned(facts: dict[str, Any]) -> None:
    assert protocol(facts) is None
