"""No more than so many bytes a second on one association."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Pauses after each object for as long as the rate asks.

    Parameters
    ----------
    bytes_a_second : float
        0 for no limit.
    """

    def __init__(
        self,
        bytes_a_second: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = bytes_a_second, clock, sleep
        self._due = clock()

    def sent(self, size: int) -> None:
        """Pause after an object of this size."""
        if self._rate > 0:
            self._due += size / self._rate
            ahead = self._due - self._clock()
            if ahead > 0:
                self._sleep(ahead)
