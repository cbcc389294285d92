"""``dicomnode quarantine``: what was refused, and why."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.index import quarantine, views
from dicomnode.store.filesystem import FileStore

_AT_ONCE = 500

app = typer.Typer(help="Received bytes that were refused and kept.", no_args_is_help=True, add_completion=False)


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


@app.command()
def purge(
    older_than: Annotated[float, typer.Option(min=0, metavar="DAYS", help="What was refused before so many days.")],
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove refused bytes and their rows for good. Their senders were told of the refusal when they sent them."""
    settings = read_settings(config, overrides)
    with open_index(settings) as database:
        store, moment = FileStore(settings.node.data / "quarantine"), datetime.now(UTC) - timedelta(days=older_than)
        with database.read() as session:
            keys = quarantine.before(session, moment)
        for first in range(0, len(keys), _AT_ONCE):
            some = keys[first : first + _AT_ONCE]
            store.remove_all(some)
            with database.write() as session:
                quarantine.forget(session, some)
    show.records([{"removed": len(keys)}], {"removed": "Removed"}, as_json=as_json, empty="")
