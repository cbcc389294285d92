"""Where the next object goes: numbered folders, and which of them the index is known to agree with."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_NAME = re.compile(r"[0-9a-f]{8}")
_KEY = re.compile(r"[0-9a-f]{8}/[0-9a-f]{8}\.dcm")
_FILES = 1 << 14
_SETTLED = "settled"


class Shelves:
    """Numbers objects and folders. Every method raises OSError where the file system fails.

    Each instance fills folders of its own, so that no two writers can meet, in one process or in several.

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

    def claim(self) -> str:
        """A key that nobody else has; `leave` says that nobody writes there any more."""
        with self._lock:
            if not self._shelf or self._given == _FILES:
                self._shelf, self._given = self._new(), 0
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
        """Shelves that may hold what the index does not know: not marked as settled, and nobody writes there now."""
        with self._lock:
            busy = {self._shelf, *self._writing}
        return [name for name in self.names() if name not in busy and not (self.root / name / _SETTLED).exists()]

    def settle(self, shelf: str) -> None:
        """Mark a shelf, durably."""
        marker = os.open(self.root / shelf / _SETTLED, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            os.fsync(marker)
        finally:
            os.close(marker)

    def _new(self) -> str:
        number = max((int(name, 16) for name in self.names()), default=0)
        while True:
            number += 1
            folder = self.root / f"{number:08x}"
            with suppress(FileExistsError):  # another process took this number
                folder.mkdir(mode=0o700)
                sync_folder(self.root)
                return folder.name


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
