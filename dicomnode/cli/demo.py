"""``dicomnode demo``: what it does, in a minute, with nothing else installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dicomnode.demo.run import run

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the pictures and objects.")] = Path(
        "demo-results"
    ),
) -> None:
    """Send a synthetic liver exam through a node to a stand-in PACS and show what came back."""
    run(output)
