"""Our upper layer against peers without manners: each is refused soon, and the next honest one is served at once."""

from __future__ import annotations

import resource
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dicomnode.dimse.scp import StorageSCP
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import NotThisClass, OutOfResources
from dicomnode.settings import DicomSettings, LimitsSettings, PeerSettings
from tests.datasets import CT_IMAGE, EXPLICIT_LITTLE, IMPLICIT_LITTLE, MR_IMAGE, mr
from tests.peers import rude
from tests.peers.rude import ABORT, RELEASE, VERIFICATION, RudePeer, associate, command, context, pdu, values

QUICK = LimitsSettings(
    sockets=64, unnegotiated=16, per_address=40, per_peer=6, handshake_time=0.4, negotiation_time=0.4, pdu_time=0.4,
    message_time=0.6, slowest=1 << 20,
)  # fmt: skip
SERIES = SeriesInstanceUID("1.2.3.1")
ENDED = {"closed", "aborted"}


@dataclass
class Receiver:
    """A provider whose node only remembers."""

    limits: LimitsSettings = QUICK
    idle: float = 1.5
    associations: int = 8
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    releases: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    verdict: Exception | None = None

    @contextmanager
    def running(self) -> Iterator[Receiver]:
        settings = DicomSettings(
            host="127.0.0.1", port=0, network_timeout=self.idle, max_associations=self.associations
        )
        peers = [PeerSettings(name="scanner", aet="SCANNER", may_store=True)]
        peers.append(PeerSettings(name="other", aet="OTHER", may_store=True))
        self.scp = StorageSCP(settings, peers, self.admit, self.released, self.limits)
        self.scp.start()
        try:
            yield self
        finally:
            self.scp.stop()

    @property
    def port(self) -> int:
        return self.scp.port

    def admit(self, received: Received) -> SeriesInstanceUID:
        if self.verdict is not None:
            raise self.verdict
        self.begun.append(received.sop_instance_uid)
        try:
            content = b"".join(map(bytes, received.data_set))
        except Exception:
            self.broken.append(received.sop_instance_uid)
            raise
        self.taken.append((received.sop_instance_uid, content))
        return SERIES

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
        self.releases.append((calling_aet, series))

    def serves(self) -> bool:
        """An honest peer is heard within two seconds."""
        begun = time.monotonic()
        with RudePeer(self.port) as peer:
            peer.associate(calling="OTHER")
            assert peer.echo() == 0
            assert peer.release() == "released"
        return time.monotonic() - begun < 2.0


@pytest.fixture(scope="module")
def shared() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    for remembered in (shared.taken, shared.begun, shared.broken, shared.releases):
        remembered.clear()
    shared.verdict = None
    return shared


def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


# Bytes that are no association.


@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes.fromhex("16030100c8010000c40303") + bytes(192),
        bytes(4096),
        b"\xff\0\0\0\0\4abcd",
        pdu(1, b""),
        pdu(1, bytes(40)),
        b"\1\0\xff\xff\xff\xff" + bytes(64),
        RELEASE,
        values(1, 3, command(1, instance="1.2")),
        b"\1\0\0",
    ],
    ids=lambda said: said[:8].hex(),
)
def test_what_is_no_association_is_ended(receiver: Receiver, said: bytes) -> None:
    with RudePeer(receiver.port) as peer:
        begun = time.monotonic()
        peer.send(said)
        assert peer.hear()[0] in ENDED
        assert time.monotonic() - begun < 1.5
    assert receiver.serves()


def test_a_pdu_of_four_gigabytes_is_refused_by_its_header(receiver: Receiver) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        peer.send(struct.pack(">BBL", 4, 0, 0xFFFFFFF0))
        assert peer.hear() == ("aborted", b"\0\0\2\6")
    assert receiver.serves()


