"""``dicomnode models list`` and ``verify``: which models are here, and whether they may speak."""

from __future__ import annotations

from datetime import UTC, datetime

import typer

from dicomnode.catalog import models
from dicomnode.catalog import plugins as catalog
from dicomnode.catalog.models import Registered
from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, read_settings
from dicomnode.errors import ModelRefused
from dicomnode.settings import Settings


def list_(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List the site's model cards and those that plugins bring, with what each fills here."""
    rows = _rows(read_settings(config, overrides))
    columns = {"model": "Model", "status": "Status", "fills": "Fills", "architecture": "Architecture"}
    show.records(rows, {**columns, "problem": "Problem"}, as_json=as_json, empty="There is no model card.")


def verify(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Hold every card against its files and this site's mode; exit code 1 when a slot has no model that may speak."""
    settings = read_settings(config, overrides)
    rows = _rows(settings)
    refused = [
        f"plugins.{name}: {line}"
        for name, plugin in catalog.enabled(catalog.discover(), settings).items()
        for line in plugin.filled.refused
    ]
    columns = {"model": "Model", "status": "Status", "digest": "Digest", "expires": "Expires", "fills": "Fills"}
    show.records(rows, {**columns, "problem": "Problem"}, as_json=as_json, empty="There is no model card.")
    for line in refused:
        typer.secho(line, fg=typer.colors.RED, err=True)
    if refused:
        raise typer.Exit(1)


def _rows(settings: Settings) -> list[show.Record]:
    installed = catalog.discover()
    filled: dict[str, str] = {}
    brought: list[Registered] = []
    for name, plugin in catalog.enabled(installed, settings).items():
        for slot, found in plugin.filled.models.items():
            filled[found.model.name] = f"{name}.{slot}"
            brought.append(found)
        for slot, found in plugin.filled.candidates.items():
            filled[found.model.name] = f"{name}.{slot}, on trial"
    versions = {plugin.name: plugin.spec.version for plugin in installed if plugin.spec}
    everything = [*models.cards(settings.models.folder)]
    listed = {one.model.name for one in everything if isinstance(one, Registered)}
    everything += [found for found in brought if found.model.name not in listed]
    return [
        {"model": "", "status": "broken", "problem": str(one)}
        if isinstance(one, ModelRefused)
        else {
            "model": one.key,
            "status": one.card.status,
            "architecture": one.card.architecture,
            "digest": one.model.digest,
            "expires": one.card.approval.expires.isoformat() if one.card.approval else "",
            "fills": filled.get(one.model.name, ""),
            "card": str(one.file),
            "problem": "; ".join(
                models.unsound(one, settings.node.mode, versions.get(one.card.plugin, ""), datetime.now(UTC).date())
            ),
        }
        for one in everything
    ]
