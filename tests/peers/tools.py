"""Where the programs of other projects are on this machine."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from tests.absence import absent

# Debian keeps server programs where the PATH of an ordinary user does not look.
_ALSO = ("/usr/sbin", "/usr/local/sbin")


def find_tool(name: str, *folders: str) -> Path | None:
    """The program of this name, in PATH or one of the folders."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_ALSO, *folders])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


def require_tool(name: str, *folders: str) -> Path:
    """The program of this name, or a skip that says how to get it."""
    return find_tool(name, *folders) or absent(name, "install it with 'make peers'")


def free_port() -> int:
    """A TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
