"""Promise 1 under faults: what was answered with 0000 is there, whole, once, and in the index."""

from __future__ import annotations

import os
import random
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dicomnode.dicom.header import data_set_of
from tests.absence import absent
from tests.datasets import mr
from tests.integration.receiver_process import ReceiverProcess
from tests.peers.rude import RudePeer

KILLS = int(os.environ.get("DICOMNODE_KILLS", "3"))
CUTS = int(os.environ.get("DICOMNODE_POWER_CUTS", "1"))
INSTANCES = int(os.environ.get("DICOMNODE_INSTANCES", "1000"))
PIXELS = 8192
NO_WATERMARKS = ("limits.free_for_new_studies=0", "limits.free_for_any=0")


def instance(number: int) -> tuple[str, bytes]:
    """A SOP Instance UID and its data set; every fortieth begins a new series."""
    uid, series = f"1.2.3.4.{number}", number // 40
    study = f"1.2.3.{series // 4}"
    pixels = random.Random(number).randbytes(PIXELS)
    return uid, mr(uid, study=study, series=f"{study}.{series}", patient=f"P{series // 4}", pixels=pixels)


def rows(data: Path) -> dict[str, str]:
    """SOP Instance UID to store key, as committed."""
    with closing(sqlite3.connect(data / "dicomnode.sqlite", timeout=30)) as database:
        return dict(database.execute("SELECT sop_instance_uid, store_key FROM instance"))


def files(data: Path) -> set[str]:
    return {str(path.relative_to(data / "store")) for path in (data / "store").glob("*/*.dcm")}


def check(data: Path, acknowledged: set[int]) -> None:
    """Every acknowledged instance has its row, its file and its bytes."""
    found = rows(data)
    for number in acknowledged:
        uid, content = instance(number)
        assert uid in found, "acknowledged and lost"
        assert data_set_of((data / "store" / found[uid]).read_bytes())[0] == content
    assert set(found.values()) == files(data)


@contextmanager
def running(receiver: ReceiverProcess) -> Iterator[ReceiverProcess]:
    try:
        yield receiver.start()
    finally:
        receiver.stop()


def send(port: int, numbers: Iterator[int], acknowledged: set[int]) -> None:
    """Send until there is no more to send or nobody there; note what was answered 0000."""
    try:
        with RudePeer(port) as peer:
            peer.associate()
            for number in numbers:
                if peer.store(*instance(number)) == 0:
                    acknowledged.add(number)
            peer.release()
    except OSError:
        return


@contextmanager
def sending(receiver: ReceiverProcess, first: int, acknowledged: set[int]) -> Iterator[None]:
    """Four associations that send until the receiver is killed at the end."""
    shares = [iter(range(first + k * 10_000, first + (k + 1) * 10_000)) for k in range(4)]
    senders = [threading.Thread(target=send, args=(receiver.port, share, acknowledged)) for share in shares]
    for sender in senders:
        sender.start()
    try:
        yield
    finally:
        receiver.kill()
        for sender in senders:
            sender.join()


