"""A throw-away PostgreSQL cluster on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.tools import require_tool

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "log_min_messages": "warning",
}


class Cluster:
    """A running cluster; every database on it is new and goes with it."""

    def __init__(self, folder: Path, bin_folder: Path, account: str | None) -> None:
        self._folder, self._bin, self._account = folder, bin_folder, account
        self._databases = 0

    def start(self) -> None:
        """Initialise and start; returns when the server takes connections."""
        data = str(self._folder / "data")
        self._run(
            "initdb", "--pgdata", data, "--username", "test", "--auth", "trust", "--encoding", "UTF8", "--no-sync"
        )
        settings = {**_SETTINGS, "unix_socket_directories": str(self._folder)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        log = str(self._folder / "log")
        self._run("pg_ctl", "--pgdata", data, "--log", log, "--options", options, "--wait", "--timeout", "60", "start")

    def stop(self) -> None:
        """Stop at once, whoever is connected."""
        self._run("pg_ctl", "--pgdata", str(self._folder / "data"), "--mode", "immediate", "--wait", "stop")

    def create(self, like: str = "template0") -> str:
        """A new database, empty or as another is to which nobody is connected; returns its name."""
        self._databases += 1
        name = f"test_{self._databases}"
        self._run("createdb", "--host", str(self._folder), "--username", "test", "--template", like, name)
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is connected."""
        self._run("dropdb", "--host", str(self._folder), "--username", "test", "--force", name)

    def url(self, name: str) -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://test@/{name}?host={self._folder}"

    def _run(self, program: str, *arguments: str) -> None:
        # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
        with tempfile.TemporaryFile() as output:
            command = [str(self._bin / program), *arguments]
            done = subprocess.run(
                command, check=False, stdout=output, stderr=output, user=self._account, cwd=self._folder, timeout=120
            )
            if done.returncode:
                output.seek(0)
                raise RuntimeError(f"{program} failed:\n{output.read().decode(errors='replace')}")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster, gone without a trace at the end."""
    initdb = require_tool("initdb", *_installations())
    folder = Path(tempfile.mkdtemp(prefix="dicomnode-pg-"))
    account = _account()
    if account is not None:
        shutil.chown(folder, account)
    running = Cluster(folder, initdb.resolve().parent, account)
    try:
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(folder)


def _installations() -> list[str]:
    """Debian's folders, the newest release first."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    return [str(path) for path in sorted(found, key=lambda path: int(path.parent.name), reverse=True)]


def _account() -> str | None:
    """Whom the server runs as: ourselves, unless we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in accounts else "nobody"
