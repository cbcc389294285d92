"""Several processes that receive: one port, one store, one index, one set of budgets."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dicomnode import reception
from dicomnode.configuration import load
from dicomnode.dimse.scp import Receivers, StorageSCP
from dicomnode.domain.evidence import StepReport
from dicomnode.index.database import Database
from dicomnode.settings import Settings
from tests.datasets import mr
from tests.integration.receiver_process import ReceiverProcess
from tests.integration.test_procedure_steps import STEP, begun, modality
from tests.integration.test_receiver_faults import check, files, instance, rows, running, sending, wait_for
from tests.peers.rude import RudePeer, associate, command, values

PEERS = """
[[peers]]
name = "scanner"
aet = "SCANNER"
may_store = true
procedure_steps = true

[[peers]]
name = "other"
aet = "OTHER"
may_store = true
"""


@dataclass
class Node:
    """As much of a node as its receivers need."""

    settings: Settings
    port: int = 0
    notes: list[tuple[object, ...]] = field(default_factory=list)
    steps: list[StepReport] = field(default_factory=list)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.settings.node.data

    @contextmanager
    def listening(self) -> Iterator[Node]:
        database = Database("", self.data)
        database.upgrade()
        services = reception.services(self.settings.peers, _never, self.steps.append, _never)
        scp = StorageSCP(
            self.settings.dicom, self.settings.peers, _never, _never, self.settings.limits, services,
            Receivers(start=self._start, noted=lambda *note: self.notes.append(note)),
        )  # fmt: skip
        scp.start()
        try:
            self.port = scp.port
            yield self
        finally:
            scp.stop()
            database.close()
            assert all(process.poll() is not None for process in self.processes), "a receiver outlived its node"

    def _start(self, control: socket.socket) -> subprocess.Popen[bytes]:
        process = reception.start(self.settings, control)
        self.processes.append(process)
        return process

    def serves(self) -> bool:
        with RudePeer(self.port) as peer:
            peer.associate(calling="OTHER")
            return peer.echo() == 0 and peer.release() == "released"


def _never(*_: object) -> None:
    raise AssertionError("the receivers do that")


def node(data: Path, *changes: str) -> Node:
    config = data.parent / f"{data.name}.toml"
    config.write_text(PEERS)
    own = [f"node.data={data}", "dicom.host=127.0.0.1", "dicom.port=0", "dicom.processes=2", *changes]
    return Node(load(config, own))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    few = ("limits.per_peer=9", "dicom.max_associations=12", "limits.unnegotiated=10", "limits.negotiation_time=20")
    with node(tmp_path_factory.mktemp("node") / "data", *few).listening() as listening:
        yield listening


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def test_all_that_is_sent_to_either_is_there_once_and_counted(shared: Node) -> None:
    shared.notes.clear()
    numbers = [*range(160), *range(0, 160, 5)]
    random.Random(3).shuffle(numbers)

    def send(share: int) -> list[int | str]:
        with RudePeer(shared.port) as peer:
            peer.associate()
            answers = [peer.store(*instance(number)) for number in numbers[share::8]]
            assert peer.release() == "released"
            return answers

    with ThreadPoolExecutor(8) as pool:
        answers = Counter(answer for share in pool.map(send, range(8)) for answer in share)
    assert answers == {0: 192}
    check(shared.data, set(range(160)))
    assert len(rows(shared.data)) == 160
    assert len({key.partition("/")[0] for key in files(shared.data)}) == 2, "each process fills shelves of its own"
    until(lambda: Counter(note[0] for note in shared.notes) == {reception.RECEIVED: 192, reception.RELEASED: 8})
    sizes = Counter(note[1:] for note in shared.notes if note[0] == reception.RECEIVED)
    assert sizes == Counter(("SCANNER", len(instance(number)[1]), "") for number in numbers)


def test_a_refusal_is_counted_with_its_reason(shared: Node) -> None:
    shared.notes.clear()
    with RudePeer(shared.port) as peer:
        peer.associate()
        assert peer.store("1.2.3.999", mr("1.2.3.998")) == 0xA900
        assert peer.release() == "released"
    until(lambda: len(shared.notes) == 1)
    assert shared.notes == [(reception.RECEIVED, "SCANNER", len(mr("1.2.3.998")), "IdentityMismatch")]


def test_places_are_counted_over_all_processes(shared: Node) -> None:
    with ExitStack() as here:

        def comes(title: str) -> tuple[RudePeer, str]:
            peer = here.enter_context(RudePeer(shared.port))
            peer.send(associate(calling=title))
            return peer, peer.hear()[0]

        own = [comes("SCANNER") for _ in range(10)]
        assert [answer for _, answer in own] == ["accepted"] * 9 + ["rejected"], "one title has nine places"
        others = [comes("OTHER") for _ in range(4)]
        assert [answer for _, answer in others] == ["accepted"] * 3 + ["rejected"], "there are twelve in all"
        assert own[0][0].release() == "released"
        until(lambda: comes("OTHER")[1] == "accepted")


def test_silent_connections_give_way_whoever_serves_them(shared: Node) -> None:
    with ExitStack() as here:
        silent = [here.enter_context(RudePeer(shared.port)) for _ in range(10)]
        assert shared.serves()
        assert silent[0].hear()[0] in {"closed", "aborted"}, "the oldest had to go"


def test_what_is_no_storing_is_answered_by_the_node(shared: Node) -> None:
    with modality(shared.port) as association:
        status, _ = association.send_n_create(begun(), "1.2.840.10008.3.1.2.3.3", STEP)
        assert status.Status == 0
        status, _ = association.send_n_create(begun("COMPLETED"), "1.2.840.10008.3.1.2.3.3", STEP)
        assert status.Status != 0
    assert [report.sop_instance_uid for report in shared.steps] == [STEP]


def test_a_process_that_dies_takes_its_own_connections_only(tmp_path: Path) -> None:
    with node(tmp_path / "data").listening() as listening:
        with RudePeer(listening.port) as one, RudePeer(listening.port) as two:
            for peer in (one, two):
                peer.associate()
            assert [peer.store(*instance(number)) for number, peer in enumerate((one, two))] == [0, 0]
            listening.processes[0].send_signal(signal.SIGKILL)
            assert {one.hear()[0]} == {"closed"}, "the first connection went to the first process"
            assert two.store(*instance(2)) == 0
            assert listening.serves(), "the other takes what comes meanwhile"
            until(lambda: len(listening.processes) == 3)
            with RudePeer(listening.port) as three:
                three.associate()
                assert three.store(*instance(3)) == 0
        check(listening.data, {0, 1, 2, 3})


def test_an_instance_on_its_way_is_finished_when_the_node_stops(tmp_path: Path) -> None:
    listening, (uid, content) = node(tmp_path / "data"), instance(0)
    with ThreadPoolExecutor(1) as pool, ExitStack() as stopping:
        stopping.enter_context(listening.listening())
        with RudePeer(listening.port) as peer:
            peer.associate()
            peer.send(values(1, 3, command(1, instance=uid)) + values(1, 0, content[:4000]))
            until(lambda: bool(files(listening.data)))
            stopped = pool.submit(stopping.close)
            until(lambda: not _connects(listening.port))
            peer.send(values(1, 2, content[4000:]))
            assert peer.status() == 0
            assert peer.hear()[0] in {"closed", "aborted"}
        stopped.result(30)
    check(listening.data, {0})


def _connects(port: int) -> bool:
    try:
        with RudePeer(port):
            return True
    except OSError:
        return False


def test_when_the_node_is_killed_its_receivers_end_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    receiver, acknowledged = ReceiverProcess(tmp_path, "dicom.processes=2").start(), set[int]()
    receivers = _children(receiver.pid)
    assert len(receivers) == 2
    with sending(receiver, 0, acknowledged):
        wait_for(acknowledged, 60)
    until(lambda: not any(_runs(one) for one in receivers))
    with running(receiver):
        check(tmp_path, acknowledged)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
