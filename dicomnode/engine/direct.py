"""Begin durable work at once, in a thread of this process, beside the queue that holds it.

The queue looks every so often for what is due, and somebody waits. What was submitted to it is therefore begun here
right after its transaction; when its turn comes there, it waits for what is under way here and then does what is left.
Should this process die, the queue has it all.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

log = logging.getLogger(__name__)

_Arguments = tuple[str | int, ...]


class Direct:
    """Runs one kind of work; the same arguments never run twice at a time."""

    def __init__(self, run: Callable[..., None], threads: int) -> None:
        """Make it; no thread is started before it is needed.

        Parameters
        ----------
        run : callable
            Does the work of the arguments it is called with; what is done already it does not do again.
        threads : int
            So much may run at once of what is begun here.
        """
        self._run = run
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="direct")
        self._under_way: set[_Arguments] = set()
        self._changed = threading.Condition()
        self._closed = False

    def begin(self, *arguments: str | int) -> None:
        """Start work that its queue holds already; it is left to the queue when it runs there, or this is closed."""
        with self._changed:
            if self._closed or arguments in self._under_way:
                return
            self._under_way.add(arguments)
            self._pool.submit(self._begun, arguments)

    def run(self, *arguments: str | int) -> None:
        """Do work in the caller's thread: what a queue calls. It waits while the same work is under way."""
        with self._changed:
            self._changed.wait_for(lambda: arguments not in self._under_way)
            self._under_way.add(arguments)
        try:
            self._run(*arguments)
        finally:
            self._ended(arguments)

    def close(self) -> None:
        """Begin nothing more."""
        with self._changed:
            self._closed = True
        self._pool.shutdown(wait=False)

    def idle(self, within_s: float) -> bool:
        """Wait a while until nothing is under way; False when something still is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._under_way, within_s)

    def _begun(self, arguments: _Arguments) -> None:
        try:
            if not self._closed:
                self._run(*arguments)
        except Exception:  # the last border: the queue has it still, and does it again
            log.exception("work that was begun at once has failed, its queue will do it")
        finally:
            self._ended(arguments)

    def _ended(self, arguments: _Arguments) -> None:
        with self._changed:
            self._under_way.discard(arguments)
            self._changed.notify_all()
