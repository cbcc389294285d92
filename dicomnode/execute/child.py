"""What runs in the forked process: one call, and words for whatever comes of it."""

from __future__ import annotations

import pickle
import resource
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from dicomnode import errors

_MIB = 1 << 20
_LONGEST_PROBLEM = 1000


def answer(channel: socket.socket) -> None:
    """Read the request ``(function, arguments, memory_mib)``, call the function, send what came of it."""
    with channel.makefile("rb") as stream:
        request = stream.read()
    try:
        function, arguments, memory_mib = pickle.loads(request)  # noqa: S301 - from the node that forked us
        reply = pickle.dumps({"value": _call(function, arguments, memory_mib)})
    except BaseException as error:  # noqa: BLE001 - the last border: whatever a plugin raises becomes words
        reply = pickle.dumps(_in_words(error))
    channel.sendall(reply)


def _call(function: Callable[..., Any], arguments: tuple[Any, ...], memory_mib: int) -> Any:
    """Call under a memory cap; RLIMIT_AS would count address space that torch and CUDA only reserve."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mib * _MIB, resource.RLIM_INFINITY))
    try:
        return function(*arguments)
    except MemoryError as error:
        raise MemoryError(f"more than {memory_mib} MiB were needed") from error
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _in_words(error: BaseException) -> dict[str, str]:
    """The house's own exception nearest to this one, or none; a foreign class would import its module into the node."""
    ours = [kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__]
    text = str(error) if ours else f"{type(error).__name__}: {error}"
    return {"raised": ours[0] if ours else "", "text": text[:_LONGEST_PROBLEM], "where": _where(error.__traceback__)}


def _where(trace: TracebackType | None) -> str:
    """The frames of a traceback without what was in them."""
    return " > ".join(
        f"{frame.name} {Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(trace)
    )
