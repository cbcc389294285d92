"""The paper's table without options, a site's own with them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from dicomnode.cli.main import app


def _run(*options: str) -> dict[str, list[dict[str, float]]]:
    done = CliRunner().invoke(app, ["models", "economics", "--json", *options])
    assert done.exit_code == 0, done.output
    (report,) = json.loads(done.stdout)
    return report


def test_without_options_it_is_table_2_and_figure_4() -> None:
    shown = CliRunner().invoke(app, ["models", "economics"]).stdout
    for printed in ("2,246,000", "2,371,293", "2,444,000", "313,250", "330,724", "340,865", "129.2", "190.7", "226.4"):
        assert printed in shown
    for printed in ("6,381", "5,671", "7,231", "87,286", "49,878", "162,933", "488,800"):
        assert printed in shown


def test_a_site_s_own_prices_and_prevalence() -> None:
    report = _run("--unenhanced-price", "400", "--enhanced-price", "600", "--prevalence", "0", "--exams", "500")
    none, some, everyone = report["strategies"]
    assert (none["cost"], everyone["cost"]) == (200_000, 300_000)
    assert some["enhanced"] == pytest.approx(81 / 236)
    assert some["saved"] == pytest.approx(100_000 * (1 - 81 / 236))
    assert [group["cost"] for group in report["groups"]] == [None, None, None]


def test_a_wrong_prevalence_is_named() -> None:
    done = CliRunner().invoke(app, ["models", "economics", "--prevalence", "45"])
    assert done.exit_code == 1
    assert str(done.exception) == "a prevalence lies between 0 and 1, not at 45"
