from __future__ import annotations

import pytest

from dicomnode.deliver.routing import USUAL, again, kinds, routes, said
from dicomnode.sdk import Decision, Measurement, Recommendation
from dicomnode.sdk.codes import CONTRAST_RECOMMENDED, FAT_FRACTION, PERCENT
from dicomnode.settings import PeerSettings, RouteSettings

PACS = PeerSettings(name="pacs", aet="PACS", receives=("LABELMAP", "SR"))
ARCHIVE = PeerSettings(name="archive", aet="ARCHIVE", receives=("PM",))
SCANNER = PeerSettings(name="scanner", aet="SCANNER", may_store=True)


def test_results_go_to_those_who_receive_some() -> None:
    assert routes([PACS, SCANNER]) == (("pacs", frozenset({"LABELMAP", "SR"})),)


def test_what_is_received_is_made_and_what_may_stand_in_for_it() -> None:
    assert kinds([PACS, ARCHIVE, SCANNER]) == {"LABELMAP", "SEG", "SC", "SR", "PM", "PM16"}


def test_without_a_receiver_the_usual_is_made() -> None:
    assert kinds([SCANNER]) == USUAL


URGENT = PeerSettings(name="urgent", aet="URGENT", receives=("SR",))
PEERS = (PACS, ARCHIVE, URGENT, SCANNER)
ADVISED = RouteSettings(plugin="routing", says=("ADV_CONTRAST", "positive"), deliver_to=("urgent",))
ONLY = RouteSettings(says=("positive",), deliver_to=("archive",), only=True)


@pytest.mark.parametrize(
    ("rules", "plugin", "what", "to"),
    [
        ((), "routing", {"ADV_CONTRAST"}, "pacs archive urgent"),
        ((ADVISED,), "routing", {"ADV_CONTRAST", "negative"}, "pacs archive urgent"),
        ((ADVISED,), "routing", {"positive"}, "pacs archive urgent"),
        ((ADVISED,), "routing", {"ADV_OMIT"}, "pacs archive"),
        ((ADVISED,), "routing", set(), "pacs archive"),
        ((ADVISED,), "fusion", {"ADV_OMIT"}, "pacs archive urgent"),
        ((ONLY,), "fusion", {"positive"}, "archive"),
        ((ONLY,), "fusion", {"negative"}, "pacs urgent"),
        ((ADVISED, ONLY), "routing", {"positive"}, "archive urgent"),
        ((RouteSettings(plugin="routing", deliver_to=("urgent",), only=True),), "routing", set(), "urgent"),
    ],
)
def test_results_go_by_what_they_say(rules: tuple[RouteSettings, ...], plugin: str, what: set[str], to: str) -> None:
    assert " ".join(name for name, _ in routes(PEERS, rules, plugin, what)) == to


def test_what_is_sent_again_goes_where_it_went_when_a_rule_has_sent_it() -> None:
    assert again(PEERS, (ADVISED,), "routing", {"pacs"}) == (("pacs", frozenset({"LABELMAP", "SR"})),)
    assert again(PEERS, (ADVISED,), "fusion", {"pacs"}) == routes(PEERS)
    assert again(PEERS, (), "routing", set()) == routes(PEERS), "a peer that is new since gets it too"


def test_what_findings_say_is_their_advice_and_their_tiers_but_no_candidates() -> None:
    findings = [
        Measurement(name=FAT_FRACTION, value=1.0, unit=PERCENT),
        Recommendation(value=CONTRAST_RECOMMENDED),
        Recommendation(value="look at it"),
        Decision(model="m", tier="suspicious", scores={"p": 0.5}),
        Decision(model="n", tier="positive", scores={"p": 0.9}, shadow=True),
    ]
    assert said(findings) == {"ADV_CONTRAST", "look at it", "suspicious"}
