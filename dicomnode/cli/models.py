"""``dicomnode models``: the models of plugins, how they come to be, and what they are worth."""

from __future__ import annotations

import typer

from dicomnode.cli import economics

app = typer.Typer(help="The models of plugins: how they come to be, and what they are worth.")
app.command("economics")(economics.economics)


@app.callback()
def _noun() -> None:
    """A noun stays one, also with a single verb."""
