"""Print records: a table for people, JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

Record = dict[str, Any]


def records(rows: Sequence[Record], columns: dict[str, str], *, as_json: bool, empty: str) -> None:
    """Print rows.

    Parameters
    ----------
    columns : dict
        Key of a record to the heading of its column; JSON always has every key.
    empty : str
        What to say to people when there is nothing.
    """
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        typer.echo(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")  # half a UID is of no use to anybody
    for row in rows:
        table.add_row(*(_text(row.get(key)) for key in columns))
    Console().print(table)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{count} {name}" if isinstance(count, int) else f"{name}: {_text(count)}" for name, count in value.items()
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value).replace("[", r"\[")
