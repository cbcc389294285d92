"""Bytes over real sockets: whole or not at all, never later than asked, never waiting for each other."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import closing
from time import monotonic

import pytest

from dicomnode.dimse.transport.wire import Gone, Late, Stream

SOON, PATIENT = 0.05, 20.0
Pair = tuple[Stream, socket.socket]


def connected(window: int = 0) -> Pair:
    with socket.socket() as listener:
        if window:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        peer = socket.create_connection(listener.getsockname())
        return Stream(listener.accept()[0]), peer


@pytest.fixture
def pair() -> Iterator[Pair]:
    stream, peer = connected()
    with closing(stream), peer:
        yield stream, peer


def taken(stream: Stream, count: int, seconds: float = PATIENT) -> bytes:
    buffer = bytearray(count)
    got = stream.receive(memoryview(buffer), count, monotonic() + seconds)
    return bytes(buffer[:got])


def test_at_least_what_is_needed_is_waited_for_and_more_is_taken_along(pair: Pair) -> None:
    stream, peer = pair
    buffer = bytearray(100)
    peer.sendall(b"abc")
    later = threading.Timer(SOON, peer.sendall, (b"defgh",))
    later.start()
    assert stream.receive(memoryview(buffer), 6, monotonic() + PATIENT) == 8
    assert buffer[:8] == b"abcdefgh"
    later.join()


def test_a_deadline_is_of_the_whole_not_of_a_byte(pair: Pair) -> None:
    stream, peer = pair
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(SOON / 5):
            peer.sendall(b".")

    dripping = threading.Thread(target=drip)
    dripping.start()
    begun = monotonic()
    with pytest.raises(Late):
        taken(stream, 100_000, 5 * SOON)
    assert monotonic() - begun < PATIENT
    stop.set()
    dripping.join()


def test_a_deadline_that_has_passed_is_late_even_when_bytes_are_there(pair: Pair) -> None:
    stream, peer = pair
    peer.sendall(b"abc")
    with pytest.raises(Late):
        taken(stream, 3, -1.0)


def test_a_peer_that_closes_or_resets_is_gone(pair: Pair) -> None:
    stream, peer = pair
    peer.sendall(b"ab")
    peer.shutdown(socket.SHUT_WR)
    with pytest.raises(Gone, match="closed"):
        taken(stream, 3)
    other, rude = connected()
    rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    rude.close()
    with closing(other), pytest.raises(Gone, match="reset"):
        taken(other, 1)


def test_a_peer_that_does_not_read_is_late(pair: Pair) -> None:
    stream, _ = pair
    with pytest.raises(Late):
        stream.send(bytes(32 << 20), monotonic() + SOON)


def test_all_is_sent_however_slowly_it_is_read(pair: Pair) -> None:
    stream, peer = pair
    data = bytes(range(256)) * (1 << 14)
    sending = threading.Thread(target=stream.send, args=(data, monotonic() + PATIENT))
    sending.start()
    got = bytearray()
    while len(got) < len(data):
        got += peer.recv(1 << 16)
    sending.join()
    assert got == data


def test_another_thread_can_wake_the_one_that_sleeps(pair: Pair) -> None:
    stream, _ = pair
    waking = threading.Timer(SOON, stream.wake, (socket.SHUT_RDWR,))
    waking.start()
    with pytest.raises(Gone):
        taken(stream, 1)
    waking.join()


def test_what_was_sent_last_arrives_although_bytes_are_unread(pair: Pair) -> None:
    stream, peer = pair
    peer.sendall(bytes(1000))
    select.select([stream._socket], [], [], PATIENT)
    stream.send(b"abort", monotonic() + PATIENT)
    lingering = threading.Thread(target=lambda: (stream.linger(), stream.close()))
    lingering.start()
    assert peer.recv(10) == b"abort"
    assert peer.recv(10) == b""
    peer.close()
    lingering.join()


@pytest.mark.parametrize("window", [0, 2304, 65536, 1 << 20])
def test_the_low_water_mark_leaves_room_for_a_segment(window: int) -> None:
    stream, peer = connected(window)
    size = 1 << 17
    sending = threading.Thread(target=peer.sendall, args=(bytes(16 * size),))
    with closing(stream), peer:
        sending.start()
        for _ in range(16):
            assert len(taken(stream, size)) == size
            info = stream._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 88)
            room = struct.unpack_from("=L", info, 64)[0] - struct.unpack_from("=L", info, 84)[0]
            assert stream._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) <= max(1, room)
        sending.join()
