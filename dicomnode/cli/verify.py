"""``dicomnode verify``: the store against the index."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.progress import track

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.index.holdings import Holdings
from dicomnode.receive import verify as verification
from dicomnode.store.filesystem import FileStore

app = typer.Typer(add_completion=False)

QuickOption = Annotated[bool, typer.Option("--quick", help="Compare sizes only; do not read every byte.")]


@app.command()
def verify(
    config: ConfigOption = None, overrides: SetOption = None, quick: QuickOption = False, as_json: JsonOption = False
) -> None:
    """Compare every stored object with its row; exit code 1 when one is lost, damaged or stray. Changes nothing."""
    settings = read_settings(config, overrides)
    with open_index(settings) as database:
        store, rows = FileStore(settings.node.data / "store"), Holdings(database)
        found = [
            disagreement
            for shelf in track(verification.shelves(store, rows), "Verifying", disable=as_json, transient=True)
            for disagreement in verification.verify(store, rows, shelf, digests=not quick)
        ]
    columns = {"key": "File in store/", "fault": "What is wrong"}
    records = [{"key": one.key, "fault": str(one.fault)} for one in found]
    show.records(records, columns, as_json=as_json, empty="Store and index agree.")
    if found:
        raise typer.Exit(1)
