"""A report that meets our release is neither taken nor answered: an answer then would break the protocol."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from dicomnode.dimse.commitment import _Inbox
from dicomnode.settings import PeerSettings


def test_a_report_that_meets_our_release_is_not_taken_and_waits_for_the_end() -> None:
    taken: list[object] = []
    inbox = _Inbox(PeerSettings(name="pacs", aet="PACS"), taken.append)
    inbox.leave(5.0)
    ended = threading.Event()
    provider = threading.Thread(target=ended.wait, args=(10,))
    provider.start()
    event: Any = SimpleNamespace(assoc=SimpleNamespace(dul=provider))
    answers: list[tuple[Any, None]] = []
    reactor = threading.Thread(target=lambda: answers.append(inbox.report(event)))
    reactor.start()
    reactor.join(0.05)
    assert reactor.is_alive(), "while the provider could still send, nothing is handed to it"
    ended.set()
    reactor.join(10)
    provider.join(10)
    assert answers == [(0x0110, None)]
    assert taken == []


def test_leaving_waits_until_what_was_taken_is_answered() -> None:
    inbox = _Inbox(PeerSettings(name="pacs", aet="PACS"), lambda _: None)
    inbox.answered.clear()
    leaving = threading.Thread(target=inbox.leave, args=(10.0,))
    leaving.start()
    leaving.join(0.05)
    assert leaving.is_alive()
    inbox.answered.set()
    leaving.join(10)
    assert not leaving.is_alive()
