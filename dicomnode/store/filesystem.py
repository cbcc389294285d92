"""Objects as files: once kept, the bytes and their name survive a power cut."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import inf
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from dicomnode.errors import StoreError
from dicomnode.store.shelves import Shelves, is_key, sync_folder

logger = logging.getLogger(__name__)

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FREE_FOR_S = 0.1


class _OwnWords:
    """Puts the operating system's errors into the store's words."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in _NO_ROOM:
            raise StoreError("no space left in the object store") from error
        raise StoreError(f"the object store failed: {error.strerror}") from error


_OWN_WORDS = _OwnWords()


class FileStore:
    """Write-once objects below one folder, on numbered shelves.

    A file is created under its final name. The name is a number: it owes nothing to the sender, so nothing on the wire
    can reach outside the store. A file that was never finished is therefore possible after a crash; the index decides,
    because a key without a row was never acknowledged.

    A shelf that is full and agrees with the index is marked as settled: recovery never reads it again, however large
    the store grows.

    Parameters
    ----------
    root : Path
        Created, with all its parents, when absent; readable by our user only.
    strict : bool
        Flush the folder as well as the file. On ext4 and XFS flushing a new file also makes its name durable, so that
        the second flush saves nothing there; POSIX does not promise it of every file system.

    Raises
    ------
    StoreError
        When the folder cannot be made.
    """

    def __init__(self, root: Path, *, strict: bool = False) -> None:
        self.shelves = Shelves(root.absolute())
        self._strict = strict
        self._free = -inf, 0
        try:
            _make_folder(self.shelves.root)
        except OSError as error:
            raise StoreError(f"the object store cannot be made: {error.strerror}") from error

    def put(self, parts: Iterable[bytes | memoryview]) -> tuple[str, int]:
        """Store the parts, one after the other, as one new object.

        Returns
        -------
        key : str
            Name of the object in this store.
        size : int
            Bytes written.

        Raises
        ------
        StoreError
            Nothing was kept; the text tells a full disk apart from other faults.
        """
        with self.create() as draft:
            for part in parts:
                draft.write(part)
            draft.keep()
        return draft.key, draft.size

    def create(self) -> Draft:
        """Begin a new object whose bytes come one after the other; without `Draft.keep` nothing of it stays.

        Raises
        ------
        StoreError
            When the file cannot be made.
        """
        with _OWN_WORDS:
            return Draft(self.shelves, strict=self._strict)

    def path(self, key: str) -> Path:
        """Where the object lies.

        Raises
        ------
        StoreError
            When the key is not one of ours.
        """
        if not is_key(key):
            raise StoreError("not a key of this object store")
        return self.shelves.root / key

    def remove(self, key: str) -> None:
        """Forget an object; one that is gone already is no fault.

        Raises
        ------
        StoreError
            When it cannot be removed.
        """
        try:
            self.path(key).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"an object cannot be removed: {error.strerror}") from error

    def remove_all(self, keys: Iterable[str]) -> None:
        """Forget objects for good: not even a power cut brings them back.

        Raises
        ------
        StoreError
            When one cannot be removed; others may be gone.
        """
        paths = [self.path(key) for key in keys]
        with _OWN_WORDS:
            for path in paths:
                path.unlink(missing_ok=True)
            for shelf in sorted({path.parent for path in paths if path.parent.exists()}):
                sync_folder(shelf)

    def keys(self, shelf: str = "") -> Iterator[str]:
        """All keys, or those of one shelf."""
        for name in [shelf] if shelf else self.shelves.names():
            yield from self.shelves.keys(name)

    def settle(self, shelf: str) -> None:
        """Mark a shelf as one that recovery need not look at: it agrees with the index, whose rows are durable.

        Raises
        ------
        StoreError
            When it cannot be marked; it will be looked at again.
        """
        with _OWN_WORDS:
            self.shelves.settle(shelf)

    def free_bytes(self) -> int:
        """Bytes that may still be written on the store's file system, as of at most a tenth of a second ago."""
        now = monotonic()
        asked, free = self._free
        if now - asked > _FREE_FOR_S:
            stat = os.statvfs(self.shelves.root)
            free = stat.f_bavail * stat.f_frsize
            self._free = now, free
        return free


class Draft:
    """An object that is being written. As a context it is discarded at its end unless it was kept.

    Attributes
    ----------
    key : str
        Name of the object in its store.
    size : int
        Bytes written so far.
    """

    def __init__(self, shelves: Shelves, *, strict: bool) -> None:
        self.key = shelves.claim()
        self.size = 0
        self._shelves = shelves
        self._path = shelves.file(self.key)
        self._strict = strict
        self._kept = False
        try:
            self._file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        except OSError:
            shelves.leave(self.key)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if not self._kept:
            self.discard()
        with suppress(OSError):  # what was kept is flushed already
            # The next object takes over warm pages; those of this one are read once, later, if at all.
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(self._file)
        self._shelves.leave(self.key)

    def write(self, *parts: bytes | memoryview) -> None:
        """Append some bytes.

        Raises
        ------
        StoreError
            When they cannot be written.
        """
        with _OWN_WORDS:
            written = os.writev(self._file, parts)
            whole = sum(map(len, parts))
            while written < whole:  # the disk is nearly full, or a signal came
                written += os.write(self._file, b"".join(parts)[written:])
            # The disk begins while the bytes are being proven: nothing else in the library says so without waiting.
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_DONTNEED)
        self.size += whole

    def keep(self) -> None:
        """Make the object durable: once this returns, it survives a power cut.

        Raises
        ------
        StoreError
            Nothing was kept.
        """
        with _OWN_WORDS:
            os.fsync(self._file)
            if self._strict:
                sync_folder(Path(self._path).parent)
        self._kept = True

    def move(self, store: FileStore) -> None:
        """Make the object durable as one of another store on the same file system, under a key of that store.

        Raises
        ------
        StoreError
            It is in neither store.
        """
        try:
            with _OWN_WORDS:
                key = store.shelves.claim()
                self._shelves.leave(self.key)
                there = store.shelves.file(key)
                self._shelves, self.key = store.shelves, key
                Path(self._path).rename(there)
                self._path = there
            self.keep()
        except StoreError:
            self.discard()
            raise

    def discard(self) -> None:
        """Forget the object, kept or not."""
        try:
            Path(self._path).unlink(missing_ok=True)
        except OSError as error:
            # Only tidiness: the leftover has no row in the index.
            logger.error("a file without a row stays behind until recovery: %s", error.strerror)


def _make_folder(path: Path) -> None:
    """Make a folder whose own name is durable too, all the way up."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
