"""A table of labels and a folder of DICOM files become a cohort without identity; nothing vanishes without a reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicomnode.cohort import labels
from dicomnode.cohort.exams import Exam, understand
from dicomnode.cohort.gather import LEFT_OUT, Gathered, Plan, gather
from dicomnode.cohort.sources import Folder
from dicomnode.errors import SettingsError
from dicomnode.execute.workers import Workers
from dicomnode.sdk.spec import InputRole, Match
from tests.builders import grid, mr_series, uid
from tests.plugin_zoo import LEARNS


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(processes=2, preload=["dicomnode.execute.stage"])
    yield workers
    workers.stop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six patients with one exam, a seventh with two, an eighth with an empty image, a ninth without an ID."""
    folder = tmp_path_factory.mktemp("data")
    shape = grid((3, 8, 8))
    for n in range(1, 7):
        mr_series(folder / f"e{n}", geometry=shape, array=np.full((3, 8, 8), n, np.uint16) + np.eye(8, dtype=np.uint16),
                  study=f"s{n}", patient=f"SECRET-{n}")  # fmt: skip
    for n in (7, 8):
        mr_series(folder / f"e{n}", geometry=shape, study=f"s{n}", patient="SECRET-7")
    mr_series(folder / "e9", geometry=shape, array=np.zeros((3, 8, 8), np.uint16), study="s9", patient="SECRET-9")
    mr_series(folder / "e10", geometry=shape, study="s10", patient="")
    mr_series(folder / "e11", geometry=shape, study="s11", patient="SECRET-11", attributes={"Modality": "CT"})
    (folder / "readme.txt").write_text("no image")
    return folder


def gathered(table: str, data: Path, workers: Workers, out: Path) -> Gathered:
    plan = Plan(spec=LEARNS, rules=(), wanted={"training": 0.5, "validation": 0.5}, seed=1)
    said: list[tuple[str, int, int]] = []
    found = gather(labels.read(table), Folder(data), plan, workers, out, lambda *step: said.append(step))
    assert said[-1][0] == "preparing exams"
    assert said[-1][1] == said[-1][2]
    return found


def test_every_line_is_an_example_or_has_a_reason(data: Path, workers: Workers, tmp_path: Path) -> None:
    people = "".join(f"SECRET-{n},{n % 2}\n" for n in (1, 2, 3, 4, 7, 9, 11, 12))
    found = gathered(f"patient,label\n{people}", data, workers, tmp_path)
    assert [(one.line, one.reason.partition(":")[0]) for one in found.left_out] == [
        (6, "2 exams of this patient; name the study among the exams given"),
        (7, "Unsuitable"),
        (8, found.left_out[2].reason.partition(":")[0]),
        (9, "no such patient among the exams given"),
    ]
    assert "Modality" in found.left_out[2].reason
    assert sorted(float(example.array("mean")[0]) for example in found.examples) == pytest.approx(
        [n + 1 / 8 for n in (1, 2, 3, 4)]
    )
    for example in found.examples:
        assert example.positive == (round(float(example.array("mean")[0]) - 1 / 8) % 2 == 1)
    assert len({example.patient for example in found.examples}) == 4
    kept = b"".join(path.read_bytes() + path.name.encode() for path in tmp_path.rglob("*") if path.is_file())
    assert b"SECRET" not in kept
    assert uid("study", "s1").encode() not in kept
    assert [one["line"] for one in json.loads((tmp_path / LEFT_OUT).read_text())] == [6, 7, 8, 9]


def test_what_was_prepared_is_not_prepared_again(data: Path, workers: Workers, tmp_path: Path) -> None:
    table = "study,label\n" + "".join(f"{uid('study', f's{n}')},{n % 2}\n" for n in range(1, 7))
    first = gathered(table, data, workers, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")}
    assert (len(times), gathered(table, data, workers, tmp_path)) == (6, first)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.npz")} == times


def test_an_exam_without_patient_might_be_in_two_sets(data: Path, workers: Workers, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none of 1 lines yields an example"):
        gathered(f"study,label\n{uid('study', 's10')},1\n", data, workers, tmp_path)
    assert "names no patient" in (tmp_path / LEFT_OUT).read_text()


def test_two_patients_in_one_study_or_two_contents_in_one_instance(
    data: Path, workers: Workers, tmp_path: Path
) -> None:
    mr_series(tmp_path / "a", geometry=grid((3, 8, 8)), study="s", patient="A")
    mr_series(tmp_path / "b", geometry=grid((3, 8, 8)), study="s", series="other", patient="B")
    with pytest.raises(SettingsError, match="1 studies in the folder name more than one patient"):
        Folder(tmp_path)
    (one,) = Folder(tmp_path / "a").known()
    mr_series(tmp_path / "a" / "copy", geometry=grid((3, 8, 8)), study="s", patient="A")
    assert len(Folder(tmp_path / "a").instances(one.study)) == 3
    mr_series(tmp_path / "a" / "copy", geometry=grid((3, 8, 8)), study="s", patient="A", echo_time=9.0)
    with pytest.raises(SettingsError, match="are one instance with two contents"):
        Folder(tmp_path / "a").instances(one.study)


def test_a_training_may_want_inputs_that_the_plugin_itself_does_not(tmp_path: Path) -> None:
    assert LEARNS.learning is not None
    for echo_time in (2.3, 4.6):
        mr_series(tmp_path / str(echo_time), geometry=grid((3, 8, 8)), series=str(echo_time), echo_time=echo_time)
    source = Folder(tmp_path)
    (known,) = source.known()
    (one,) = labels.read(f"patient,label\n{known.patient_id},1\n")
    image, later = (
        InputRole(role=role, match=(Match(keyword="EchoTime", op="eq", value=value),))
        for role, value in (("image", 2.3), ("later", 4.6))
    )
    for more, roles in (((), ["image"]), ((later,), ["image", "later"])):
        spec = replace(LEARNS, inputs=(image,), learning=replace(LEARNS.learning, inputs=more))
        found = understand(one, known, source, spec)
        assert isinstance(found, Exam)
        assert [given.role for given in found.inputs] == roles


def test_a_plugin_of_another_version_prepares_anew(data: Path, workers: Workers, tmp_path: Path) -> None:
    table = labels.read("patient,label\nSECRET-1,1\nSECRET-2,0\nSECRET-3,1\nSECRET-4,0\n")
    for version in ("1", "2"):
        plan = Plan(spec=replace(LEARNS, version=version), rules=(), wanted={"training": 1.0}, seed=1)
        gather(table, Folder(data), plan, workers, tmp_path, lambda *_: None)
    assert len(list(tmp_path.glob("*.npz"))) == 8
