"""Who may come in while others are here: every rule that keeps one peer from shutting out the rest."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Protocol

from dicomnode.settings import LimitsSettings


class Guest(Protocol):
    """A connection, as far as its place is concerned."""

    @property
    def address(self) -> str:
        """Where it comes from."""

    def give_way(self) -> None:
        """Leave soon; called from another thread."""

    def stop(self) -> None:
        """Leave after the message that is on its way, if there is one; called from another thread."""


class Places(Protocol):
    """What a connection asks of those who count the places."""

    def establish(self, guest: Guest, title: str) -> bool:
        """Let a connection become an association, if there is a place."""

    def leave(self, guest: Guest) -> None:
        """Take the place back."""


class Budgets:
    """Counts connections. Nobody waits for a place: there is one, or the answer is no.

    A connection that is no association yet holds its place only until somebody else needs it: silent peers cannot
    keep the next one out.
    """

    def __init__(self, limits: LimitsSettings, associations: int) -> None:
        self._limits = limits
        self._associations = associations
        self._lock = threading.Lock()
        self._all: dict[Guest, None] = {}
        self._unnegotiated: dict[Guest, None] = {}  # oldest first
        self._peers: dict[Guest, str] = {}
        self._addresses: Counter[str] = Counter()

    def enter(self, guest: Guest) -> bool:
        """Give a new connection a place, if need be that of the oldest that is no association."""
        limits = self._limits
        with self._lock:
            oldest = None
            if len(self._all) >= limits.sockets or self._addresses[guest.address] >= limits.per_address:
                oldest = next((other for other in self._unnegotiated if other.address == guest.address), None)
                if oldest is None:
                    return False
            elif len(self._unnegotiated) >= limits.unnegotiated:
                oldest = next(iter(self._unnegotiated))
            if oldest is not None:
                del self._unnegotiated[oldest]
            self._all[guest] = self._unnegotiated[guest] = None
            self._addresses[guest.address] += 1
        if oldest is not None:
            oldest.give_way()
        return True

    def establish(self, guest: Guest, title: str) -> bool:
        """Let a connection become an association; not when all, or its peer's, are taken, or when it had to go."""
        with self._lock:
            if guest not in self._unnegotiated:
                return False
            own = sum(other == title for other in self._peers.values())
            if len(self._peers) >= self._associations or own >= self._limits.per_peer:
                return False
            del self._unnegotiated[guest]
            self._peers[guest] = title
            return True

    def leave(self, guest: Guest) -> None:
        """Take the place back."""
        with self._lock:
            if guest not in self._all:
                return
            del self._all[guest]
            self._unnegotiated.pop(guest, None)
            self._peers.pop(guest, None)
            self._addresses[guest.address] -= 1
            if not self._addresses[guest.address]:
                del self._addresses[guest.address]

    def guests(self) -> list[Guest]:
        """Everyone who is here."""
        with self._lock:
            return list(self._all)
