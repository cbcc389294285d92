"""Which plugins are installed, which of them are sound, which may run at this site."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from dicomnode.catalog import models
from dicomnode.catalog.models import Filled
from dicomnode.errors import SettingsError
from dicomnode.sdk.model import PARAMETER
from dicomnode.sdk.spec import ParameterValue, PluginSpec
from dicomnode.settings import PluginSettings, Settings

GROUP = "dicomnode.plugins"
_PROBE_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One installed entry point: a sound plugin, or what is wrong with it."""

    name: str
    distribution: str
    """Name and version of the distribution that brings it."""
    spec: PluginSpec | None
    problem: str = ""
    folder: Path | None = None
    """Where its package is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enabled:
    """A plugin that may run here, with this site's parameters."""

    spec: PluginSpec
    parameters: Mapping[str, ParameterValue]
    """With the model of each slot."""
    filled: Filled = field(default_factory=Filled)


def discover() -> tuple[Installed, ...]:
    """Find every installed plugin; a broken one is reported and never imported here."""
    points = sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))
    answers = _ask([point.value for point in points])
    claims = Counter(point.name for point in points)
    return tuple(_judge(point, answers[point.value], claims[point.name]) for point in points)


def enabled(installed: Sequence[Installed], settings: Settings) -> dict[str, Enabled]:
    """The sound plugins this site lets run, by name.

    Raises
    ------
    SettingsError
        When settings name a plugin that is not there or not sound, a parameter does not fit, or clinical mode would run
        a plugin that is not validated.
    """
    known = {plugin.name: plugin for plugin in installed}
    for name in settings.plugins:
        if name not in known:
            raise SettingsError(f"plugins.{name}: not installed; installed are {', '.join(sorted(known)) or 'none'}")
    chosen = {}
    for name, plugin in known.items():
        site = settings.plugins.get(name)
        if site is not None and not site.enabled:
            continue
        if plugin.spec is None:
            if site is not None:
                raise SettingsError(f"plugins.{name}: cannot be enabled: {plugin.problem}")
        elif entry := _enable(plugin.spec, site, settings, plugin.folder):
            chosen[name] = entry
    return chosen


def _enable(spec: PluginSpec, site: PluginSettings | None, settings: Settings, folder: Path | None) -> Enabled | None:
    """A plugin that settings do not name runs in research mode only, never unasked on patients.

    One with slots for models is as valid as the models in them, and runs only where it is named: what ships in its
    slots has seen phantoms, and its results would stand in the PACS beside those of patients.
    """
    if site is None and (settings.node.mode == "clinical" or spec.models):
        return None
    if settings.node.mode == "clinical" and spec.status != "validated" and not spec.models:
        raise SettingsError(
            f"plugins.{spec.name}: its status is {spec.status!r}; clinical mode runs validated plugins only"
        )
    given = site.parameters if site else {}
    if taken := [name for name in given if name.startswith(PARAMETER)]:
        raise SettingsError(f"plugins.{spec.name}.parameters.{taken[0]}: say it as plugins.{spec.name}.models")
    filled = models.fill(spec, folder, site, settings, datetime.now(UTC).date()) if spec.models else Filled()
    slots = {PARAMETER + name: found.model.name for name, found in filled.models.items()}
    try:
        return Enabled(spec=spec, parameters=spec.resolve({**given, **slots}), filled=filled)
    except ValueError as error:
        raise SettingsError(f"plugins.{spec.name}.parameters: {error}") from error


def _judge(point: EntryPoint, answer: Mapping[str, Any], claims: int) -> Installed:
    distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"
    spec, problem = _read(point.name, answer, claims)
    folder = Path(answer["folder"]) if answer.get("folder") else None
    return Installed(name=point.name, distribution=distribution, spec=spec, problem=problem, folder=folder)


def _read(name: str, answer: Mapping[str, Any], claims: int) -> tuple[PluginSpec | None, str]:
    """The specification, or what is wrong with the plugin."""
    if claims > 1:
        return None, f"{claims} distributions bring a plugin of this name; uninstall all but one"
    if "problem" in answer:
        return None, str(answer["problem"])
    try:
        spec = PluginSpec.from_json(answer["spec"])
    except (ValueError, TypeError, KeyError) as error:
        return None, f"its specification is not one: {error}"
    if spec.name != name:
        return None, f"its specification is called {spec.name!r}, its entry point {name!r}"
    return spec, ""


def _ask(entries: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Probe all at once; those that a hanging or crashing one kept from answering are asked again, one by one."""
    answers = _probe(entries)
    for entry in entries:
        if entry not in answers:
            alone = _probe([entry]) if len(entries) > 1 else {}
            answers[entry] = alone.get(entry, {"problem": "its import ends the process or does not end at all"})
    return answers


def _probe(entries: Sequence[str]) -> dict[str, dict[str, Any]]:
    if not entries:
        return {}
    command = [sys.executable, "-m", "dicomnode.catalog.probe", *entries]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_PROBE_TIMEOUT_S)  # noqa: S603 - ours
        lines = done.stdout
    except subprocess.TimeoutExpired as expired:
        lines = expired.stdout or b""
    answers = [json.loads(line) for line in lines.splitlines() if line.endswith(b"}")]
    return {answer["entry"]: answer for answer in answers}
