"""Options that every command shares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dicomnode import configuration, settings
from dicomnode.errors import SettingsError
from dicomnode.index.database import Database

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="DICOMNODE_CONFIG", help="See config/embedded.toml.", dir_okay=False),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a key: --set dicom.port=11113. Repeatable.", metavar="KEY=VALUE"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts instead of a table for people.")]


def read_settings(config: Path | None, overrides: list[str] | None) -> settings.Settings:
    """Settings from the shared options."""
    return configuration.load(config, overrides or ())


@contextmanager
def open_index(configured: settings.Settings) -> Iterator[Database]:
    """The index of a node that has run at least once.

    Raises
    ------
    SettingsError
        When no node has made one there, or the database does not answer.
    """
    data = configured.node.data.absolute()
    if not configured.database.url and not (data / "dicomnode.sqlite").exists():
        raise SettingsError(f"no node has run in {data}: start one with 'dicomnode serve', or name its --config")
    database = Database(configured.database.url, data)
    try:
        database.check()
        yield database
    finally:
        database.close()
