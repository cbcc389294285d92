"""Overrides of a TOML file, and where in it a key stands."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from dicomnode.errors import SettingsError


def apply(data: dict[str, Any], override: str) -> str:
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


def where(path: Path | None, text: str, location: tuple[int | str, ...], overridden: set[str]) -> str:
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
