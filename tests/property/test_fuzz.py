"""Real files, wounded, at the two places where bytes of strangers are read first. Long form: make test-fuzz."""

from __future__ import annotations

import os
import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.uid import UID

from dicomnode.dicom.header import EncodedFacts
from dicomnode.dimse.transport.command import parse
from dicomnode.dimse.transport.pdu import Inbox, Kind
from dicomnode.dimse.transport.wire import Gone, Interrupted, Stream
from dicomnode.domain.identity import AETitle
from dicomnode.domain.instance import Received
from dicomnode.errors import ReceiveError
from dicomnode.receive.part10 import split
from dicomnode.receive.proof import Proof
from tests.datasets import EXPLICIT_LITTLE, MR_IMAGE, WRITERS, mr
from tests.peers.rude import associate, command, values

SECONDS = float(os.environ.get("DICOMNODE_FUZZ_SECONDS", "1"))
SEED = int(os.environ.get("DICOMNODE_FUZZ_SEED", "1"))
SLOWEST_S, MOST_MIB = 2.0, 256
EXTREMES = [b"\xff\xff\xff\xff", b"\x00\x00\x00\x00", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\xfe\xff\xdd\xe0"]


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """A seed with a few wounds."""
    content = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(6):
            case 0:
                content[at : at + 1] = chance.randbytes(1)
            case 1:
                content[at : at + 4] = chance.choice(EXTREMES)
            case 2:
                del content[at : at + chance.randint(1, 64)]
            case 3:
                content[at:at] = chance.randbytes(chance.randint(1, 64))
            case 4:
                other = chance.choice(seeds)
                begin = chance.randrange(len(other) + 1)
                content[at:at] = other[begin : begin + chance.randint(1, 256)]
            case _:
                content[at:at] = content[at : at + chance.randint(1, 256)] * chance.randint(1, 8)
    return bytes(content)


def fuzz(seeds: list[bytes], read: Callable[[bytes], None], failure: Path) -> int:
    """Read mutations for a while; whatever is not a refusal is raised, with the bytes that did it."""
    chance, count = random.Random(SEED), 0
    before, end = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic() + SECONDS
    while time.monotonic() < end:
        content, begun = mutated(chance, seeds), time.thread_time()
        try:
            read(content)
        except Exception as error:
            failure.write_bytes(content)
            raise AssertionError(f"{type(error).__name__} on the bytes now in {failure}") from error
        assert time.thread_time() - begun < SLOWEST_S, content[:200].hex()
        count += 1
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MOST_MIB
    return count


@pytest.fixture(scope="module")
def data_sets(test_data: Path) -> list[bytes]:
    """Synthetic ones in every encoding, and what pydicom's collection of odd files holds."""
    seeds = [mr(), *(writer.element(0x00100010, "PN", b"A^B ") + mr() for writer in WRITERS.values())]
    for writer in WRITERS.values():
        makers = [writer.item(writer.element(0x00080070, "LO", f"maker {n}"), undefined=bool(n)) for n in (0, 1)]
        seeds.append(mr(writer=writer) + writer.sequence(0x0018A001, *makers, undefined=True))
    for path in sorted((test_data / "odd-files-pydicom").glob("*.dcm")):
        content = path.read_bytes()
        try:
            seeds.append(bytes(split(content)[1])[: 1 << 16])
        except ReceiveError:
            seeds.append(content[: 1 << 16])
    return seeds


def test_any_data_set_is_taken_or_refused(data_sets: list[bytes], tmp_path: Path) -> None:
    syntaxes = [*WRITERS, "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5", EXPLICIT_LITTLE]
    chance = random.Random(SEED)

    def read(content: bytes) -> None:
        received = Received(
            sop_class_uid=MR_IMAGE,
            sop_instance_uid="1.2.3.4",
            abstract_syntax=MR_IMAGE,
            transfer_syntax_uid=UID(chance.choice(syntaxes)),
            data_set=(),
            calling_aet=AETitle("FUZZ"),
        )
        proof, at = Proof(received), 0
        try:
            while at < len(content):
                size = chance.randint(1, 1 << 14)
                proof.feed(content[at : at + size])
                at += size
            header = proof.finish()
        except ReceiveError:
            return
        dict(header.facts)  # decoded when the exam is assembled, and what was taken must not fail then
        if isinstance(header.facts, EncodedFacts):
            assert header.facts.patient == header.patient

    assert fuzz(data_sets, read, tmp_path / "failure") > 50


class Spoken(Stream):
    """A peer that has said all it will say."""

    def __init__(self, said: bytes) -> None:
        self._rest = memoryview(said)

    def receive(self, view: memoryview, least: int, deadline: float) -> int:
        if len(self._rest) < least:
            raise Gone("connection closed")
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


def test_any_stream_of_pdus_comes_to_an_end(tmp_path: Path) -> None:
    store = values(1, 3, command(0x0001, instance="1.2.3")) + values(1, 2, mr())
    seeds = [associate(), associate() + store, store * 3]

    def read(content: bytes) -> None:
        inbox = Inbox(Spoken(content), 1.0)
        try:
            while True:
                kind, start, end = inbox.next(tuple(Kind), 1 << 17, time.monotonic() + 1)
                if kind is Kind.P_DATA:
                    for fragment in inbox.fragments(start, end):
                        if fragment.command:
                            parse(inbox.content(fragment.start, fragment.end))
        except Interrupted:
            return

    assert fuzz(seeds, read, tmp_path / "failure") > 50