# Associations that are none of ours.


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (associate(), ("accepted", None)),
        (associate(called="SOMEONE"), ("rejected", b"\0\1\1\7")),
        (associate(calling="STRANGER"), ("rejected", b"\0\1\1\3")),
        (associate(calling="scanner"), ("rejected", b"\0\1\1\3")),
        (associate(calling="../../etc/x"), ("rejected", b"\0\1\1\3")),
        (associate(calling="A\x1b[2J\0"), ("rejected", b"\0\1\1\3")),
        (associate(calling=""), ("rejected", b"\0\1\1\3")),
        (associate(application="1.2.3"), ("rejected", b"\0\1\1\2")),
        (associate(version=2), ("rejected", b"\0\1\2\2")),
        (associate(version=3), ("accepted", None)),
        (associate(contexts=b""), ("aborted", None)),
        (associate(contexts=context(2, MR_IMAGE, (EXPLICIT_LITTLE,))), ("aborted", None)),
        (associate(contexts=context(1, MR_IMAGE, (EXPLICIT_LITTLE,)) * 2), ("aborted", None)),
        (associate(contexts=context(1, MR_IMAGE, ())), ("aborted", None)),
        (associate(contexts=context(1, "no uid", (EXPLICIT_LITTLE,))), ("aborted", None)),
        (associate(contexts=rude.item(0x20, b"\1\0\0\0\x30\0\xff\xff")), ("aborted", None)),
        (associate(user=rude.item(0x58, b"\x63\0\0\4abcd\0\0")), ("aborted", None)),
        (associate(user=rude.item(0x58, b"\1\0\0\4abcd\0\0")), ("accepted", None)),
        (associate(user=rude.item(0x58, b"\1\0\xff\xff")), ("aborted", None)),
        (associate(max_pdu=16), ("aborted", None)),
        (associate(max_pdu=0), ("accepted", None)),
        (associate()[:200] + bytes(300), ("closed", None)),
    ],
)
def test_each_request_gets_the_answer_it_is_owed(
    receiver: Receiver, request_: bytes, answer: tuple[str, bytes | None]
) -> None:
    with RudePeer(receiver.port) as peer:
        peer.send(request_)
        name, body = peer.hear()
        assert name == answer[0] or (answer[0] == "closed" and name in ENDED)
        assert answer[1] is None or body == answer[1]
    assert receiver.serves()


def test_contexts_are_accepted_one_by_one(receiver: Receiver) -> None:
    offered = (
        context(1, MR_IMAGE, (IMPLICIT_LITTLE, EXPLICIT_LITTLE))
        + context(3, "1.2.840.10008.5.1.4.1.2.2.1", (IMPLICIT_LITTLE,))
        + context(5, MR_IMAGE, ("1.2.3.4.5",))
    )
    with RudePeer(receiver.port) as peer:
        peer.send(associate(contexts=offered))
        name, body = peer.hear()
        assert name == "accepted"
    answered = [body[at : at + 7] for at in range(len(body)) if body[at : at + 2] == b"\x21\0" and body[at + 5] == 0]
    results = {item[4]: item[6] for item in answered}
    assert results == {1: 0, 3: 3, 5: 4}
    assert EXPLICIT_LITTLE.encode() in body  # our preference decides


# Messages that break the protocol.

BEGUN = values(1, 3, command(1, instance="1.2.3.4"))


@pytest.mark.parametrize(
    "said",
    [
        associate(),
        pdu(4, b""),
        pdu(4, struct.pack(">LBB", 0x7FFFFFFF, 1, 3) + bytes(20)),
        pdu(4, struct.pack(">L", 0)),
        pdu(4, struct.pack(">LB", 1, 1)),
        values(99, 3, command(1, instance="1.2")),
        values(1, 3, bytes(300)),
        values(1, 3, b"\0\0\0\0"),
        values(1, 3, command(1, instance="1.2")[:40]),
        values(1, 2, mr()),
        values(1, 1, bytes(12)) + values(3, 3, bytes(12)),
        BEGUN + BEGUN,
        BEGUN + values(3, 2, mr()),
        BEGUN + RELEASE,
        values(1, 3, command(0x8001, instance="1.2", data=False)),
        values(1, 3, command(1, instance=None)) + values(1, 2, mr()),
        pdu(5, bytes(40)),
    ],
)
def test_a_broken_protocol_is_aborted(receiver: Receiver, said: bytes) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        peer.send(said)
        assert peer.hear()[0] == "aborted"
    assert receiver.taken == []
    assert receiver.serves()


def test_an_endless_command_is_cut(receiver: Receiver) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        with suppress(ConnectionError):
            for _ in range(64):
                peer.send(values(1, 1, bytes(16000)))
        assert peer.hear()[0] in ENDED
    assert receiver.serves()


