"""A node as a user runs it: ``dicomnode serve`` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of a condition, asked again and again until a deadline."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.05)


class NodeProcess:
    """Start, kill, restart and ask a node; its data folder outlives its process."""

    def __init__(
        self, folder: Path, port: int, peers: str, database_url: str = "", *, extra: str = "", drain: float = 20.0
    ) -> None:
        self.port = port
        self.data = folder / "var"
        self.log = folder / "node.log"
        self.config = folder / "node.toml"
        self.config.write_text(
            f"""
[node]
data = "{self.data}"
keep_cases = true
drain = {drain}
[dicom]
host = "127.0.0.1"
port = {port}
[database]
url = "{database_url}"
[completeness]
series_quiet = 1.0
exam_quiet = 3.0
missing_wait = 6.0
[delivery]
first_retry = 1.0
longest_retry = 2.0
{extra}
{peers}
"""
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it listens."""
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dicomnode", "serve", "--log-json", "--config", str(self.config)],
                stderr=log,
                stdout=log,
                env={**os.environ, "PYTHONWARNINGS": "default"},
            )

        def listening() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()[-3000:]
            with self.log.open("rb") as file:
                file.seek(before)
                return b'"event": "listening"' in file.read()

        until(listening, 60, "the node listens")

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def wait(self) -> None:
        """Wait until the process is gone."""
        assert self._process is not None
        self._process.wait(60)

    def kill(self) -> None:
        """Power off the process: SIGKILL, no goodbye."""
        assert self._process is not None
        self._process.kill()
        self.wait()

    def stop(self, *, any_thread: bool = False) -> int:
        """End it as systemd does, and return its exit code; with `any_thread` its newest thread gets the signal."""
        if self._process is None or self._process.poll() is not None:
            return -1
        threads = [int(task.name) for task in Path(f"/proc/{self.pid}/task").iterdir()]
        os.kill(max(threads) if any_thread else self.pid, signal.SIGTERM)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a ``dicomnode`` command on this node's configuration."""
        command = [sys.executable, "-m", "dicomnode", *arguments, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def ask(self, *arguments: str) -> Any:
        """Run a command with --json and return what it says."""
        return json.loads(self.cli(*arguments, "--json").stdout)

    def settled(self, tasks: int, seconds: float = 240) -> list[dict[str, Any]]:
        """Wait until this many tasks have ended and nothing is left to deliver or to prove."""
        moving = {"queued", "waiting"} | ({"delivered"} if "commitment = true" in self.config.read_text() else set())

        def ended() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = self.ask("tasks", "list")
            live = [task for task in found if task["state"] in ("queued", "running")]
            left = [peer for task in found for peer in task["deliveries"].values() if moving & peer.keys()]
            return found if len(found) >= tasks and not live and not left else []

        result: list[dict[str, Any]] = until(ended, seconds, f"{tasks} tasks end and deliver")
        return result
