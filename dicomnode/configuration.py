"""Settings from one TOML file; every mistake is reported with file, line and key."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dicomnode.errors import SettingsError
from dicomnode.settings import Settings


def load(path: Path | None, overrides: Iterable[str] = ()) -> Settings:
    """Read settings from a TOML file and ``key=value`` overrides.

    Parameters
    ----------
    path : Path or None
        The file; None means defaults only.
    overrides : iterable of str
        ``section.key=value``; the value is TOML, or plain text where it does not parse as TOML.

    Raises
    ------
    SettingsError
        One line per mistake: ``node.toml:14: peers.1.port: Input should be a valid integer``.
    """
    text, data = "", {}
    if path is not None:
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except OSError as error:
            raise SettingsError(f"{path}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path}: not TOML: {error}") from error
    overridden: set[str] = set()
    for override in overrides:
        overridden.add(_apply(data, override))
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        lines = [
            f"{_where(path, text, problem['loc'], overridden)}{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from error
    _check_peers(settings, path, text)
    return settings


def _check_peers(settings: Settings, path: Path | None, text: str) -> None:
    for attribute in ("name", "aet"):
        seen: set[str] = set()
        for n, peer in enumerate(settings.peers):
            value = getattr(peer, attribute)
            if value in seen:
                place = _where(path, text, ("peers", n, attribute), set())
                raise SettingsError(f"{place}peers.{n}.{attribute}: {value!r} is used by two peers")
            seen.add(value)
    for n, peer in enumerate(settings.peers):
        if peer.tls and not settings.dicom.tls_certificate:
            place = _where(path, text, ("peers", n, "tls"), set())
            raise SettingsError(f"{place}peers.{n}.tls: needs dicom.tls_certificate, tls_key and tls_trusted")
    receiving = {peer.name for peer in settings.peers if peer.receives}
    for n, route in enumerate(settings.routes):
        if unknown := [name for name in route.deliver_to if name not in receiving]:
            place = _where(path, text, ("routes", n, "deliver_to"), set())
            raise SettingsError(f"{place}routes.{n}.deliver_to: no peer {unknown[0]!r} receives anything")


def _apply(data: dict[str, Any], override: str) -> str:
    """Set what ``section.key=value`` says in data read from TOML; returns the key.

    Raises
    ------
    SettingsError
        When it is not of this form.
    """
    key, separator, value = override.partition("=")
    path = key.strip().split(".")
    if not separator or len(path) < 2:
        raise SettingsError(f"--set {override}: expected section.key=value, for example dicom.port=11113")
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    target = data
    for part in path[:-1]:
        target = target.setdefault(part, {})
        if not isinstance(target, dict):
            raise SettingsError(f"--set {override}: {part} is not a section")
    target[path[-1]] = parsed
    return ".".join(path)


def _where(path: Path | None, text: str, location: tuple[int | str, ...], overridden: set[str]) -> str:
    """File and line of a key, as the beginning of a message; ``--set`` for one that was overridden."""
    if path is None or ".".join(map(str, location)) in overridden:
        return "--set: " if overridden else ""
    line = _line_of(text, location)
    return f"{path}:{line}: " if line else f"{path}: "


def _line_of(text: str, location: tuple[int | str, ...]) -> int:
    """Line on which a key is set: the end of the first prefix of the file that parses and contains the key."""
    lines = text.splitlines()
    for wanted in range(len(location), 0, -1):
        for count in range(1, len(lines) + 1):
            try:
                value: Any = tomllib.loads("\n".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue
            try:
                for step in location[:wanted]:
                    value = value[step]
            except (KeyError, IndexError, TypeError):
                continue
            return count
    return 0