@pytest.mark.parametrize("ending", [ABORT, RELEASE, None], ids=["abort", "release", "reset"])
def test_an_instance_that_breaks_off_is_not_taken(receiver: Receiver, ending: bytes | None) -> None:
    peer = RudePeer(receiver.port)
    peer.associate()
    peer.send(BEGUN + values(1, 0, mr()[:60]))
    if ending is None:
        peer.reset()
    else:
        peer.send(ending)
    until(lambda: receiver.broken == ["1.2.3.4"])
    peer.socket.close()
    assert (receiver.taken, receiver.releases) == ([], [])


# What is in order, however oddly it is cut.


@pytest.mark.parametrize("size", [1, 3, 50, 5000])
def test_fragments_of_any_size_arrive_as_one(receiver: Receiver, size: int) -> None:
    request, content = command(1, instance="1.2.3.4"), mr(pixels=bytes(range(256)))
    stream = b"".join(
        values(1, kind | (2 if at + size >= len(part) else 0), part[at : at + size])
        for kind, part in ((1, request), (0, content))
        for at in range(0, len(part), size)
    )
    with RudePeer(receiver.port) as peer:
        peer.associate()
        peer.send(stream)
        assert peer.status() == 0
    assert receiver.taken == [("1.2.3.4", content)]


def test_command_and_data_set_may_share_a_pdu(receiver: Receiver) -> None:
    def value(control: int, content: bytes) -> bytes:
        return struct.pack(">LBB", len(content) + 2, 1, control) + content

    content = mr()
    with RudePeer(receiver.port) as peer:
        peer.associate()
        peer.send(pdu(4, value(3, command(1, instance="1.2.3.4")) + value(0, content[:40]) + value(2, content[40:])))
        assert peer.status() == 0
    assert receiver.taken == [("1.2.3.4", content)]


def test_an_association_of_many_instances_is_one_release(receiver: Receiver) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        for n in range(20):
            assert peer.store(f"1.2.3.{n}", mr(f"1.2.3.{n}")) == 0
        assert peer.echo() == 0
        assert peer.release() == "released"
    until(lambda: receiver.releases == [("SCANNER", frozenset({SERIES}))])
    assert [uid for uid, _ in receiver.taken] == [f"1.2.3.{n}" for n in range(20)]


def test_a_refusal_before_the_data_set_leaves_the_association_usable(receiver: Receiver) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        receiver.verdict = OutOfResources("no room left for instances")
        assert peer.store("1.2.3.4", mr(pixels=bytes(100_000))) == 0xA700
        receiver.verdict = NotThisClass("SOP class is not the presentation context's")
        assert peer.store("1.2.3.4", mr(), sop_class=CT_IMAGE) == 0x0122
        receiver.verdict = None
        assert peer.store("1.2.3.4", mr()) == 0
        assert peer.release() == "released"
    assert len(receiver.taken) == 1


@pytest.mark.parametrize(
    ("number", "said", "status"),
    [
        (3, command(0x30, sop_class=MR_IMAGE, data=False), 0x0122),
        (3, command(0x20, sop_class=VERIFICATION, data=False), 0x0211),
        (1, command(0x30, data=False), 0x0211),
        (1, command(0x7777, data=False), 0x0211),
        (3, command(1, sop_class=VERIFICATION, instance="1.2", data=False), 0x0211),
    ],
)
def test_requests_that_are_not_served_are_answered(receiver: Receiver, number: int, said: bytes, status: int) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        peer.send(values(number, 3, said))
        assert peer.status() == status
        assert peer.echo() == 0


def test_a_large_instance_costs_one_piece_of_memory() -> None:
    sizes: list[int] = []

    def weigh(received: Received) -> SeriesInstanceUID:
        sizes.extend(map(len, received.data_set))
        return SERIES

    part = values(1, 0, bytes(130_000))
    receiver = Receiver(limits=LimitsSettings())
    receiver.admit = weigh  # type: ignore[method-assign]
    with receiver.running(), RudePeer(receiver.port, timeout=60) as peer:
        peer.associate()
        peer.send(BEGUN + part * 9)
        until(lambda: bool(sizes))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(2000):
            peer.send(part)
        peer.send(values(1, 2, b"the end!"))
        assert peer.status() == 0
    assert sum(sizes) == 2009 * 130_000 + 8
    assert max(sizes) < 2 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


# Time.


def test_silence_is_ended(receiver: Receiver) -> None:
    with RudePeer(receiver.port) as peer:
        begun = time.monotonic()
        assert peer.hear()[0] in ENDED
        assert 0.3 < time.monotonic() - begun < 1.4


