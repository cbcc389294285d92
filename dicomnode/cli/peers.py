"""``dicomnode peers``: the systems we talk to."""

from __future__ import annotations

from typing import Annotated

import typer

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, read_settings
from dicomnode.dimse import scu
from dicomnode.domain.identity import AETitle
from dicomnode.errors import DeliveryError

app = typer.Typer(help="The systems we talk to.")


@app.command("list")
def list_(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List the configured peers."""
    rows = [peer.model_dump(mode="json") for peer in read_settings(config, overrides).peers]
    columns = {"name": "Peer", "aet": "AE title", "host": "Host", "port": "Port", "may_store": "May store"}
    show.records(rows, {**columns, "receives": "Receives"}, as_json=as_json, empty="No peer is configured.")


@app.command()
def echo(
    name: Annotated[str, typer.Argument(help="Only this peer.")] = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send C-ECHO; exit code 1 when a peer does not answer."""
    settings = read_settings(config, overrides)
    rows = []
    for peer in (settings.peer(name),) if name else settings.peers:
        try:
            scu.echo(peer, AETitle(settings.dicom.aet))
            answer = "answers"
        except DeliveryError as error:
            answer = str(error)
        rows.append({"name": peer.name, "answers": answer == "answers", "text": answer})
    show.records(rows, {"name": "Peer", "text": "Answer"}, as_json=as_json, empty="No peer is configured.")
    if not all(row["answers"] for row in rows):
        raise typer.Exit(1)
