"""Receiving, compared: the node beside DCMTK's storescp and Orthanc, in one interleaved run. Ratios are the results.

    python benchmarks/ingest/compare.py [--images 160] [--associations 1,4,8,16] [--rounds 3] [--folder DIR]

All receivers are up at once and take short slices in shuffled order. Peers are tuned (TCP_NODELAY=1) unless their name
says `default`. The sender speaks PDUs of 128 KiB, one image after the other on each association, from processes of its
own; images are 256 x 256 MR of 132 kB under new UIDs each time. storescp neither flushes nor indexes.

Two things of the machine cost every receiver alike, so much that they would hide what is its own. Memory that a virtual
machine does not use is taken back by its host and costs a fault there for each page: before each slice as much as it
will write, and once more for its pages, is touched. And ext4
without a journal passes over every inode that was freed in the last minutes, one by one, whenever it makes a file: let
`--folder` be one where nothing was deleted just now.
"""

from __future__ import annotations

import argparse
import json
import mmap
import multiprocessing
import os
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicomnode.domain.identity import AETitle
from dicomnode.receive.part10 import FileMeta, head

MR, EXPLICIT = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.1.2.1"
AET, PDU, PIXELS = "RECEIVER", 131072, 131072  # bytes
HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]

Sender = Callable[[int, str, range, object, object], None]


@dataclass
class Receiver:
    """A process that listens."""

    name: str
    process: subprocess.Popen[bytes]
    port: int

    def cpu_s(self) -> float:
        """Of the process and all that came from it, those that ended included."""
        while True:
            try:
                fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in _family(self.process.pid)]
            except FileNotFoundError:
                continue  # a child that just ended is in its parent's sum the next time
            return sum(int(ticks) for one in fields for ticks in one.split()[11:15]) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        for pid in reversed(_family(self.process.pid)):
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


def _family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        if children.exists():
            found += map(int, children.read_text().split())
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(name: str, folder: Path) -> Receiver | None:
    """Start a receiver, or nothing when its program is not installed."""
    port, data = _free_port(), folder / name
    data.mkdir()
    node = [sys.executable, HERE / "receiver.py", "--data", data, "--port", port, "--aet", AET, "--any-peer"]
    commands = {
        "node": node,
        "node-strict": [*node, "--set", "dicom.durability=strict"],
        "node-two": [*node, "--set", "dicom.processes=2"],
        "node-stock": [*node, "--set", "dicom.transport=stock"],
        "node-volatile": [*node, "--volatile"],
        "storescp": ["storescp", "--fork", "-pdu", PDU, "+xa", "-od", data, "-aet", AET, port],
        "storescp-default": ["storescp", "--fork", "-pdu", PDU, "+xa", "-od", data, "-aet", AET, port],
        "orthanc": ["Orthanc", _orthanc(folder, data, port)],
    }
    command = list(map(str, commands[name]))
    if not shutil.which(command[0], path=os.environ["PATH"] + ":/usr/sbin"):
        print(f"{name}: {command[0]} is not installed", file=sys.stderr)
        return None
    tuned = {} if name.endswith("-default") else {"TCP_NODELAY": "1"}
    paths = {
        "PATH": os.environ["PATH"] + ":/usr/sbin",
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), *sys.path]),
    }
    environment = {**os.environ, **paths, **tuned}
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            Association(port).release()
            return Receiver(name, process, port)
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{name} does not listen:\n" + (folder / f"{name}.log").read_text()[-2000:])


def _orthanc(folder: Path, data: Path, port: int) -> Path:
    settings = folder / "orthanc.json"
    settings.write_text(
        json.dumps(
            {
                "StorageDirectory": str(data),
                "IndexDirectory": str(data),
                "DicomAet": AET,
                "DicomPort": port,
                "HttpServerEnabled": False,
                "DicomAlwaysAllowStore": True,
                "MaximumPduLength": PDU,
                "OverwriteInstances": False,
                "DicomThreadsCount": 16,
            }
        )
    )
    return settings


