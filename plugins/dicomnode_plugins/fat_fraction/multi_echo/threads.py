"""Voxels in parts, each worked on by one thread.

Torch would share every single operation between its threads, which then wait for each other thousands of times; where
other work takes a processor, that costs many times the work itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch

PART = 16384
"""Voxels; what is worked on at a time stays in the cache of a processor."""
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Threads:
    """As many as torch was allowed."""

    count: int
    pool: ThreadPoolExecutor

    def each(self, work: Callable[[slice], _Result], voxels: int) -> list[_Result]:
        """Results of all parts, in their order; the parts must not depend on each other."""
        parts = [slice(start, min(start + PART, voxels)) for start in range(0, voxels, PART)]
        if self.count == 1 or len(parts) == 1:
            return [work(part) for part in parts]
        results: list[_Result] = [None] * len(parts)  # type: ignore[list-item]

        def share(first: int) -> None:
            for number in range(first, len(parts), self.count):
                results[number] = work(parts[number])

        list(self.pool.map(share, range(self.count)))
        return results


@contextmanager
def threads() -> Iterator[Threads]:
    """Threads for the time of the context, in which torch itself does not divide its operations."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield Threads(count=count, pool=pool)
    finally:
        torch.set_num_threads(count)
