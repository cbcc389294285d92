"""``dicomnode tasks``: what runs, what ended, and again."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.domain.identity import Digest
from dicomnode.errors import SettingsError
from dicomnode.index import views

app = typer.Typer(help="Plugins at work: what runs, what ended, and again.", no_args_is_help=True, add_completion=False)


@app.command("list")
def list_(
    study: Annotated[str, typer.Option(help="Only of this Study Instance UID.")] = "",
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tasks, the newest first."""
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        rows = views.tasks(session, study)
    short = rows if as_json else [{**row, "task_id": row["task_id"][:12]} for row in rows]
    columns = {
        "task_id": "Task",
        "plugin": "Plugin",
        "state": "State",
        "attempt": "Attempt",
        "deliveries": "Delivered",
        "reason": "Reason",
    }
    show.records(short, columns, as_json=as_json, empty="No task yet.")


@app.command()
def retry(
    task: Annotated[str, typer.Argument(help="Task id or its beginning.")],
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run an ended task again; results keep their UIDs, so no destination gets a second object."""
    # The whole pipeline: a second that a look at the table need not wait.
    from dicomnode.engine.submitter import Submitter
    from dicomnode.pipeline import retry as retry_task

    with open_index(read_settings(config, overrides)) as database:
        with database.read() as session:
            found = views.task_ids(session, task)
        if len(found) != 1:
            raise SettingsError(f"{len(found) or 'no'} tasks begin with {task!r}; 'dicomnode tasks list' shows all")
        with closing(Submitter(database.workflow_engine)) as submitter:
            attempt = retry_task(database, submitter, Digest(found[0]), datetime.now(UTC))
    if attempt is None:
        raise SettingsError("this task has not ended, or changed input has replaced it")
    rows = [{"task_id": found[0], "attempt": attempt}]
    show.records(rows, {"task_id": "Task", "attempt": "Attempt"}, as_json=as_json, empty="")
