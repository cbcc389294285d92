"""``dicomnode monitor``: what models decided, whether they still work, and who may speak."""

from __future__ import annotations

import getpass
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dicomnode.catalog import plugins as catalog
from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.dicom import reported
from dicomnode.domain.advice import Hindsight
from dicomnode.domain.decision import Freeze, LedgerEntry, Model
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.errors import BadOutcomes, SettingsError
from dicomnode.index import advice, references
from dicomnode.index import alarms as found_alarms
from dicomnode.index import ledger as decisions
from dicomnode.index.database import Transaction
from dicomnode.monitor import outcomes as judged
from dicomnode.sdk.intervals import Proportion
from dicomnode.watch import Watch

app = typer.Typer(
    help="What models decided, whether they still work, and who may speak.", no_args_is_help=True, add_completion=False
)
outcomes_app = typer.Typer(help="What turned out to be true.")
app.add_typer(outcomes_app, name="outcomes", no_args_is_help=True)

Plugin = Annotated[str, typer.Argument(help="Name of the plugin.")]
OneModel = Annotated[str, typer.Option("--model", help="Only this model of the plugin; without it the whole plugin.")]
By = Annotated[str, typer.Option("--by", help="Who decides so; without it the name of the login.")]


@app.command()
def status(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Show every model: decisions, reference, alarms, freeze, how right it was, and how far candidates agree."""
    settings = read_settings(config, overrides)
    with open_index(settings) as database, database.read() as session:
        rows = [_standing(session, by, settings.monitor.reference) for by in decisions.models(session)]
        open_ = found_alarms.open_counts(session)
    if as_json:
        typer.echo(json.dumps({"models": rows, "open_alarms": open_}, ensure_ascii=False, indent=2))
        return
    columns = {
        "plugin": "Plugin",
        "model": "Model",
        "says": "Says",
        "decisions": "Decisions",
        "tiers": "Tiers",
        "reference": "Reference",
        "alarms": "Alarms",
        "sensitivity_text": "Sensitivity",
        "specificity_text": "Specificity",
        "agreement_text": "Agrees",
    }
    show.records(rows, columns, as_json=False, empty="No model has decided anything yet.")
    typer.echo(f"open alarms: {', '.join(f'{count} {kind}' for kind, count in sorted(open_.items())) or 'none'}")


def _standing(session: Transaction, by: Model, wanted: int) -> show.Record:
    entries = decisions.of(session, by)
    kept = references.read(session, by)
    frozen = [freeze for freeze in found_alarms.freezes(session, by.plugin) if freeze.model in ("", by.model)]
    right = judged.performance(entries, decisions.outcomes(session, by.plugin))
    shadow = any(entry.shadow for entry in entries[-1:])
    agrees = _agreement(session, by, entries) if shadow else None
    gathered = (
        f"{min(wanted, sum(entry.number > kept.last and not entry.shadow for entry in entries))} of {wanted} gathered"
    )
    return {
        "plugin": by.plugin,
        "model": f"{by.model} {by.version}".strip(),
        "digest": by.digest,
        "says": "shadow" if shadow else f"frozen by {frozen[0].by}" if frozen else "yes",
        "frozen": [{"model": freeze.model, "by": freeze.by, "reason": freeze.reason} for freeze in frozen],
        "decisions": len(entries),
        "tiers": {tier: sum(entry.tier == tier for entry in entries) for tier in sorted({e.tier for e in entries})},
        "reference": "none, a shadow" if shadow else "frozen" if kept.content else gathered,
        "alarms": sorted({row["kind"] for row in found_alarms.listed(session) if _is_about(row, by)}),
        "outcomes": {
            "found": right.found,
            "missed": right.missed,
            "false": right.false,
            "right_negative": right.right_negative,
            "waiting": right.waiting,
        },
        "sensitivity": _interval(right.sensitivity),
        "specificity": _interval(right.specificity),
        "sensitivity_text": _words(right.sensitivity),
        "specificity_text": _words(right.specificity),
        "agreement": agrees,
        "agreement_text": f"{agrees['share']:.3f}" if agrees else "",
    }


def _agreement(session: Transaction, by: Model, candidate: list[LedgerEntry]) -> show.Record | None:
    speaks = [entry for entry in decisions.newest(session, plugin=by.plugin) if not entry.shadow]
    found = judged.concordance([entry for entry in speaks if not entry.superseded], candidate)
    if found is None:
        return None
    table = [{"model": one, "candidate": two, "exams": count} for (one, two), count in sorted(found.table.items())]
    scores = {"kappa": found.kappa, "differences": dict(found.differences)}
    return {**(_interval(found.agreement) or {}), **scores, "table": table}


def _is_about(row: show.Record, by: Model) -> bool:
    return (row["plugin"], row["model"], row["model_version"]) == (by.plugin, by.model, by.version)


def _interval(found: Proportion | None) -> show.Record | None:
    return None if found is None else {"share": found.share, "low": found.low, "high": found.high}


def _words(found: Proportion | None) -> str:
    return "" if found is None else f"{found.share:.3f} ({found.low:.3f}-{found.high:.3f})"


@app.command()
def ledger(
    plugin: Annotated[str, typer.Option(help="Only of this plugin.")] = "",
    study: Annotated[str, typer.Option(help="Only of this Study Instance UID.")] = "",
    limit: Annotated[int, typer.Option(help="Not more than so many; 0 for all.", min=0)] = 100,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show decisions, the newest first, with the scores and what the inputs were."""
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        rows = [_decision(entry) for entry in decisions.newest(session, plugin=plugin, study=study, limit=limit)]
    columns = {"decided": "When", "plugin": "Plugin", "model": "Model", "tier": "Tier", "scores": "Scores", "note": ""}
    show.records(rows, columns, as_json=as_json, empty="No decision yet.")


def _decision(entry: LedgerEntry) -> show.Record:
    states = {"shadow": entry.shadow, "withheld": entry.withheld, "superseded": entry.superseded}
    return {
        "number": entry.number,
        "decided": entry.decided.isoformat(timespec="seconds"),
        "task_id": entry.task_id,
        "study_instance_uid": entry.study_instance_uid,
        "plugin": entry.by.plugin,
        "plugin_version": entry.plugin_version,
        "model": f"{entry.by.model} {entry.by.version}".strip(),
        "digest": entry.by.digest,
        "tier": entry.tier,
        "positive": entry.positive,
        "scores": {name: round(value, 4) for name, value in entry.scores.items()},
        "features": dict(entry.features),
        "inputs": {role: dict(tags) for role, tags in entry.inputs.items()},
        "sender": entry.sender,
        **states,
        "note": ", ".join(name for name, holds in states.items() if holds),
    }


@app.command()
def alarms(
    all_: Annotated[bool, typer.Option("--all", help="Those too that somebody has looked at.")] = False,
    acknowledge: Annotated[int, typer.Option(help="Id of an alarm that somebody has looked at.")] = 0,
    note: Annotated[str, typer.Option(help="What was found.")] = "",
    by: By = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show open alarms, or say that somebody has looked at one; then its model is watched anew from here on."""
    with open_index(read_settings(config, overrides)) as database:
        if acknowledge:
            with database.write() as session:
                last, now = decisions.last(session), datetime.now(UTC)
                if not found_alarms.acknowledge(session, acknowledge, by or getpass.getuser(), note, now, last):
                    raise SettingsError(f"no alarm {acknowledge} is open; 'dicomnode monitor alarms' shows all")
        with database.read() as session:
            rows = found_alarms.listed(session, all_=all_)
    columns = {"id": "Id", "raised": "Raised", "kind": "Kind", "plugin": "Plugin", "subject": "What", "text": "Why"}
    show.records(rows, columns, as_json=as_json, empty="No alarm is open.")


@app.command()
def freeze(
    plugin: Plugin,
    reason: Annotated[str, typer.Option(help="Why; every exam it would have judged says so.")],
    model: OneModel = "",
    by: By = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """Let a plugin, or one of its models, no longer speak: its exams end as "frozen", with the reason."""
    settings = read_settings(config, overrides)
    if not reason.strip():
        raise SettingsError("a freeze needs a reason: every exam it would have judged says it")
    what = Freeze(plugin=plugin, model=model, by=by or getpass.getuser(), reason=reason.strip())
    with open_index(settings) as database, database.write() as session:
        _must_be_known(session, plugin, model)
        if not found_alarms.freeze(session, what, datetime.now(UTC)):
            raise SettingsError(f"{plugin} {model}".strip() + " is frozen already")
    typer.echo(f"{plugin} {model}".strip() + " is frozen; what it had queued for a peer before still goes out")


def _must_be_known(session: Transaction, plugin: str, model: str) -> None:
    """A freeze that a slip of the pen turns into nothing would be worse than none."""
    decided = [by for by in decisions.models(session) if by.plugin == plugin]
    if not decided and plugin not in {installed.name for installed in catalog.discover()}:
        raise SettingsError(f"no plugin is called {plugin!r}; 'dicomnode plugins list' shows all")
    if model and model not in {by.model for by in decided}:
        known = ", ".join(sorted({by.model for by in decided} - {""})) or "none"
        raise SettingsError(f"{plugin} has no model {model!r} that has decided anything; there is {known}")


@app.command()
def unfreeze(
    plugin: Plugin, model: OneModel = "", by: By = "", config: ConfigOption = None, overrides: SetOption = None
) -> None:
    """Let it speak again; exams that ended meanwhile can be run by ``dicomnode tasks retry``."""
    with open_index(read_settings(config, overrides)) as database, database.write() as session:
        if not found_alarms.unfreeze(session, plugin, model, by or getpass.getuser(), datetime.now(UTC)):
            raise SettingsError(f"{plugin} {model}".strip() + " is not frozen; see 'dicomnode monitor status'")
    typer.echo(f"{plugin} {model}".strip() + " speaks again")


@app.command()
def rebase(
    plugin: Plugin,
    model: Annotated[str, typer.Option("--model", help="Which of its models.")] = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
) -> None:
    """Take what comes from now on as usual: after a change that was verified to do no harm."""
    with open_index(read_settings(config, overrides)) as database, database.write() as session:
        chosen = [by for by in decisions.models(session) if (by.plugin, by.model) == (plugin, model)]
        if not chosen:
            raise SettingsError(f"{plugin} {model}".strip() + " has decided nothing; see 'dicomnode monitor status'")
        for by in chosen:
            references.write(session, by, {}, decisions.last(session), datetime.now(UTC))
    typer.echo("a new reference is made of the decisions to come")


@outcomes_app.command("import")
def import_(
    plugin: Plugin,
    table: Annotated[
        Path, typer.Argument(help="CSV with the columns study and outcome; or, with --finding, SR files.", exists=True)
    ],
    finding: Annotated[
        str,
        typer.Option("--finding", help="Concept name whose coded answer is the outcome in reports: CODE^SCHEME."),
    ] = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import what turned out to be true of studies, by Study Instance UID or Accession Number."""
    settings = read_settings(config, overrides)
    with open_index(settings) as database, database.write() as session:
        known = decisions.studies(session, plugin)
        found = _in_reports(table, finding, known) if finding else _in_a_table(table, known)
        now, before = datetime.now(UTC), decisions.outcomes(session, plugin)
        decisions.write_outcomes(session, plugin, found.outcomes, table.name, now)
        fresh = {study: positive for study, positive in found.outcomes.items() if before.get(study) is not positive}
        scored = advice.score(session, fresh, now)
        watch = Watch(settings=settings.monitor, database=database, now=lambda: datetime.now(UTC))
        watch.judge(session, plugin)
    rows = [
        {
            "plugin": plugin,
            "imported": len(found.outcomes),
            "unknown_lines": list(found.unknown),
            "advice": {kind.value: scored.count(kind) for kind in Hindsight if kind in scored},
        }
    ]
    columns = {
        "plugin": "Plugin",
        "imported": "Imported",
        "unknown_lines": "Lines or reports on studies it did not decide on",
        "advice": "Advice scored anew",
    }
    show.records(rows, columns, as_json=as_json, empty="")


def _in_a_table(table: Path, known: Mapping[str, Collection[StudyInstanceUID]]) -> judged.Table:
    try:
        return judged.read(table.read_text(encoding="utf-8"), known)
    except (OSError, UnicodeDecodeError) as error:
        raise BadOutcomes(f"{table}: cannot be read as UTF-8 text") from error
    except BadOutcomes as error:
        raise BadOutcomes(f"{table}: {error}") from error


def _in_reports(place: Path, finding: str, known: Mapping[str, Collection[StudyInstanceUID]]) -> judged.Table:
    value, _, scheme = finding.partition("^")
    if not (value and scheme):
        raise SettingsError(f"--finding {finding}: write it as CODE^SCHEME")
    answers = []
    for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
        try:
            answer = reported.read(path, (value, scheme)) if path.is_file() else None
        except BadOutcomes as error:
            raise BadOutcomes(f"{path}: {error}") from error
        answers += [answer] if answer else []
    if not answers:
        raise BadOutcomes(f"{place}: no complete report of somebody else answers {finding}")
    answers.sort(key=lambda answer: answer.moment)
    return judged.of_reports([(answer.study, answer.positive) for answer in answers], known)
