"""``dicomnode models``: the models of plugins, which may speak here, how they come to be, and what they are worth."""

from __future__ import annotations

import typer

from dicomnode.cli import economics, learning, registry

app = typer.Typer(
    help="The models of plugins: which may speak here, how they come to be, what they are worth.",
    no_args_is_help=True,
    add_completion=False,
)
app.command("list")(registry.list_)
app.command("verify")(registry.verify)
app.command("train")(learning.train)
app.command("calibrate")(learning.calibrate)
app.command("economics")(economics.economics)
