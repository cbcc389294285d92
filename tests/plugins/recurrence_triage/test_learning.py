"""From DICOM exams and a table of labels to trained networks with a card, by one command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from benchmarks.triage.physics import PROTOCOLS
from benchmarks.triage.scans import COARSE, exam
from dicomnode.catalog import models
from dicomnode.catalog import plugins as catalog
from dicomnode.catalog.plugins import Installed
from dicomnode.cli.main import app
from dicomnode.sdk import Case, Unsuitable, Volume
from dicomnode.sdk.cohort import read_cohort
from dicomnode.sdk.testing import synthetic_volume
from dicomnode_plugins.recurrence_triage import OUTLINE, SLOT, SPEC, codes
from dicomnode_plugins.recurrence_triage.learning import prepare
from tests.builders import grid, mr_series
from tests.drawn import Structure, draw

SEQUENCES = ("t1", "t2", "t1c")


def write_exam(folder: Path, number: int, volumes: Mapping[str, Volume]) -> None:
    """A phantom's three series as files of the exam of one patient."""
    physics = PROTOCOLS["base"]
    z, y, x = COARSE.axes()
    for place, (name, volume) in enumerate(volumes.items()):
        attributes: dict[str, object] = {
            "ScanningSequence": "SE",
            "SequenceVariant": "SK",
            "ScanOptions": "",
            "SeriesNumber": place + 1,
            "SeriesDescription": {"t1": "T1 TSE ax", "t2": "T2 TSE ax", "t1c": "T1 TSE ax +C"}[name],
            "RepetitionTime": physics.repetition[place],
            "AcquisitionTime": f"08{place}000",
            "BodyPartExamined": "HEADNECK",
            **({"ContrastBolusAgent": "Gadovist"} if name == "t1c" else {}),
        }
        mr_series(
            folder / f"{number}",
            geometry=grid(COARSE.shape, origin=(float(x[0]), float(y[0]), float(z[0])), spacing=COARSE.spacing),
            array=volume.array.astype(np.uint16),
            series=name,
            study=f"s{number}",
            patient=f"P{number}",
            echo_time=physics.echo[place],
            image_type=("ORIGINAL", "PRIMARY", "M", "SE"),
            attributes=attributes,
        )


def outline(folder: Path, number: int) -> None:
    """A tumour of one block about the middle of the T1 of an exam, as a workstation sends it."""
    z, y, x = COARSE.axes()
    geometry = grid(COARSE.shape, origin=(float(x[0]), float(y[0]), float(z[0])), spacing=COARSE.spacing)
    labels = np.zeros(COARSE.shape, np.uint8)
    labels[12:16, 54:62, 60:70] = 1
    files = sorted((folder / f"{number}").rglob("*.dcm"))
    sources = [file for file in files if dcmread(file, stop_before_pixels=True).SeriesDescription == "T1 TSE ax"]
    tumour = Structure(label="Tumour", category=codes.ABNORMAL, type=codes.PRIMARY_NEOPLASM)
    draw(folder / f"{number}" / "seg.dcm", sources, geometry, labels, structures=(tumour,))


def test_one_command_from_dicom_to_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Installed(name=SPEC.name, distribution="", spec=SPEC)
    monkeypatch.setattr(catalog, "discover", lambda: (plugin,))
    labels = ["patient,label,set"]
    volumes, _ = exam(1, 77, grid=COARSE)
    for number in range(8):
        write_exam(tmp_path / "data", number, volumes)  # type: ignore[arg-type]
        if number % 2:
            outline(tmp_path / "data", number)
        labels.append(f"P{number},{number % 2},{'training' if number < 4 else 'validation'}")
    (tmp_path / "labels.csv").write_text("\n".join(labels))
    given = ["--data", str(tmp_path / "data"), "--labels", str(tmp_path / "labels.csv"), "--json"]
    small = ["--with", "architecture=densenet-small", "--with", "epochs=1", "--with", "batch=4"]
    out = tmp_path / "models"
    done = CliRunner().invoke(app, ["models", "train", SPEC.name, *given, *small, "--out", str(out)])
    assert done.exit_code == 0, done.output + repr(done.exception)
    (report,) = json.loads(done.stdout)
    assert (report["left_out"], [part["exams"] for part in report["sets"]]) == ([], [4, 4])
    assert report["said"] == "trained"
    run = json.loads((out / "run.json").read_text())
    assert {name: said["input"] for name, said in run["models"].items()} == {
        name: [1, 14, 40, 40] for name in SEQUENCES
    }
    card = models.read(out / "card.toml")
    assert (card.model.status, card.card.plugin, card.card.slot) == ("research", SPEC.name, SLOT)
    assert list(models.unsound(card, "research", SPEC.version, date(2026, 1, 1))) == []
    assert (sorted(card.model.files), card.model.cutoffs) == (sorted(SEQUENCES), {})
    few = CliRunner().invoke(app, ["models", "calibrate", SPEC.name, *given, "--models", str(out)])
    assert "the calibration set needs positive and negative exams" in str(few.exception)
    _taught_to_outline(given, out / "cohort", tmp_path / "outline")


def _taught_to_outline(given: list[str], prepared: Path, out: Path) -> None:
    """The same command on the same exams, with an architecture that outlines."""
    copytree(prepared, out / "cohort")
    small = ["--with", "architecture=unet-small", "--with", "epochs=1", "--with", "batch=4"]
    done = CliRunner().invoke(app, ["models", "train", SPEC.name, *given, *small, "--out", str(out)])
    assert done.exit_code == 0, done.output + repr(done.exception)
    run = json.loads((out / "run.json").read_text())
    assert {name: said["input"] for name, said in run["models"].items()} == {"t1_t2": [2, 14, 40, 40]}
    assert run["models"]["t1_t2"]["exams"]["training"] == {"exams": 4, "positive": 2, "patients": 4, "unlabelled": 0}
    card = models.read(out / "card.toml")
    assert (card.card.slot, sorted(card.model.files), card.model.cutoffs) == (OUTLINE, ["t1_t2"], {})
    drawn = [example for example in read_cohort(out / "cohort") if "narrow_gtv" in example.names()]
    assert [example.positive for example in drawn] == [True] * 4
    assert drawn[0].array("narrow_gtv").sum() * 5.0 * 2.0 * 2.0 == pytest.approx(
        4 * 8 * 10 * np.prod(COARSE.spacing), rel=0.15
    )


def test_what_the_networks_would_see_is_on_both_crops() -> None:
    volumes, _ = exam(1, 77, grid=COARSE)
    arrays = prepare(Case(volumes={"t1": volumes["t1"], "t2": volumes["t2"]}))
    assert {name: array.shape for name, array in arrays.items()} == {
        "narrow_t1": (14, 40, 40),
        "narrow_t2": (14, 40, 40),
        "wide_t1": (32, 128, 128),
        "wide_t2": (32, 128, 128),
    }


def test_what_is_no_head_is_unsuitable() -> None:
    lump = synthetic_volume((24, 64, 64))
    with pytest.raises(Unsuitable, match="nasopharynx"):
        prepare(Case(volumes={"t1": lump, "t2": lump}))
