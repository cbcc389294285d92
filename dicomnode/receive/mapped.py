"""Read a file without taking it into memory."""

from __future__ import annotations

import mmap
import os
from pathlib import Path


def mapped(path: Path) -> memoryview:
    """A file's bytes, however many."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return memoryview(b"")  # nothing to map
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
