"""The command line: one noun a module, and one place where an error becomes an exit code."""

from __future__ import annotations

import sys

import typer

from dicomnode import __version__
from dicomnode.cli import (
    advice,
    config,
    models,
    monitor,
    peers,
    plugins,
    quarantine,
    send,
    serve,
    studies,
    tasks,
    verify,
)
from dicomnode.errors import DicomnodeError

app = typer.Typer(
    help="A PACS-integrated AI node: MR series in by C-STORE, DICOM results out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("demo")(serve.demo)
app.command("send")(send.send)
app.command("verify")(verify.verify)
for name, noun in (
    ("studies", studies.app),
    ("tasks", tasks.app),
    ("plugins", plugins.app),
    ("models", models.app),
    ("peers", peers.app),
    ("advice", advice.app),
    ("monitor", monitor.app),
    ("quarantine", quarantine.app),
    ("config", config.app),
):
    app.add_typer(noun, name=name, no_args_is_help=True)


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