def test_an_idle_association_is_aborted(receiver: Receiver) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        begun = time.monotonic()
        assert peer.hear()[0] == "aborted"
        assert 1.2 < time.monotonic() - begun < 4.0


@pytest.mark.parametrize("inside", [False, True])
def test_a_byte_now_and_then_is_too_slow(receiver: Receiver, inside: bool) -> None:
    with RudePeer(receiver.port) as peer:
        said = associate()
        if inside:
            peer.associate()
            said = values(1, 0, bytes(1000))
        begun = time.monotonic()
        with suppress(ConnectionError):
            for byte in said:
                peer.send(bytes([byte]))
                if time.monotonic() - begun > 3:
                    break
                time.sleep(0.02)
        assert peer.hear()[0] in ENDED
        assert time.monotonic() - begun < 3.0
    assert receiver.serves()


def test_a_message_without_end_is_too_slow(receiver: Receiver) -> None:
    with RudePeer(receiver.port) as peer:
        peer.associate()
        peer.send(BEGUN)
        begun = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - begun < 4:
                peer.send(values(1, 0, bytes(2)))
                time.sleep(0.02)
        assert peer.hear()[0] in ENDED
        assert time.monotonic() - begun < 3.0
    until(lambda: receiver.broken == ["1.2.3.4"])


# Crowds.


def test_silent_peers_do_not_keep_honest_ones_out() -> None:
    limits = QUICK.model_copy(update={"negotiation_time": 30.0})
    with Receiver(limits=limits).running() as receiver:
        silent = [RudePeer(receiver.port) for _ in range(60)]
        assert all(receiver.serves() for _ in range(5))
        for peer in silent:
            peer.socket.close()


def test_associations_beyond_the_limit_are_rejected_at_once() -> None:
    with Receiver(idle=30).running() as receiver:
        peers = [RudePeer(receiver.port) for _ in range(14)]
        begun = time.monotonic()
        for n, peer in enumerate(peers):
            peer.send(associate(calling=("SCANNER", "OTHER")[n % 2]))
        answers = [peer.hear() for peer in peers]
        assert time.monotonic() - begun < 2.0
        assert [name for name, _ in answers].count("accepted") == 8
        assert {body for name, body in answers if name == "rejected"} == {b"\0\2\3\2"}
        for peer in peers:
            peer.socket.close()
        until(receiver_is_free(receiver))


def receiver_is_free(receiver: Receiver) -> Callable[[], bool]:
    def free() -> bool:
        with RudePeer(receiver.port) as peer:
            peer.send(associate())
            return peer.hear()[0] == "accepted"

    return free


def test_one_peer_cannot_take_every_association() -> None:
    with Receiver(idle=30).running() as receiver:
        peers = [RudePeer(receiver.port) for _ in range(10)]
        for peer in peers:
            peer.send(associate())
        assert [peer.hear()[0] for peer in peers].count("accepted") == 6
        assert receiver.serves()
        for peer in peers:
            peer.socket.close()


def test_many_short_connections_leave_nothing_behind() -> None:
    with Receiver().running() as receiver:
        before, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

        def come_and_go(n: int) -> None:
            peer = RudePeer(receiver.port)
            if n % 3 == 0:
                peer.reset()
                return
            if n % 3 == 1:
                peer.send(associate())
            peer.socket.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(come_and_go, range(300)))
        assert receiver.serves()
        until(lambda: threading.active_count() <= before)
        until(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files)


# Leaving.


def test_a_stop_finishes_the_message_that_is_on_its_way_and_aborts_the_idle() -> None:
    receiver = Receiver(limits=LimitsSettings(), idle=30)
    with receiver.running(), RudePeer(receiver.port) as idle, RudePeer(receiver.port) as busy:
        idle.associate()
        busy.associate(calling="OTHER")
        busy.send(BEGUN + values(1, 0, mr()[:60]))
        until(lambda: receiver.begun == ["1.2.3.4"])
        stopping = threading.Thread(target=receiver.scp.stop)
        stopping.start()
        assert idle.hear()[0] == "aborted"
        busy.send(values(1, 2, mr()[60:]))
        assert busy.status() == 0
        assert busy.hear()[0] == "aborted"
        stopping.join(5)
        assert not stopping.is_alive()
    assert [uid for uid, _ in receiver.taken] == ["1.2.3.4"]
