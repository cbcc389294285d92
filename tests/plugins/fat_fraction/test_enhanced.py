"""A dual echo in one Enhanced MR image is read as the same exam in classic images, voxel for voxel."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.multival import MultiValue

from dicomnode.demo.phantom import Exam, write_liver_exam
from dicomnode.demo.scanner import Vendor
from dicomnode.encode import Work, encode
from dicomnode_plugins.fat_fraction import SPEC
from tests.e2e.node_process import NodeProcess
from tests.enhanced import enhance
from tests.integration.dciodvfy import complaints
from tests.peers.tools import free_port, require_tool
from tests.plugins.fat_fraction.exams import SMALL, case_of, findings, percent, planned


def _pair(folder: Path, vendor: Vendor) -> tuple[Path, Path]:
    """Folders with one exam: classic, and as one Enhanced file."""
    classic, enhanced = folder / "classic", folder / "enhanced"
    write_liver_exam(classic, Exam(shape=SMALL, vendor=vendor))
    enhanced.mkdir()
    enhance(sorted(classic.iterdir()), enhanced / "enhanced.dcm")
    return classic, enhanced


@pytest.mark.parametrize("vendor", ["siemens", "philips"])
def test_the_same_volumes_and_the_same_map(tmp_path: Path, vendor: Vendor) -> None:
    classic, enhanced = (case_of(folder) for folder in _pair(tmp_path, vendor))
    for role, volume in classic.volumes.items():
        np.testing.assert_array_equal(enhanced.volumes[role].array, volume.array)
        np.testing.assert_allclose(enhanced.volumes[role].affine, volume.affine, atol=1e-9)
        physics = ("EchoTime", "RepetitionTime", "FlipAngle", "MagneticFieldStrength", "ScanningSequence")
        assert [enhanced.volumes[role].acquisition[k] for k in physics] == [volume.acquisition[k] for k in physics]
    np.testing.assert_array_equal(percent(findings(enhanced)), percent(findings(classic)))


def _references(dataset: Dataset) -> list[tuple[str, int | None]]:
    """Instance and frame of every image reference, however deep."""
    found = []
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                found += _references(item)
                if "ReferencedSOPInstanceUID" in item:
                    named = item.get("ReferencedFrameNumber")
                    several = named if isinstance(named, MultiValue) else [named]
                    found += [(item.ReferencedSOPInstanceUID, frame and int(frame)) for frame in several]
    return found


def test_results_name_the_frames_they_lie_on(tmp_path: Path) -> None:
    _, folder = _pair(tmp_path, "philips")
    task, paths = planned(folder)
    (path,) = paths.values()
    stacks = {chosen.role: chosen.stack for chosen in task.inputs}
    work = Work(
        task_id=task.task_id,
        spec=SPEC,
        parameters=task.parameters,
        mode="research",
        kinds=frozenset({"SEG", "PM", "SC", "SR"}),
        inputs={role: (path,) * len(stack.instances) for role, stack in stacks.items()},
        frames={role: stack.frames for role, stack in stacks.items()},
        geometry={role: stack.geometry for role, stack in stacks.items() if stack.geometry is not None},
    )
    results = encode(findings(case_of(folder)), work)
    source = dcmread(path, stop_before_pixels=True)
    written = {result.sop_instance_uid for result in results}
    (tmp_path / "out").mkdir()
    kinds = set()
    for number, result in enumerate(results):
        file = tmp_path / "out" / f"{number}.dcm"
        file.write_bytes(result.content)
        dataset = dcmread(file)
        named = {reference for reference in _references(dataset) if reference[0] not in written}
        assert {uid for uid, _ in named} == {source.SOPInstanceUID}
        both = {*stacks["in_phase"].frames, *stacks["opposed_phase"].frames}
        frames = {frame for _, frame in named if frame is not None}
        if result.kind == "SC" and "ImagePositionPatient" in dataset:  # the page that sums up shows every slice
            assert frames == {stacks[role].frames[dataset.InstanceNumber - 1] for role in stacks}
        elif result.kind == "SEG":
            assert frames <= set(stacks["in_phase"].frames)
            for item in dataset.PerFrameFunctionalGroupsSequence:
                (frame,) = {frame for _, frame in _references(item) if frame}
                position = item.PlanePositionSequence[0].ImagePositionPatient
                groups = source.PerFrameFunctionalGroupsSequence[frame - 1]
                assert position == groups.PlanePositionSequence[0].ImagePositionPatient
        else:
            assert frames == both
        if result.kind not in kinds:
            kinds.add(result.kind)
            said = [text for text in complaints(require_tool("dciodvfy"), file) if "Frame" in text[1]]
            assert [text for text in said if "ReferencedFrameNumber" in str(text)] == []
    assert kinds == {"SEG", "PM", "SC", "SR"}


def test_from_the_network_to_the_results(tmp_path: Path) -> None:
    _, folder = _pair(tmp_path, "siemens")
    peers = '[[peers]]\nname = "scanner"\naet = "STORESCU"\nhost = "127.0.0.1"\nport = 4242\nmay_store = true\n'
    node = NodeProcess(tmp_path, free_port(), peers)
    node.start()
    send = [require_tool("storescu"), "-aet", "STORESCU", "-aec", "DICOMNODE", "127.0.0.1", str(node.port)]
    subprocess.run([*send, folder / "enhanced.dcm"], check=True, capture_output=True, timeout=60)
    (task,) = node.settled(1)
    why = node.cli("studies", "why", "PHANTOM-1").stdout
    assert node.stop() == 0
    assert (task["plugin"], task["state"]) == ("fat_fraction", "done"), why
    assert "in-phase" in why
