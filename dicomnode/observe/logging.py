"""Structured log lines from which no patient can be read: only allow-listed keys leave the process."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

ALLOWED = frozenset(
    {
        "event", "level", "timestamp", "logger", "exc_type", "where",
        "address", "aet", "peer", "port", "status", "count", "seconds", "state", "plugin", "version", "exam",
        "revision", "task", "attempt", "kind", "stored", "refused", "bytes", "problem", "database",
    }
)  # fmt: skip
"""Keys that never hold a name, an identifier or a UID. ``task`` is a digest, ``exam`` a row number."""


_JSON = "json"


def configure(*, json: bool, stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send every log line of this process, our own and the libraries', through one formatter.

    Parameters
    ----------
    json : bool
        One JSON object a line, for machines; else text for people.
    """
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            _exception_type,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            keep_allowed,
            renderer,
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    handler.name = _JSON if json else "text"
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("dicomnode").setLevel(level)


def in_json() -> bool:
    """Whether the log lines of this process are JSON: those of one that it starts should be too."""
    return any(handler.name == _JSON for handler in logging.getLogger().handlers)


def keep_allowed(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop what is not allow-listed, and make control characters of hostile texts visible."""
    return {
        key: value if isinstance(value, (int, float, bool)) else _visible(str(value))
        for key, value in event.items()
        if key in ALLOWED
    }


def _visible(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _exception_type(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A traceback's values may be a patient's: its type and place are kept, its text is not."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple) and info[0] is not None:
        event["exc_type"] = info[0].__name__
        trace = info[2]
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        if trace is not None:
            event["where"] = f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
    return event
