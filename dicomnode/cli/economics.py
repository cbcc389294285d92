"""``dicomnode models economics``: what contrast for some exams only costs a site, by the model of DARNDEST."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from dicomnode import economics as model
from dicomnode.cli import show
from dicomnode.cli.options import JsonOption
from dicomnode.errors import SettingsError

_PAPER = model.PAPER


class Cohort(StrEnum):
    """The paper's two test sets."""

    INTERNAL = "internal"
    EXTERNAL = "external"


_GROUPS = {Cohort.INTERNAL: model.INTERNAL, Cohort.EXTERNAL: model.EXTERNAL}


def economics(
    unenhanced_price: Annotated[float, typer.Option(help="Of one exam without contrast.")] = _PAPER.unenhanced,
    enhanced_price: Annotated[float, typer.Option(help="Of one exam with contrast.")] = _PAPER.enhanced,
    unenhanced_seconds: Annotated[float, typer.Option(help="Scanner time.")] = _PAPER.unenhanced_seconds,
    enhanced_seconds: Annotated[float, typer.Option(help="Scanner time.")] = _PAPER.enhanced_seconds,
    currency: Annotated[str, typer.Option(help="What the prices are in.")] = "CNY",
    per_dollar: Annotated[float, typer.Option(help="Units of it in one US dollar.")] = _PAPER.per_dollar,
    cohort: Annotated[Cohort, typer.Option(help="Test set whose tiers are taken.")] = Cohort.INTERNAL,
    prevalence: Annotated[float | None, typer.Option(help="Share of recurrences; without it, the cohort's.")] = None,
    exams: Annotated[int, typer.Option(min=1, help="How many.")] = 1000,
    as_json: JsonOption = False,
) -> None:
    """Cost and scanner time of three strategies (Table 2), and the cost of one recurrence found (Fig. 4).

    Without options these are the paper's figures to the printed digit; docs/economics.md lists where the paper
    contradicts itself.
    """
    groups = _GROUPS[cohort]
    try:
        prices = model.Prices(
            unenhanced=unenhanced_price,
            enhanced=enhanced_price,
            unenhanced_seconds=unenhanced_seconds,
            enhanced_seconds=enhanced_seconds,
            per_dollar=per_dollar,
        )
        expected = groups if prevalence is None else model.standardised(groups, prevalence)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    strategies, findings = _strategies(expected, prices, exams), _findings(expected, prices)
    if as_json:
        shown = model.prevalence(expected)
        report = {"prices": asdict(prices), "currency": currency, "prevalence": shown, "exams": exams}
        show.records([{**report, "strategies": strategies, "groups": findings}], {}, as_json=True, empty="")
        return
    columns = {"strategy": f"{exams} exams", "enhanced": "Enhanced", "cost": currency, "dollars": "USD"}
    columns |= {"hours": "Scanner h", "saved": f"{currency} saved", "hours_saved": "h saved"}
    show.records([_rounded(row) for row in strategies], columns, as_json=False, empty="")
    typer.echo()
    columns = {"group": "Group", "exams": "of 1000", "recurrences": "Recurrences", "found": "Found"}
    columns |= {"cost": f"{currency} for one found", "low": "from", "high": "to"}
    show.records([_rounded(row) for row in findings], columns, as_json=False, empty="")


def _strategies(groups: model.Groups, prices: model.Prices, exams: int) -> list[show.Record]:
    shares = {"unenhanced only": 0.0, "DARNDEST": model.enhanced_share(groups), "contrast for all": 1.0}
    costs = {name: model.burden(share, prices, exams) for name, share in shares.items()}
    dearest = costs["contrast for all"]
    return [
        {
            "strategy": name,
            "enhanced": shares[name],
            **asdict(found),
            "saved": dearest.cost - found.cost,
            "hours_saved": dearest.hours - found.hours,
        }
        for name, found in costs.items()
    ]


def _findings(groups: model.Groups, prices: model.Prices) -> list[show.Record]:
    """Fig. 4: per 1000 exams of the whole cohort; a group in which nobody is expected to be found has no price."""
    total = round(sum(group.exams for group in groups.values()))
    rows: list[show.Record] = []
    for name, group in groups.items():
        per_1000 = {part: 1000 * value / total for part, value in asdict(group).items()}
        found = round(group.found)
        price = asdict(model.cost_per_finding(found, total, prices)) if found else {}
        rows.append({"group": name, **per_1000, "cost": None, "low": None, "high": None, **price})
    return rows


def _rounded(row: show.Record) -> show.Record:
    digits = {"enhanced": ".3f", "hours": ",.1f", "hours_saved": ",.1f"}
    return {
        key: format(value, digits.get(key, ",.0f")) if isinstance(value, int | float) else value
        for key, value in row.items()
    }
