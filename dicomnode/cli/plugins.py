"""``dicomnode plugins``: what is installed, what it says about itself, and a replay of a case."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from dicomnode.catalog import plugins as catalog
from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, read_settings
from dicomnode.errors import SettingsError
from dicomnode.execute.run import run as run_plugin
from dicomnode.execute.workers import Workers
from dicomnode.sdk.findings import (
    Decision,
    Finding,
    Measurement,
    ParametricMap,
    Presentation,
    QualitativeEvaluation,
    Recommendation,
    Registration,
)
from dicomnode.sdk.spec import PluginSpec

app = typer.Typer(
    help="What is installed, what it says about itself, and a replay of a case.",
    no_args_is_help=True,
    add_completion=False,
)
Name = Annotated[str, typer.Argument(help="Name of an installed plugin.")]


@app.command("list")
def list_(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List installed plugins, the broken ones with what is wrong."""
    settings = read_settings(config, overrides)
    installed = catalog.discover()
    enabled = catalog.enabled(installed, settings)
    rows = [
        {
            "name": plugin.name,
            "version": plugin.spec.version if plugin.spec else None,
            "title": plugin.spec.title if plugin.spec else None,
            "status": plugin.spec.status if plugin.spec else "broken",
            "enabled": plugin.name in enabled,
            "distribution": plugin.distribution,
            "problem": plugin.problem,
        }
        for plugin in installed
    ]
    columns = {"name": "Plugin", "version": "Version", "title": "Title", "status": "Status", "enabled": "Enabled"}
    show.records(rows, {**columns, "problem": "Problem"}, as_json=as_json, empty="No plugin is installed.")


@app.command()
def describe(name: Name, as_json: JsonOption = False) -> None:
    """Show a plugin's specification: what it takes, what it makes, what it may use."""
    spec = _spec(name)
    rows = [{"field": field, "value": value} for field, value in spec.to_json().items()]
    if as_json:
        show.records([spec.to_json()], {}, as_json=True, empty="")
    else:
        show.records(rows, {"field": "Field", "value": "Value"}, as_json=False, empty="")


@app.command()
def run(
    name: Name,
    case: Annotated[Path, typer.Argument(help="A case directory with case.json.", exists=True, file_okay=False)],
    as_json: JsonOption = False,
) -> None:
    """Run a plugin on a case directory, as the node does; findings are written into it."""
    spec = _spec(name)
    workers = Workers(processes=1, preload=spec.preload, threads=min(spec.resources.cpus, os.cpu_count() or 1))
    try:
        findings = run_plugin(workers, spec, case.absolute())
    finally:
        workers.stop()
    rows = [{"kind": type(finding).__name__, **_summary(finding)} for finding in findings]
    columns = {"kind": "Finding", "what": "What", "value": "Value", "of": "Of"}
    show.records(rows, columns, as_json=as_json, empty="The plugin found nothing to say.")


def _spec(name: str) -> PluginSpec:
    for plugin in catalog.discover():
        if plugin.name == name:
            if plugin.spec is None:
                raise SettingsError(f"plugin {name} is broken: {plugin.problem}")
            return plugin.spec
    raise SettingsError(f"no plugin is called {name!r}; 'dicomnode plugins list' shows all")


def _summary(finding: Finding) -> show.Record:
    match finding:
        case Measurement():
            derivation = f"{finding.derivation.meaning} " if finding.derivation else ""
            value = f"{finding.value:.{finding.decimals}f} {finding.unit.value}"
            return {"what": f"{derivation}{finding.name.meaning}", "value": value, "of": finding.of}
        case QualitativeEvaluation():
            value = finding.value if isinstance(finding.value, str) else finding.value.meaning
            return {"what": finding.name.meaning, "value": value, "of": finding.of}
        case Recommendation():
            return {"what": "", "value": finding.value if isinstance(finding.value, str) else finding.value.meaning}
        case Decision():
            scores = ", ".join(f"{name} {value:.3f}" for name, value in finding.scores.items())
            return {"what": "decision", "value": f"{finding.tier} ({scores})", "of": finding.model}
        case ParametricMap():
            median = f"median {np.nanmedian(finding.array):.2f} {finding.unit.value}"
            return {"what": finding.title, "value": median, "of": finding.on}
        case Registration():
            return {"what": f"{finding.moving} to {finding.fixed}", "value": "", "of": finding.fixed}
        case Presentation():
            return {"what": finding.title, "value": "", "of": finding.base.image}
        case _:
            return {"what": getattr(finding, "title", ""), "value": "", "of": finding.on}
