"""The node's receiver in a process of its own, to be killed, starved and watched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class ReceiverProcess:
    """Start, kill and restart a receiver; its data folder outlives its process."""

    def __init__(self, data: Path, *settings: str, before: tuple[str | Path, ...] = ()) -> None:
        self.data = data
        self.port = self._pid = 0
        own = [option for setting in settings for option in ("--set", setting)]
        self._command = [
            *before,
            sys.executable,
            ROOT / "benchmarks" / "ingest" / "receiver.py",
            *("--data", data, "--port", "0", "--peer", "SCANNER", *own),
        ]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> ReceiverProcess:
        """Start, and wait until it listens."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=_environment()
        )
        assert self._process.stdout is not None
        said = self._process.stdout.readline()
        listening = re.fullmatch(r"listening on (\d+) as (\d+)\n", said)
        assert listening, said + (self._process.stderr.read() if self._process.stderr else "")
        self.port, self._pid = int(listening[1]), int(listening[2])
        return self

    def kill(self) -> None:
        """SIGKILL, no goodbye."""
        self._end(signal.SIGKILL)

    @property
    def pid(self) -> int:
        """Of the receiver, whatever watches it."""
        return self._pid

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nothing of it moves meanwhile."""
        os.kill(self._pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    def stop(self) -> None:
        """End it as systemd does."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        os.kill(self._pid, how)  # not the process we started: that may be a tool which watches it
        self._process.communicate(timeout=30)
        self._process = None


def _environment() -> dict[str, str]:

    paths = [str(ROOT), str(ROOT / "plugins"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
