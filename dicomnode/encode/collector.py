"""The cyclic garbage collector, held off while data sets are built."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_rest() -> Iterator[None]:
    """Collect nothing meanwhile.

    A task makes a hundred thousand elements that all live until it ends; looking through them again and again in
    search of cycles takes a fifth of its time and finds nothing to free.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
