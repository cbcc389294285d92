"""A case directory holds volumes and physics, and nothing that says whose they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicomnode.dicom import header
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.identity import AETitle
from dicomnode.domain.instance import Instance, StoredObject
from dicomnode.domain.task import Input
from dicomnode.execute.stage import stage
from dicomnode.sdk import codes, wire
from tests.builders import mr_series, uid
from tests.drawn import Structure, draw
from tests.values import digest

CANARY = "ZZPHI"


def _inputs(folder: Path) -> tuple[list[Input], dict[str, tuple[Path, ...]]]:
    inputs, files = [], {}
    for role, echo_time in (("in_phase", 4.6), ("opposed_phase", 2.3)):
        canary = {"PatientName": f"{CANARY}^NAME", "AccessionNumber": CANARY, "SeriesDescription": CANARY}
        paths = mr_series(folder, series=role, echo_time=echo_time, patient=f"{CANARY}-ID", attributes=canary)
        by_uid = {header.read_file(path).sop_instance_uid: path for path in paths}
        (stack,) = stacks([header.read_file(path) for path in paths])
        assert stack.geometry is not None
        files[role] = tuple(by_uid[uid] for uid in stack.instances)
        inputs.append(
            Input(
                role=role,
                instances=tuple(
                    Instance(
                        header=header.read_file(path),
                        stored=StoredObject(key=path.name, size=1, digest=digest(path.name)),
                        calling_aet=AETitle("X"),
                    )
                    for path in files[role]
                ),
                geometry=stack.geometry,
                frame_of_reference_uid=stack.frame_of_reference_uid,
            )
        )
    return inputs, files


@pytest.fixture
def staged(tmp_path: Path) -> tuple[Path, list[Input]]:
    inputs, files = _inputs(tmp_path / "dicom")
    directory = tmp_path / "case"
    directory.mkdir()
    stage(inputs, files, {"gate": 5.0}, directory)
    return directory, inputs


def test_volumes_lie_where_the_grid_says(staged: tuple[Path, list[Input]]) -> None:
    directory, inputs = staged
    case = wire.read_case(directory)
    assert set(case.volumes) == {"in_phase", "opposed_phase"}
    assert case.parameters == {"gate": 5.0}
    for entry in inputs:
        volume = case.volume(entry.role)
        assert volume.array.shape == entry.geometry.shape
        np.testing.assert_allclose(volume.affine, entry.geometry.affine())
    assert case.volume("opposed_phase").acquisition["EchoTime"] == 2.3


def test_frames_of_reference_become_labels(staged: tuple[Path, list[Input]]) -> None:
    directory, inputs = staged
    case = wire.read_case(directory)
    same = len({entry.frame_of_reference_uid for entry in inputs}) == 1
    assert {volume.frame for volume in case.volumes.values()} == ({"A"} if same else {"A", "B"})


def test_a_missing_frame_of_reference_is_no_common_one(tmp_path: Path) -> None:
    inputs, files = _inputs(tmp_path / "dicom")
    nameless = [replace(entry, frame_of_reference_uid="") for entry in inputs]
    for number, given in enumerate((nameless, [nameless[0], inputs[1]])):
        directory = tmp_path / str(number)
        directory.mkdir()
        stage(given, files, {}, directory)
        labels = {role: volume.frame for role, volume in wire.read_case(directory).volumes.items()}
        assert labels == {"in_phase": "", "opposed_phase": "A" if number else ""}


def test_no_identity_enters_the_directory(staged: tuple[Path, list[Input]]) -> None:
    directory, inputs = staged
    content = b"".join(path.name.encode() + path.read_bytes() for path in directory.iterdir())
    headers = [instance.header for entry in inputs for instance in entry.instances]
    uids = {uid for h in headers for uid in (h.sop_instance_uid, h.series_instance_uid, h.study_instance_uid)}
    uids |= {entry.frame_of_reference_uid for entry in inputs}
    assert len(uids) >= 4
    assert CANARY.encode() not in content
    assert [uid for uid in uids if uid.encode() in content] == []


def _with_mask(folder: Path, **odd: Any) -> tuple[list[Input], dict[str, tuple[Path, ...]], np.ndarray]:
    """The pair, and a segmentation of the in-phase images by somebody who writes names into labels."""
    inputs, files = _inputs(folder)
    geometry = inputs[0].geometry
    labels = np.zeros(geometry.shape, np.uint8)
    labels[1:3, 3:9, 4:11] = 1
    telling = Structure(label=f"Liver of {CANARY}", tracking_id=uid("tracking", 1))
    mask = draw(folder / "mask.dcm", files["in_phase"], geometry, labels, structures=(telling,), **odd)
    files["mask"] = (mask,)
    instance = replace(inputs[0].instances[0], header=header.read_file(mask))
    inputs.append(replace(inputs[0], role="mask", instances=(instance,)))
    return inputs, files, labels


def test_a_segmentation_becomes_labels_on_the_grid_of_its_images(tmp_path: Path) -> None:
    inputs, files, labels = _with_mask(tmp_path)
    directory = tmp_path / "case"
    directory.mkdir()
    assert stage(inputs, files, {}, directory, labelled={"mask": "in_phase"}) == {}
    case = wire.read_case(directory)
    assert set(case.volumes) == {"in_phase", "opposed_phase"}
    received = case.segmentations["mask"]
    np.testing.assert_array_equal(received.array, labels)
    (segment,) = received.segments
    assert (received.on, segment.label, segment.type, segment.maker) == ("in_phase", "Segment", codes.LIVER, "MANUAL")
    assert case.left_out == {}
    test_no_identity_enters_the_directory((directory, inputs))


def test_a_segmentation_that_cannot_be_used_is_left_out_and_said(tmp_path: Path) -> None:
    inputs, files, _ = _with_mask(tmp_path, attributes={"PixelData": b"\0\0"})
    directory = tmp_path / "case"
    directory.mkdir()
    left_out = stage(inputs, files, {}, directory, labelled={"mask": "in_phase"})
    assert left_out == {"mask": "its labels cannot be decoded (ValueError)"}
    case = wire.read_case(directory)
    assert (case.left_out, dict(case.segmentations)) == (left_out, {})
