"""Training and calibration from the command line: the plugin's own procedures, in a process of their own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dicomnode.catalog import plugins as catalog
from dicomnode.catalog.plugins import Installed
from tests.builders import grid, mr_series
from tests.plugin_zoo import LEARNS, SPEC
from tests.unit.catalog.test_models import a_card
from tests.unit.cli.conftest import Cli


@pytest.fixture
def exams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight exams, and a table that labels them."""
    plugins = [
        Installed(name=name, distribution="", spec=spec) for name, spec in {"zoo": LEARNS, "untaught": SPEC}.items()
    ]
    monkeypatch.setattr(catalog, "discover", lambda: tuple(plugins))
    for n in range(8):
        array = np.full((3, 8, 8), 10 * n, np.uint16) + np.eye(8, dtype=np.uint16)
        mr_series(tmp_path / "data" / str(n), geometry=grid((3, 8, 8)), array=array, study=f"s{n}", patient=f"P{n}")
    parts = ["training", "training", "validation", "validation", "calibration", "calibration", "test", "test"]
    lines = [f"P{n},{n % 2},{part}" for n, part in enumerate(parts)]
    (tmp_path / "labels.csv").write_text("\n".join(["patient,label,set", *lines]))
    return tmp_path


def test_train_then_calibrate(cli: Cli, exams: Path) -> None:
    given = ("--data", str(exams / "data"), "--labels", str(exams / "labels.csv"))
    out = exams / "models"
    with_ = ("--with", "epochs=3", "--seed", "5")
    (report,) = cli("models", "train", "zoo", *given, "--out", str(out), *with_, as_json=True)
    assert report["sets"] == [
        {"set": "training", "exams": 2, "positive": 1, "patients": 2, "unlabelled": 0},
        {"set": "validation", "exams": 2, "positive": 1, "patients": 2, "unlabelled": 0},
    ]
    run = json.loads((out / "run.json").read_text())
    assert (run["seed"], run["device"], run["resume"], run["epochs"]) == (5, "cpu", False, 3)
    assert {round(run["training"] - 1 / 8), round(run["validation"] - 1 / 8)} <= {0, 10, 20, 30}
    again = cli("models", "train", "zoo", *given, "--out", str(out), fails=True)
    assert again == f"{out} holds a training already: give --resume to go on with it, or another --out"
    assert "No line was left out" in cli("models", "train", "zoo", *given, "--out", str(out), "--resume")
    assert json.loads((out / "run.json").read_text())["resume"] is True
    # the plugin itself refuses two calibration exams
    assert cli("models", "calibrate", "zoo", *given, "--models", str(out), fails=True) == "calibration needs 3 exams"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gone", "--data", "."), "no plugin is called 'gone'; 'dicomnode plugins list' shows all"),
        (("untaught", "--data", "."), "plugin untaught has no models to train; those that have: zoo"),
        (("zoo",), "say where the exams are: either --data FOLDER or --store"),
        (("zoo", "--data", ".", "--store"), "say where the exams are: either --data FOLDER or --store"),
        (("zoo", "--data", ".", "--with", "epochs"), "--with epochs: write it as NAME=VALUE"),
        (("zoo", "--data", ".", "--with", "epochs=x"), "--with epochs=x: the value must be int"),
        (("zoo", "--data", ".", "--with", "epochs=0"), "parameter epochs must lie in [1, None], got 0"),
        (("zoo", "--data", ".", "--with", "rate=1"), "train has no parameter rate; it has epochs"),
        (("zoo", "--store"), "no node has run in"),
    ],
)
def test_what_is_wrong_is_said(cli: Cli, exams: Path, arguments: tuple[str, ...], says: str) -> None:
    given = ("--labels", str(exams / "labels.csv"), "--out", str(exams / "models"))
    assert says in cli("models", "train", *arguments, *given, fails=True)


def test_a_teacher_takes_exams_without_label(cli: Cli, exams: Path) -> None:
    a_card(exams / "elder")
    lines = (exams / "labels.csv").read_text().splitlines()
    lines[1:3] = ["P0,0,training", "P1,1,training", "P6,,training", "P7,unknown,training"]
    (exams / "labels.csv").write_text("\n".join(lines[:-2]))
    given = ("train", "zoo", "--data", str(exams / "data"), "--labels", str(exams / "labels.csv"))
    assert "line 4: an exam without label teaches nothing" in cli(
        "models", *given, "--out", str(exams / "a"), fails=True
    )
    with_teacher = ("--teacher", str(exams / "elder"), "--out", str(exams / "models"))
    (report,) = cli("models", *given, *with_teacher, as_json=True)
    assert report["sets"][0] == {"set": "training", "exams": 4, "positive": 1, "patients": 4, "unlabelled": 2}
    assert json.loads((exams / "models" / "taught.json").read_text()) == ["npc", 2]
    a_card(exams / "elder", plugin="fusion")
    other = cli("models", *given, "--teacher", str(exams / "elder"), "--out", str(exams / "b"), fails=True)
    assert other == "--teacher: teacher npc/1 (card.toml) is a model of fusion; those of zoo may teach here"


def test_exams_come_from_the_node_s_own_store(cli: Cli, exams: Path, ran: Path) -> None:
    (study,) = cli("studies", "list", as_json=True)
    (exams / "own.csv").write_text(f"patient,label\n{study['patient_id']},1\nnobody,0\n")
    given = ("--store", "--labels", str(exams / "own.csv"), "--out", str(exams / "models"))
    assert "none of 2 lines yields an example" in cli("models", "train", "zoo", *given, fails=True)
    first, second = json.loads((exams / "models" / "cohort" / "left-out.json").read_text())
    assert (second["line"], second["reason"]) == (3, "no such patient among the exams given")
    assert first["line"] == 2
    assert "no such" not in first["reason"]  # it was found and judged: two headers without geometry fill no role
