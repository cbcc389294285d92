"""``dicomnode config``: whether a file is right, and what it amounts to."""

from __future__ import annotations

import json
from typing import Any

import typer

from dicomnode.catalog import plugins as catalog
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, read_settings
from dicomnode.dicom.attributes import KEYWORDS
from dicomnode.section import MatchSettings
from dicomnode.settings import RouteSettings

app = typer.Typer(
    help="Is the configuration right, and what does it amount to?", no_args_is_help=True, add_completion=False
)


@app.command()
def check(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Check the file, and its plugins against what is installed; each mistake with file, line and key."""
    settings = read_settings(config, overrides)
    enabled = catalog.enabled(catalog.discover(), settings)
    report: dict[str, Any] = {
        "config": str(config) if config else "defaults",
        "senders": [peer.name for peer in settings.peers if peer.may_store],
        "destinations": {peer.name: list(peer.receives) for peer in settings.peers if peer.receives},
        "plugins": sorted(enabled),
        "roles": [f"{rule.role} where {' and '.join(map(_condition, rule.match))}" for rule in settings.roles],
        "routes": [_route(rule) for rule in settings.routes],
        "warnings": _warnings(settings, enabled),
    }
    if as_json:
        typer.echo(json.dumps(report, indent=2))
        return
    typer.echo(f"{report['config']}: right")
    typer.echo(f"  may send to us: {', '.join(report['senders']) or 'nobody'}")
    for peer, kinds in report["destinations"].items():
        typer.echo(f"  results to {peer}: {', '.join(kinds)}")
    typer.echo(f"  plugins: {', '.join(report['plugins']) or 'none'}")
    for number, rule in enumerate(report["routes"], 1):
        typer.echo(f"  route {number}: {rule}")
    for number, rule in enumerate(report["roles"], 1):
        typer.echo(f"  role rule {number}: {rule}")
    for warning in report["warnings"]:
        typer.secho(f"  warning: {warning}", fg=typer.colors.YELLOW)


def _condition(match: MatchSettings) -> str:
    value = ", ".join(map(str, match.value)) if isinstance(match.value, tuple) else str(match.value)
    return f"{match.keyword} {match.op} {value}".rstrip()


def _route(rule: RouteSettings) -> str:
    says = f" that say {' or '.join(rule.says)}" if rule.says else ""
    only = ", and to nobody else" if rule.only else ""
    return f"results of {rule.plugin or 'every plugin'}{says} go to {', '.join(rule.deliver_to)}{only}"


def _warnings(settings: Any, enabled: Any) -> list[str]:
    found = []
    if settings.dicom.accept_unknown_peers:
        found.append("dicom.accept_unknown_peers is on: any system that reaches the port may store")
    elif not any(peer.may_store for peer in settings.peers):
        found.append("no peer has may_store: nobody can send images to this node")
    if not any(peer.receives for peer in settings.peers):
        found.append("no peer receives results: they stay in this node")
    if not enabled:
        found.append("no plugin is enabled: nothing will run")
    found += [
        f"plugins.{name}: {line}: {outcome}"
        for name, plugin in enabled.items()
        for lines, outcome in (
            (plugin.filled.refused, "its exams end as failed"),
            (plugin.filled.warnings, "it is not tried"),
        )
        for line in lines
    ]
    found += [
        f"route {number}: no plugin {rule.plugin!r} is enabled: it sends nothing"
        for number, rule in enumerate(settings.routes, 1)
        if rule.plugin and rule.plugin not in enabled
    ]
    known = {*KEYWORDS, "Role", "NumberOfSlices"}
    found += [
        f"role rule {number}: {match.keyword} is no attribute the node reads: it is always absent"
        for number, rule in enumerate(settings.roles, 1)
        for match in rule.match
        if match.keyword not in known
    ]
    return found


@app.command()
def show(config: ConfigOption = None, overrides: SetOption = None) -> None:
    """Print every setting in force, as JSON."""
    typer.echo(read_settings(config, overrides).model_dump_json(indent=2))
