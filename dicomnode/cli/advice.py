"""``dicomnode advice``: what was advised on contrast, what became of it, and what it saved."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.dicom.contrast import contrast
from dicomnode.domain.advice import Advice
from dicomnode.economics import PAPER, Prices
from dicomnode.errors import SettingsError
from dicomnode.index import advice as index
from dicomnode.index.database import Transaction
from dicomnode.monitor import chart, savings
from dicomnode.monitor.savings import Followed

app = typer.Typer(
    help="What was advised on contrast, what became of it, and what it saved.",
    no_args_is_help=True,
    add_completion=False,
)

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@app.command("list")
def list_(config: ConfigOption = None, overrides: SetOption = None, as_json: JsonOption = False) -> None:
    """List every stated advice, whether images with contrast came all the same, and how right it was."""
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        rows = [_row(one) for one in _followed(session)]
    columns = {
        "stated": "Stated",
        "label": "Exam",
        "advice": "Advice",
        "by": "By",
        "reason": "Reason",
        "acknowledged_by": "Acknowledged by",
        "enhanced": "Contrast came",
        "hindsight": "Hindsight",
    }
    show.records(rows, columns, as_json=as_json, empty="Nothing has been advised yet.")


@app.command()
def months(
    unenhanced_price: Annotated[float, typer.Option(help="Of an unenhanced exam.")] = PAPER.unenhanced,
    enhanced_price: Annotated[float, typer.Option(help="Of an enhanced exam.")] = PAPER.enhanced,
    unenhanced_seconds: Annotated[float, typer.Option(help="Scanner time.")] = PAPER.unenhanced_seconds,
    enhanced_seconds: Annotated[float, typer.Option(help="Scanner time.")] = PAPER.enhanced_seconds,
    millilitres: Annotated[float, typer.Option(min=0.0, help="Contrast agent in an enhanced exam, mL.")] = 7.5,
    config: ConfigOption = None,
    overrides: SetOption = None,
    plot: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw the months into this PNG or SVG.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up each month: exams, advice, contrast omitted, what that saved, and how right it was by known outcomes."""
    try:
        prices = Prices(
            unenhanced=unenhanced_price,
            enhanced=enhanced_price,
            unenhanced_seconds=unenhanced_seconds,
            enhanced_seconds=enhanced_seconds,
        )
    except ValueError as error:
        raise SettingsError(str(error)) from error
    with open_index(read_settings(config, overrides)) as database, database.read() as session:
        found = savings.months(_followed(session), prices, millilitres)
    if plot is not None:
        chart.draw(found, plot)
    rows = [asdict(one) for one in found]
    columns = {
        "month": "Month",
        "exams": "Exams",
        "advised": "Advised",
        "by_deadline": "At the deadline",
        "omitted": "Omitted",
        "against": "Given all the same",
        "minutes": "Minutes saved",
        "cost": "Cost saved",
        "millilitres": "mL not given",
        "hindsight": "Hindsight",
    }
    show.records(rows, columns, as_json=as_json, empty="Nothing has been advised yet.")
    if found and not as_json:
        typer.echo(
            f"in all: contrast omitted on {sum(one.omitted for one in found)} exams, "
            f"{sum(one.millilitres for one in found):g} mL not given, "
            f"{sum(one.minutes for one in found):g} minutes and {sum(one.cost for one in found):g} of cost saved"
        )


def _followed(session: Transaction) -> list[Followed]:
    known = index.outcomes(session)
    return [
        Followed(advice=one, enhanced=_is_enhanced(session, one), positive=known.get(one.study_instance_uid))
        for one in index.between(session, _FIRST, _LAST)
    ]


def _is_enhanced(session: Transaction, advice: Advice) -> bool:
    evidence = [contrast(facts) for facts in index.facts_of_series(session, advice.study_instance_uid)]
    return any(one.given and not one.contradiction for one in evidence)


def _row(one: Followed) -> show.Record:
    advice = one.advice
    return {
        "stated": advice.stated.isoformat(timespec="seconds") if advice.stated else "",
        "label": " ".join(advice.label),
        "advice": advice.kind,
        "by": advice.origin,
        "reason": advice.reason,
        "cautions": list(advice.cautions),
        "acknowledged_by": advice.acknowledged_by,
        "enhanced": "yes" if one.enhanced else "no",
        "hindsight": one.hindsight or "",
    }
