"""From files through the node's own reading and matching to the plugin, and its results back from DICOM."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from dicomnode.demo import results
from dicomnode.demo.phantom import ContentFault, Exam, HeaderFault, write_liver_exam
from dicomnode.demo.scanner import Vendor
from dicomnode.encode import Work, encode
from dicomnode.errors import Unsuitable
from dicomnode_plugins.fat_fraction import SPEC
from tests.plugins.fat_fraction.exams import SMALL, case_of, findings, percent, planned

REASONS: dict[HeaderFault, str] = {
    "missing_ip": "no in_phase .*echo time 2.3 ms at 1.5 T is opposed",
    "missing_slice": "slice missing: 1 not there",
    "swapped_te": "labelled opposed-phase, but echo time 4.6 ms at 1.5 T is in phase",
    "label_contradiction": "labelled (in|opposed)-phase, but echo time",
    "fat_sat": "fat-saturated .Scan Options FS",
    "shifted_grid": "12.6 mm",
    "other_study": "",
}
"""What the node says; an exam in two studies is two exams, told apart before matching."""


@pytest.mark.parametrize("vendor", ["ge", "siemens", "philips"])
@pytest.mark.parametrize("one_series", [True, False])
@pytest.mark.parametrize("field_strength", [1.5, 3.0])
def test_every_vendor_is_read(tmp_path: Path, vendor: Vendor, one_series: bool, field_strength: float) -> None:
    exam = Exam(shape=SMALL, vendor=vendor, one_series=one_series, field_strength=field_strength)
    truth = write_liver_exam(tmp_path, exam)
    fraction = percent(findings(case_of(tmp_path)))
    for name in ("liver", "spleen", "muscle"):
        assert truth.region(name).measured(fraction) == pytest.approx(truth.region(name).fat_fraction, abs=0.3)


@pytest.mark.parametrize("fault", [fault for fault in REASONS if fault != "other_study"])
@pytest.mark.parametrize("one_series", [True, False])
def test_a_fault_in_the_headers_is_refused_by_name(tmp_path: Path, fault: HeaderFault, one_series: bool) -> None:
    write_liver_exam(tmp_path, Exam(shape=SMALL, vendor="siemens", one_series=one_series, fault=fault))
    with pytest.raises(Unsuitable, match=REASONS[fault]):
        case_of(tmp_path)


def test_swapped_echo_times_without_labels_are_seen_in_the_pixels(tmp_path: Path) -> None:
    write_liver_exam(tmp_path, Exam(shape=SMALL, vendor="ge", fault="swapped_te"))
    with pytest.raises(Unsuitable, match="seem swapped"):
        findings(case_of(tmp_path))


@pytest.mark.parametrize("fault", ["scaled_op", "moved_content"])
def test_a_fault_in_the_pixels_passes_the_headers(tmp_path: Path, fault: ContentFault) -> None:
    write_liver_exam(tmp_path, Exam(shape=SMALL, fault=fault))
    given = case_of(tmp_path)
    with pytest.raises(Unsuitable, match=r"scaled differently|mm apart"):
        findings(given)


@pytest.mark.parametrize("mode", ["research", "clinical"])
def test_the_results_read_back_as_the_truth(tmp_path: Path, mode: Literal["research", "clinical"]) -> None:
    truth = write_liver_exam(tmp_path / "exam", Exam(shape=SMALL))
    task, paths = planned(tmp_path / "exam")
    stacks = {chosen.role: chosen.stack for chosen in task.inputs}
    found = findings(case_of(tmp_path / "exam"))
    work = Work(
        task_id=task.task_id,
        spec=SPEC,
        parameters=task.parameters,
        mode=mode,
        kinds=frozenset({"SEG", "PM", "SC", "SR"}),
        inputs={role: tuple(paths[uid] for uid in stack.instances) for role, stack in stacks.items()},
        geometry={role: stack.geometry for role, stack in stacks.items() if stack.geometry is not None},
    )
    for number, result in enumerate(encode(found, work)):
        (tmp_path / f"{number}.dcm").write_bytes(result.content)
    for path in (tmp_path / "exam").iterdir():
        path.unlink()
    back = results.read(tmp_path)
    assert len(back.captures) == len(back.maps) == SMALL[0]
    assert back.window == (0, 40)
    for region in truth.regions:
        if region.fat_fraction < 45:
            assert region.measured(back.volume()) == pytest.approx(region.fat_fraction, abs=1.0), region.name
