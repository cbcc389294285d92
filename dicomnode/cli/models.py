"""``dicomnode models``: the models of plugins, how they come to be, and what they are worth."""

from __future__ import annotations

import typer

from dicomnode.cli import economics, learning

app = typer.Typer(help="The models of plugins: how they come to be, and what they are worth.")
app.command("train")(learning.train)
app.command("calibrate")(learning.calibrate)
app.command("economics")(economics.economics)
