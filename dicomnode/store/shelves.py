"""Where the next object goes: numbered folders, and which of them the index is known to agree with."""

from __future__ import annotations

import fcntl
import os
import re
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{8}")
_KEY = re.compile(r"[0-9a-f]{8}/[0-9a-f]{8}\.dcm")
_FILES = 1 << 14
_SETTLED = "settled"
_FILLING, _NUMBERS = "filling", "numbers"  # files that are locked: a folder cannot be on every file system


class Shelves:
    """Numbers objects and folders. Every method raises OSError where the file system fails.

    Each instance fills folders of its own, so that no two writers can meet, in one process or in several. It holds a
    lock on them meanwhile, so that every process knows which folders somebody fills; the lock ends with its process.

    Parameters
    ----------
    root : Path
        Holds the folders.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._prefix = f"{root}/"
        self._lock = threading.Lock()
        self._shelf = ""
        self._given = 0
        self._writing: Counter[str] = Counter()
        self._held: dict[str, int] = {}
        weakref.finalize(self, _let_go, self._held)

    def claim(self) -> str:
        """A key that nobody else has; `leave` says that nobody writes there any more."""
        with self._lock:
            if not self._shelf or self._given == _FILES:
                full, self._shelf, self._given = self._shelf, self._new(), 0
                self._leave_if_done(full)
            key = f"{self._shelf}/{self._given:08x}.dcm"
            self._given += 1
            self._writing[self._shelf] += 1
            return key

    def leave(self, key: str) -> None:
        """Whatever becomes of a claimed key, it is in the index now or never will be."""
        shelf = key.partition("/")[0]
        with self._lock:
            self._writing[shelf] -= 1
            if not self._writing[shelf]:
                del self._writing[shelf]
            self._leave_if_done(shelf)

    def close(self) -> None:
        """Nothing more will be written to any folder there is."""
        with self._lock:
            self._shelf = ""
            _let_go(self._held)

    def file(self, key: str) -> str:
        """Path of a claimed key."""
        return self._prefix + key

    def names(self) -> list[str]:
        """All folders, oldest first."""
        with os.scandir(self.root) as entries:
            return sorted(entry.name for entry in entries if _NAME.fullmatch(entry.name))

    def keys(self, shelf: str) -> Iterator[str]:
        """What lies on a shelf; files that are not ours are passed over."""
        with os.scandir(self.root / shelf) as entries:
            for entry in entries:
                key = f"{shelf}/{entry.name}"
                if is_key(key):
                    yield key

    def unsettled(self) -> list[str]:
        """Shelves that may hold what the index does not know: not marked as settled, and nobody fills them now."""
        with self._lock, self._numbers():
            candidates = [name for name in self.names() if not (self.root / name / _SETTLED).exists()]
            return [name for name in candidates if name not in self._held and self._free(name)]

    def settle(self, shelf: str) -> None:
        """Mark a shelf, durably."""
        marker = os.open(self.root / shelf / _SETTLED, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.fsync(marker)
        finally:
            os.close(marker)

    def _new(self) -> str:
        with self._numbers():
            number = max((int(name, 16) for name in self.names()), default=0)
            name = f"{number + 1:08x}"
            (self.root / name).mkdir(mode=0o700)
            sync_folder(self.root)
            self._held[name] = _lockable(self.root / name / _FILLING)
            fcntl.flock(self._held[name], fcntl.LOCK_EX)
        return name

    def _leave_if_done(self, shelf: str) -> None:
        if shelf in self._held and shelf != self._shelf and shelf not in self._writing:
            os.close(self._held.pop(shelf))

    def _free(self, shelf: str) -> bool:
        """Whether no other process fills it."""
        filling = _lockable(self.root / shelf / _FILLING)
        try:
            fcntl.flock(filling, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(filling)
        return True

    @contextmanager
    def _numbers(self) -> Iterator[None]:
        """One process at a time: a folder that is made is held before anybody else looks at it."""
        numbers = _lockable(self.root / _NUMBERS)
        try:
            fcntl.flock(numbers, fcntl.LOCK_EX)
            yield
        finally:
            os.close(numbers)


def is_key(text: str) -> bool:
    """Whether this is a key as `Shelves.claim` gives them, and so safe as a path."""
    return _KEY.fullmatch(text) is not None


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lockable(file: Path) -> int:
    return os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)


def _let_go(held: dict[str, int]) -> None:
    while held:
        os.close(held.popitem()[1])