class Association:
    """The sender: as little work as can be."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = b"\1\0\0\0" + _item(0x30, MR.encode()) + _item(0x40, EXPLICIT.encode())
        user = _item(0x51, struct.pack(">L", PDU)) + _item(0x52, b"1.2.3")
        items = _item(0x10, b"1.2.840.10008.3.1.1.1") + _item(0x20, context) + _item(0x50, user)
        body = struct.pack(">HH", 1, 0) + AET.encode().ljust(16) + b"BENCH".ljust(16) + bytes(32) + items
        self.socket.sendall(struct.pack(">BBL", 1, 0, len(body)) + body)
        if self._pdu()[0] != 2:
            raise OSError("not accepted")

    def store(self, message: bytes) -> None:
        self.socket.sendall(message)
        answer = self._pdu()[1]
        if b"\0\0\0\x09\2\0\0\0\0\0" not in answer:  # (0000,0900) US 0000
            raise SystemExit("an image was refused")

    def release(self) -> None:
        self.socket.sendall(struct.pack(">BBLL", 5, 0, 4, 0))
        self._pdu()
        self.socket.close()

    def _pdu(self) -> tuple[int, bytes]:
        header = self._exactly(6)
        return header[0], self._exactly(int.from_bytes(header[2:], "big"))

    def _exactly(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            part = self.socket.recv(count - len(got))
            if not part:
                raise OSError("closed")
            got += part
        return got


def _item(kind: int, content: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(content)) + content


def data_set(study: str, number: int, pixels: bytes) -> bytes:
    """An image, encoded."""

    def element(tag: int, vr: bytes, value: bytes) -> bytes:
        value += (b"\0" if vr == b"UI" else b" ") * (len(value) % 2)
        form, zero = ("<HH2sHL", (0,)) if vr == b"OW" else ("<HH2sH", ())
        return struct.pack(form, tag >> 16, tag & 0xFFFF, vr, *zero, len(value)) + value

    instance = f"{study}.{number}".encode()
    values = {
        0x00080008: (b"CS", b"ORIGINAL\\PRIMARY\\M"), 0x00080016: (b"UI", MR.encode()), 0x00080018: (b"UI", instance),
        0x00080020: (b"DA", b"20260301"), 0x00080030: (b"TM", b"120000"), 0x00080050: (b"SH", b"A1"),
        0x00080060: (b"CS", b"MR"), 0x00080070: (b"LO", b"MAKER"), 0x0008103E: (b"LO", b"t1 tra"),
        0x00100010: (b"PN", b"Doe^Jane"), 0x00100020: (b"LO", study[-12:].encode()), 0x00100030: (b"DA", b"19700101"),
        0x00180020: (b"CS", b"GR"), 0x00180050: (b"DS", b"3"), 0x00180080: (b"DS", b"5.1"), 0x00180081: (b"DS", b"2.3"),
        0x0020000D: (b"UI", study.encode()), 0x0020000E: (b"UI", f"{study}.{number % 4}.0".encode()),
        0x00200011: (b"IS", b"%d" % (number % 4)), 0x00200013: (b"IS", b"%d" % number),
        0x00200032: (b"DS", b"0\\0\\%d" % number), 0x00200037: (b"DS", b"1\\0\\0\\0\\1\\0"),
        0x00280002: (b"US", b"\1\0"), 0x00280004: (b"CS", b"MONOCHROME2"), 0x00280010: (b"US", b"\0\1"),
        0x00280011: (b"US", b"\0\1"), 0x00280030: (b"DS", b"1\\1"), 0x00280100: (b"US", b"\x10\0"),
        0x00280101: (b"US", b"\x0c\0"), 0x00280102: (b"US", b"\x0b\0"), 0x00280103: (b"US", b"\0\0"),
        0x7FE00010: (b"OW", pixels),
    }  # fmt: skip
    return b"".join(element(tag, *values[tag]) for tag in sorted(values))


def message(study: str, number: int, pixels: bytes) -> bytes:
    """A C-STORE request with its data set, as PDUs."""

    def command(number: int, value: bytes) -> bytes:
        return struct.pack("<HHL", 0, number, len(value)) + value

    content, instance = data_set(study, number, pixels), f"{study}.{number}".encode()
    uid = instance + b"\0" * (len(instance) % 2)
    body = command(2, MR.encode() + b"\0" * (len(MR) % 2)) + command(0x100, b"\1\0") + command(0x110, b"\1\0")
    body += command(0x700, b"\0\0") + command(0x800, b"\1\0") + command(0x1000, uid)
    body = command(0, struct.pack("<L", len(body))) + body
    parts, step = [(3, body)], PDU - 6
    parts += [(2 if at + step >= len(content) else 0, content[at : at + step]) for at in range(0, len(content), step)]
    return b"".join(struct.pack(">BBLLBB", 4, 0, len(p) + 6, len(p) + 2, 1, kind) + p for kind, p in parts)


def _touch(size: int) -> None:
    with mmap.mmap(-1, size) as memory:
        for at in range(0, size, mmap.PAGESIZE):
            memory[at] = 1


def _send(port: int, study: str, numbers: range, barrier: object, times: object) -> None:
    pixels = random.Random(study).randbytes(PIXELS)
    messages = [message(study, number, pixels) for number in numbers]
    barrier.wait()  # type: ignore[attr-defined]
    begun = time.monotonic()
    association = Association(port)
    ready = time.monotonic()
    for one in messages:
        association.store(one)
    stored = time.monotonic()
    association.release()
    times.put((begun, ready, stored, time.monotonic()))  # type: ignore[attr-defined]


def _dcmsend(port: int, study: str, numbers: range, barrier: object, times: object) -> None:
    """The same by DCMTK's sender as it is installed, which waits as Nagle's algorithm says."""
    pixels = random.Random(study).randbytes(PIXELS)
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            meta = FileMeta(
                sop_class_uid=MR,
                sop_instance_uid=f"{study}.{number}",
                transfer_syntax_uid=EXPLICIT,
                calling_aet=AETitle("BENCH"),
            )
            (Path(folder) / f"{number}.dcm").write_bytes(head(meta) + data_set(study, number, pixels))
        plain = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
        barrier.wait()  # type: ignore[attr-defined]
        begun = time.monotonic()
        command = ["dcmsend", "-aec", AET, "--max-send-pdu", str(PDU), "+sd", "127.0.0.1", str(port), folder]
        subprocess.run(command, env=plain, check=True, stdout=subprocess.DEVNULL)
        ended = time.monotonic()
    times.put((begun, begun, ended, ended))  # type: ignore[attr-defined]


def measure(receiver: Receiver, associations: int, images: int, sender: Sender = _send) -> dict[str, float]:
    """One slice: the images shared among the associations."""
    processes = multiprocessing.get_context("fork")
    barrier, times = processes.Barrier(associations), processes.Queue()
    share = max(1, images // associations)
    study = f"1.2.826.0.1.{random.getrandbits(60)}"  # one study of four series, spread over all associations
    shares = [range(n * share, (n + 1) * share) for n in range(associations)]
    senders = [processes.Process(target=sender, args=(receiver.port, study, part, barrier, times)) for part in shares]
    before = receiver.cpu_s()
    for sender in senders:
        sender.start()
    spans = [times.get(timeout=60) for _ in senders]
    for sender in senders:
        sender.join()
    wall = max(span[2] for span in spans) - min(span[0] for span in spans)
    return {
        "rate": share * associations / wall,
        "cpu_ms": (receiver.cpu_s() - before) / (share * associations) * 1000,
        "setup_ms": statistics.median(span[1] - span[0] for span in spans) * 1000,
        "release_ms": statistics.median(span[3] - span[2] for span in spans) * 1000,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=160)
    parser.add_argument("--associations", default="1,4,8,16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--receivers", default="node,node-two,node-strict,node-volatile,storescp,orthanc")
    parser.add_argument("--folder", help="where the receivers keep what they take")
    parser.add_argument("--dcmsend", action="store_true", help="send by dcmsend as it is installed")
    arguments = parser.parse_args()
    sender = _dcmsend if arguments.dcmsend else _send
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    associations = [int(n) for n in arguments.associations.split(",")]
    with tempfile.TemporaryDirectory(prefix="ingest-", dir=arguments.folder) as folder:
        receivers = [r for name in arguments.receivers.split(",") if (r := start(name, Path(folder)))]
        try:
            for _ in range(arguments.rounds):
                slices = [(r, n) for n in associations for r in receivers]
                random.shuffle(slices)
                for receiver, n in slices:
                    _touch(2 * arguments.images * PIXELS)
                    found.setdefault((receiver.name, n), []).append(measure(receiver, n, arguments.images, sender))
        finally:
            for receiver in receivers:
                receiver.stop()
    report(found)


def report(found: dict[tuple[str, int], list[dict[str, float]]]) -> None:
    """Medians, and the ratios of each round to the peers' of the same round."""
    columns = [("N", 3), ("img/s", 8), ("CPU ms", 8), ("set-up", 8), ("release", 9)]
    columns += [("/orthanc", 10), ("CPU/", 7), ("/storescp", 11)]
    print(f"{'receiver':18}" + "".join(f"{title:>{width}}" for title, width in columns))
    storescp = next((name for name, _ in found if name == "storescp"), "storescp-default")
    for (name, n), rounds in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}

        def ratio(peer: str, key: str, n: int = n, rounds: list[dict[str, float]] = rounds) -> str:
            others = found.get((peer, n), [])
            pairs = [own[key] / other[key] for own, other in zip(rounds, others, strict=False) if other[key]]
            return f"{statistics.median(pairs):.2f}" if pairs else "-"

        print(
            f"{name:18}{n:3}{middle['rate']:8.0f}{middle['cpu_ms']:8.2f}{middle['setup_ms']:8.1f}"
            f"{middle['release_ms']:9.2f}{ratio('orthanc', 'rate'):>10}{ratio('orthanc', 'cpu_ms'):>7}"
            f"{ratio(storescp, 'rate'):>11}"
        )


if __name__ == "__main__":
    main()
