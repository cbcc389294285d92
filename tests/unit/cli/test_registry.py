"""Models listed with what they fill, and held against their files and the node's mode."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from dicomnode.cli.main import app
from tests.plugins.recurrence_triage.files import write_model
from tests.unit.cli.conftest import Cli


def test_a_demonstration_fills_its_slot_in_research_mode(cli: Cli) -> None:
    assert cli("models", "list", as_json=True) == [], "a demonstration runs nowhere unasked"
    named = ("--set", "plugins.recurrence_triage.enabled=true")
    models = {model["model"]: model for model in cli("models", "list", *named, as_json=True)}
    shipped = models["npc-phantom/2"]
    assert (shipped["status"], shipped["fills"], shipped["problem"]) == (
        "demonstration",
        "recurrence_triage.triage",
        "",
    )


def test_verify_is_loud_about_a_changed_byte(config: Path, tmp_path: Path) -> None:
    card = write_model(tmp_path / "models")
    settings = ["--config", str(config), "--set", f"models.folder={card.parent}"]
    settings += ["--set", "plugins.recurrence_triage.models.triage=random/1"]
    whole = CliRunner().invoke(app, ["models", "verify", *settings])
    assert whole.exit_code == 0, whole.output
    weights = card.parent / "t2.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    broken = CliRunner().invoke(app, ["models", "verify", *settings])
    assert broken.exit_code == 1
    assert "plugins.recurrence_triage: slot triage: random/1 (card.toml): weights t2: " in broken.output
    warned = CliRunner().invoke(app, ["config", "check", *settings])
    assert "weights t2: t2.safetensors has the SHA-256 " in warned.output
    assert "its exams end as failed" in warned.output


def test_clinical_mode_refuses_what_is_not_validated(config: Path, tmp_path: Path) -> None:
    card = write_model(tmp_path / "models")
    clinical = ["--set", "node.mode=clinical", "--set", f"models.folder={card.parent}"]
    clinical += ["--set", "plugins.recurrence_triage.models.triage=random/1"]
    done = CliRunner().invoke(app, ["models", "verify", "--config", str(config), *clinical])
    assert done.exit_code == 1
    assert "its status is 'research'; clinical mode runs validated models only" in done.output
