"""Objects as files: once `put` returns, the bytes and their name survive a power cut."""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from dicomnode.errors import StoreError

_KEY = re.compile(r"[0-9a-f]{2}/[0-9a-f]{32}\.dcm")
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FileStore:
    """Write-once objects below one folder.

    A file is created under its final name. The name is random: it owes nothing to the sender, so nothing on the wire
    can reach outside the store, and no two writers can meet. A file that was never finished is therefore possible
    after a crash; the index decides, because a key without a row was never acknowledged.

    Parameters
    ----------
    root : Path
        Created, with all its parents, when absent; readable by our user only.

    Raises
    ------
    StoreError
        When the folder cannot be made.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        try:
            _make_folder(self._root)
            for shelf in range(256):
                (self._root / f"{shelf:02x}").mkdir(mode=0o700, exist_ok=True)
            _sync_folder(self._root)
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
        name = secrets.token_hex(16)
        key = f"{name[:2]}/{name}.dcm"
        path = self._root / key
        try:
            size = _create(path, parts)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise StoreError("no space left in the object store") from error
            raise StoreError(f"the object store failed: {error.strerror}") from error
        return key, size

    def path(self, key: str) -> Path:
        """Where the object lies.

        Raises
        ------
        StoreError
            When the key is not one of ours.
        """
        if not _KEY.fullmatch(key):
            raise StoreError("not a key of this object store")
        return self._root / key

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

    def keys(self) -> Iterator[str]:
        """All keys, shelf by shelf; files that are not ours are passed over."""
        for shelf in range(256):
            with os.scandir(self._root / f"{shelf:02x}") as entries:
                for entry in entries:
                    key = f"{shelf:02x}/{entry.name}"
                    if _KEY.fullmatch(key):
                        yield key

    def free_bytes(self) -> int:
        """Bytes that may still be written on the store's file system."""
        stat = os.statvfs(self._root)
        return stat.f_bavail * stat.f_frsize


def _create(path: Path, parts: Iterable[bytes | memoryview]) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            size = sum(file.write(part) for part in parts)
            file.flush()
            os.fsync(descriptor)
        _sync_folder(path.parent)
    except BaseException:
        # Only tidiness: should this fail too, the leftover has no row in the index and recovery finds it.
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    return size


def _make_folder(path: Path) -> None:
    """Make a folder whose own name is durable too, all the way up."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