def wait_for(acknowledged: set[int], number: int) -> None:
    end = time.monotonic() + 60
    while len(acknowledged) < number:
        assert time.monotonic() < end
        time.sleep(0.002)


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    receiver, acknowledged, chance = ReceiverProcess(tmp_path), set[int](), random.Random(1)
    for kill in range(KILLS):
        receiver.start()
        enough = len(acknowledged) + chance.randint(10, 120)
        with sending(receiver, kill * 100_000, acknowledged):
            wait_for(acknowledged, enough)
    with running(receiver):
        check(tmp_path, acknowledged)
    assert len(acknowledged) >= 10 * KILLS


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture
def disk() -> Iterator[Path]:
    """The image of an ext4 file system in a folder of its own, in memory where that can be: its flushes are quick.

    No peer that could be installed: where it cannot be mounted the test is skipped, under ``CI=true`` too.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        image = Path(folder) / "disk.img"
        with image.open("wb") as file:
            file.truncate(256 << 20)
        try:
            subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
            with mounted(image, Path(folder) / "trial"):
                pass
        except (subprocess.CalledProcessError, OSError):
            pytest.skip("no power cut without mkfs.ext4, root and loop devices")
        yield image


@pytest.mark.parametrize("durability", ["default", "strict"] if CUTS > 1 else ["default"])
def test_nothing_acknowledged_is_lost_in_a_power_cut(disk: Path, tmp_path: Path, durability: str) -> None:
    """What is in the image of the disk at a moment is what a machine finds that lost its power then.

    Bytes the node has written but not forced down are not in it; no kill of a process shows that.
    """
    settings = (f"dicom.durability={durability}", *NO_WATERMARKS)
    chance = random.Random(3)
    for cut in range(CUTS):
        after, acknowledged = disk.with_name("after.img"), set[int]()
        with mounted(disk, tmp_path / "live"):
            receiver = ReceiverProcess(tmp_path / "live" / f"data{cut}", *settings).start()
            enough = 500 + chance.randint(0, 300)
            with sending(receiver, cut * 100_000, acknowledged):
                wait_for(acknowledged, enough)
                with receiver.held():
                    safe = set(acknowledged)
                    subprocess.run(["cp", "--sparse=always", disk, after], check=True)
            shutil.rmtree(receiver.data)
        with mounted(after, tmp_path / "found"), running(ReceiverProcess(tmp_path / "found" / f"data{cut}", *settings)):
            check(tmp_path / "found" / f"data{cut}", safe)


def test_flush_then_commit_then_answer(tmp_path: Path, require_tool: Callable[[str], Path]) -> None:
    trace = tmp_path / "trace"
    calls = "openat,write,writev,pwrite64,fsync,fdatasync,sendto,sendmsg"
    before = (require_tool("strace"), "-f", "-y", "-o", trace, "-e", f"trace={calls}", "--signal=none")
    with running(ReceiverProcess(tmp_path / "data", before=before)) as receiver:
        acknowledged: set[int] = set()
        send(receiver.port, iter(range(100)), acknowledged)
    assert len(acknowledged) == 100
    kinds = (
        ("create", r"openat\(.*store/[0-9a-f]{8}/[0-9a-f]{8}\.dcm.*O_CREAT"),
        ("flush", r"fsync\(\d+<.*store/[0-9a-f]{8}/[0-9a-f]{8}\.dcm"),
        ("commit", r"pwrite64\(\d+<.*sqlite-wal"),
        ("answer", r"sendto\(\d+<.*\"\\4\\0"),
    )
    order = [name for line in trace.read_text().splitlines() for name, shape in kinds if re.search(shape, line)]
    stores = "".join(name[0] if name != "create" else "o" for name in order)  # o f c a
    assert len(re.findall(r"of+c+a", stores)) == 100, stores


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(options, capture_output=True, check=False).returncode != 0:
        absent("a small file system", "run as root where tmpfs can be mounted")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_out_of_resources_until_there_is_room(small_disk: Path) -> None:
    with running(ReceiverProcess(small_disk, *NO_WATERMARKS)) as receiver:
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(5 << 20))
        statuses = []
        with RudePeer(receiver.port) as peer:
            peer.associate()
            for number in range(700):
                statuses.append(peer.store(*instance(number)))
                if statuses.count(0xA700) == 20:
                    break
        assert set(statuses) == {0, 0xA700}
        ballast.unlink()
        with RudePeer(receiver.port) as peer:
            peer.associate()
            begun = time.monotonic()
            while (status := peer.store(*instance(10_000))) != 0:
                assert status == 0xA700
                assert time.monotonic() - begun < 10
            assert [peer.store(*instance(10_000 + n)) for n in range(20)] == [0] * 20
    acknowledged = {number for number, status in enumerate(statuses) if status == 0}
    with running(ReceiverProcess(small_disk, *NO_WATERMARKS)):  # what the full disk left in doubt is settled at start
        check(small_disk, acknowledged | {10_000 + n for n in range(20)})


def test_many_instances_over_many_associations_are_each_there_once(tmp_path: Path) -> None:
    numbers = list(range(INSTANCES)) + list(range(0, INSTANCES, 10))  # every tenth twice
    random.Random(2).shuffle(numbers)
    with running(ReceiverProcess(tmp_path)) as receiver:
        answered = [set[int]() for _ in range(16)]
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda n: send(receiver.port, iter(numbers[n::16]), answered[n]), range(16)))
        acknowledged = set().union(*answered)
        assert acknowledged == set(range(INSTANCES))
        check(tmp_path, acknowledged)
        assert len(rows(tmp_path)) == INSTANCES
