"""``dicomnode send``: files to a peer or to this node, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, read_settings
from dicomnode.dimse import scu, tls
from dicomnode.errors import Refused, SettingsError
from dicomnode.settings import DicomSettings, PeerSettings, Settings

app = typer.Typer(add_completion=False)


@app.command()
def send(
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.", exists=True)],
    to: Annotated[str, typer.Option(help="Name of a configured peer; without it, this node itself.")] = "",
    calling: Annotated[str, typer.Option(help="Calling AE title; without it, ours.")] = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send DICOM files by C-STORE over one association; exit code 1 when one was not taken."""
    settings = read_settings(config, overrides)
    peer = settings.peer(to) if to else _ourselves(settings)
    files, skipped = _files(paths)
    rows: list[show.Record] = [
        {"file": str(path), "status": None, "text": "not a DICOM file; not sent"} for path in skipped
    ]
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        bar = progress.add_task("sending", total=len(files))
        for sent in scu.send(peer, _caller(settings, calling), files):
            progress.advance(bar)
            rows.append({"file": str(sent.outgoing.path), "status": sent.status, "text": sent.text})
    refused = [row for row in rows if row["status"] != 0 and row["file"] not in map(str, skipped)]
    if as_json:
        show.records(rows, {}, as_json=True, empty="")
    else:
        typer.echo(
            f"{len(files) - len(refused)} of {len(files)} instances taken by {peer.name}, {len(skipped)} files skipped"
        )
        if refused:
            show.records(refused, {"file": "File", "text": "Answer"}, as_json=False, empty="")
    if refused or not files:
        raise typer.Exit(1)


def _caller(settings: Settings, title: str) -> DicomSettings:
    if not title:
        return settings.dicom
    try:
        return DicomSettings.model_validate({**settings.dicom.model_dump(), "aet": title})
    except ValidationError as error:
        raise SettingsError(f"--calling {title}: {error.errors()[0]['msg']}") from error


def _ourselves(settings: Settings) -> PeerSettings:
    host = "127.0.0.1" if settings.dicom.host in ("0.0.0.0", "::") else settings.dicom.host  # noqa: S104 - a comparison
    known = (tls.fingerprint(Path(settings.dicom.tls_certificate)),) if settings.dicom.tls_certificate else ()
    return PeerSettings(
        name="this-node",
        aet=settings.dicom.aet,
        host=host,
        port=settings.dicom.port,
        tls=bool(known),
        certificates=known,
    )


def _files(paths: list[Path]) -> tuple[list[scu.Outgoing], list[Path]]:
    files, skipped = [], []
    for path in _walk(paths):
        try:
            files.append(scu.outgoing(path))
        except Refused:
            skipped.append(path)
    return files, skipped


def _walk(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
