"""The command line: one noun a module, and one place where an error becomes an exit code."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from dicomnode import __version__
from dicomnode.errors import DicomnodeError

_NOUNS = (
    "serve",
    "demo",
    "send",
    "verify",
    "studies",
    "tasks",
    "plugins",
    "models",
    "peers",
    "advice",
    "monitor",
    "quarantine",
    "config",
)


class _Nouns(TyperGroup):
    """Reads the module of a noun only when it is asked for: a table of tasks needs no network, encoder or web page."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_NOUNS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _NOUNS:
            return super().get_command(ctx, cmd_name)
        noun = typer.main.get_command(importlib.import_module(f"dicomnode.cli.{cmd_name}").app)
        noun.name = cmd_name
        return noun


app = typer.Typer(cls=_Nouns, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def program() -> None:
    """A PACS-integrated AI node: MR series in by C-STORE, DICOM results out."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line; a named error is one clear message and exit code 1."""
    try:
        app()
    except DicomnodeError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(1)
