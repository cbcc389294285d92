from __future__ import annotations

from dicomnode.deliver.routing import USUAL, kinds, routes
from dicomnode.settings import PeerSettings

PACS = PeerSettings(name="pacs", aet="PACS", receives=("LABELMAP", "SR"))
ARCHIVE = PeerSettings(name="archive", aet="ARCHIVE", receives=("PM",))
SCANNER = PeerSettings(name="scanner", aet="SCANNER", may_store=True)


def test_results_go_to_those_who_receive_some() -> None:
    assert routes([PACS, SCANNER]) == (("pacs", frozenset({"LABELMAP", "SR"})),)


def test_what_is_received_is_made_and_what_may_stand_in_for_it() -> None:
    assert kinds([PACS, ARCHIVE, SCANNER]) == {"LABELMAP", "SEG", "SC", "SR", "PM", "PM16"}


def test_without_a_receiver_the_usual_is_made() -> None:
    assert kinds([SCANNER]) == USUAL
