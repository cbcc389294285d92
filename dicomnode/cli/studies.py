"""``dicomnode studies``: what arrived, what became of it, and why."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.errors import SettingsError
from dicomnode.index import views
from dicomnode.index.database import Transaction

app = typer.Typer(help="What arrived, what became of it, and why.", no_args_is_help=True, add_completion=False)
Wanted = Annotated[
    str, typer.Argument(help="Study Instance UID or its beginning, Patient ID, or Accession Number.", metavar="STUDY")
]


@app.command("list")
def list_(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List all studies, the newest first."""
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        rows = views.studies(session)
    columns = {
        "study_instance_uid": "Study",
        "patient_id": "Patient",
        "study_date": "Date",
        "description": "Description",
        "series": "Series",
    }
    show.records(rows, columns, as_json=as_json, empty="No study has arrived yet.")


@app.command("show")
def show_(
    wanted: Wanted, config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False
) -> None:
    """Show a study's series, stacks, tasks, result objects and history."""
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        study = _one(session, wanted)
        uid = study["study_instance_uid"]
        found: dict[str, Any] = {
            "study": study,
            "series": views.series(session, uid),
            "stacks": views.stacks(session, uid),
            "tasks": views.tasks(session, uid),
            "no_match": views.no_matches(session, uid),
            "objects": views.objects(session, uid),
            "events": views.events(session, uid),
        }
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    typer.echo(f"{study['patient_name'] or study['patient_id']}  {study['study_date']}  {study['description']}\n{uid}")
    for part, columns in _TABLES.items():
        typer.echo()
        show.records(found[part], columns, as_json=False, empty=f"no {part}")


_TABLES = {
    "series": {
        "number": "Series",
        "modality": "Modality",
        "description": "Description",
        "instances": "Images",
        "outcome": "Outcome",
    },
    "tasks": {"plugin": "Task", "state": "State", "attempt": "Attempt", "reason": "Reason", "deliveries": "Delivered"},
    "objects": {"kind": "Object", "description": "Description", "peer": "Peer", "state": "State", "reason": "Reason"},
    "events": {"at": "When", "text": "What happened"},
}


@app.command()
def why(wanted: Wanted, config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """Say in one line for each series, plugin and destination what was decided or happened, and why."""
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        uid = _one(session, wanted)["study_instance_uid"]
        found = {
            "exams": views.exams(session, uid),
            "series": views.series(session, uid),
            "stacks": views.stacks(session, uid),
            "priors": views.priors(session, uid),
            "no_match": views.no_matches(session, uid),
            "tasks": views.tasks(session, uid),
            "deliveries": views.deliveries(session, uid),
        }
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for exam in found["exams"][-1:]:
        typer.echo(f"exam, revision {exam['revision']}: {exam['state']}: {exam['completeness']}".rstrip(": "))
    for series in found["series"]:
        name = f"series {series['number'] or '?'} {series['description']}".strip()
        typer.echo(f"{name} ({series['instances']} images): {series['outcome']}: {series['reason']}")
        for stack in found["stacks"]:
            if stack["series_instance_uid"] == series["series_instance_uid"]:
                _say_stack(stack)
    for prior in found["priors"]:
        name = f"    {prior['peer']}" if prior["peer"] else "priors"
        typer.echo(f"{name}: {prior['state']}" + (f": {prior['reason']}" if prior["reason"] else ""))
    for refusal in found["no_match"]:
        typer.echo(f"{refusal['plugin']}: {'held' if refusal['held'] else 'not run'}: {refusal['reason']}")
    for task in found["tasks"]:
        typer.echo(f"{task['plugin']}: {task['state']}" + (f": {task['reason']}" if task["reason"] else ""))
        for note in task["notes"]:
            typer.echo(f"    {note}")
    for delivery in found["deliveries"]:
        line = f"{delivery['peer']}: {delivery['objects']} objects {delivery['state']}"
        typer.echo(line + (f": {delivery['reason']}" if delivery["reason"] else ""))


def _say_stack(stack: show.Record) -> None:
    """What a stack is and how surely, its refusal if it is no volume, and the evidence for and against."""
    what = f"{stack['role']} (score {stack['score']:.2f})" if stack["role"] else "role unknown"
    first, *rest = stack["reasons"]
    if stack["refusal"] and stack["refusal"] != first:
        typer.echo(f"    {stack['instances']} images: no volume: {stack['refusal']}")
        rest, first = [first, *rest], ""
    typer.echo(f"    {stack['instances']} images: {what}: {first}".rstrip(": "))
    for sign, lines in (("+", rest), ("-", stack["against"]), ("note:", stack["notes"])):
        for line in lines:
            typer.echo(f"        {sign} {line}")


def _one(session: Transaction, wanted: str) -> show.Record:
    found = views.find(session, wanted)
    if len(found) != 1:
        what = "no study" if not found else f"{len(found)} studies"
        raise SettingsError(f"{what} for {wanted!r}; 'dicomnode studies list' shows all")
    return found[0]
