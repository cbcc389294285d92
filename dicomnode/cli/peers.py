"""``dicomnode peers``: the systems we talk to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.deliver import profiles
from dicomnode.dimse import scu
from dicomnode.dimse.probe import probe as probe_peer
from dicomnode.errors import DeliveryError, SettingsError
from dicomnode.index import commitments
from dicomnode.index import profiles as found_profiles
from dicomnode.settings import Settings

app = typer.Typer(help="The systems we talk to.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List the configured peers, and what the last probe found that they take."""
    settings = read_settings(config, overrides)
    known = _known(settings)
    rows = [{**peer.model_dump(mode="json"), **known.get(peer.name, {})} for peer in settings.peers]
    columns = {"name": "Peer", "aet": "AE title", "host": "Host", "port": "Port", "may_store": "May store"}
    columns |= {"receives": "Receives", "takes": "Takes"}
    show.records(rows, columns, as_json=as_json, empty="No peer is configured.")


def _known(settings: Settings) -> dict[str, show.Record]:
    """What the index knows of each peer; nothing before a node has run."""
    try:
        with open_index(settings) as database, database.read() as session:
            refused = commitments.refusals(session)
            known = {}
            for peer in settings.peers:
                probed, accepted = found_profiles.accepted(session, peer.name)
                known[peer.name] = {
                    "takes": list(profiles.taken(accepted)),
                    "probed": probed.isoformat() if probed else None,
                    "refused_reports": refused.get(peer.aet, 0),
                }
            return known
    except SettingsError:
        return {}


@app.command()
def probe(
    name: Annotated[str, typer.Argument(help="Only this peer.")] = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out which results each destination accepts, by proposing them; exit code 1 when one cannot be asked."""
    settings = read_settings(config, overrides)
    classes = [uid for classes in profiles.CLASSES.values() for uid in classes]
    rows: list[show.Record] = []
    unasked = False
    with open_index(settings) as database:
        for peer in (settings.peer(name),) if name else [peer for peer in settings.peers if peer.receives]:
            try:
                found = probe_peer(peer, settings.dicom, classes)
            except DeliveryError as error:
                unasked = True
                rows.append({"name": peer.name, "text": str(error), "takes": None, "lacks": None})
                continue
            with database.write() as session:
                found_profiles.write(session, peer.name, found, datetime.now(UTC))
            takes = profiles.taken({uid for (uid, _), accepted in found.items() if accepted})
            lacks = [kind for kind in peer.receives if kind not in takes]
            rows.append({"name": peer.name, "text": "answers", "takes": list(takes), "lacks": lacks})
    columns = {"name": "Peer", "text": "Answer", "takes": "Takes", "lacks": "Receives, but does not take"}
    show.records(rows, columns, as_json=as_json, empty="No peer receives anything.")
    if unasked:
        raise typer.Exit(1)


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
            scu.echo(peer, settings.dicom)
            answer = "answers"
        except DeliveryError as error:
            answer = str(error)
        rows.append({"name": peer.name, "answers": answer == "answers", "text": answer})
    show.records(rows, {"name": "Peer", "text": "Answer"}, as_json=as_json, empty="No peer is configured.")
    if not all(row["answers"] for row in rows):
        raise typer.Exit(1)
