"""``dicomnode quarantine``: what was refused, and why."""

from __future__ import annotations

import typer

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.index import views

app = typer.Typer(help="Received bytes that were refused and kept.")


@app.command("list")
def list_(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List refused instances, the newest first."""
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        rows = views.quarantine(session)
    columns = {
        "arrived": "Arrived",
        "calling_aet": "From",
        "status": "Status",
        "reason": "Reason",
        "store_key": "File in quarantine/",
    }
    show.records(rows, columns, as_json=as_json, empty="Nothing was refused.")
