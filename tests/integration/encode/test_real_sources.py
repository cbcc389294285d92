"""Findings on the grids of real series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from dicomnode.encode import encode
from dicomnode.sdk import Segmentation
from tests import cases
from tests.unit.encode.written import of_kind, read

SETS = [
    ("liver-dual-echo-chaos1/inphase", "liver-dual-echo-chaos1/outphase"),
    ("head-ge-pd/pd-ax", "head-ge-pd/pd-ax"),
    ("head-philips-elition/dwi-b0-ax", "head-philips-elition/dwi-b1000-ax"),
    ("head-siemens-repositioned/HFS-t1-sag", "head-siemens-repositioned/HFS-t1-sag"),
    ("head-siemens-repositioned/HFP-t1-sag", "head-siemens-repositioned/HFP-t1-sag"),
]


@pytest.mark.parametrize(("one", "other"), SETS, ids=[one for one, _ in SETS])
def test_a_full_set_of_objects(one: str, other: str, test_data: Path) -> None:
    files, grid = cases.files_of(test_data / one)
    others, other_grid = cases.files_of(test_data / other)
    work = cases.work({"in-phase": files, "opposed-phase": others}, {"in-phase": grid, "opposed-phase": other_grid})
    results = encode(cases.findings(grid.shape), work)
    assert [result.kind for result in results] == [*["SC"] * grid.shape[0], "PM", "SEG", "SR"]
    source = dcmread(files[0], stop_before_pixels=True)
    for result in results:
        dataset = read(result)
        assert dataset.PatientID == source.PatientID
        assert dataset.PatientName == source.PatientName
        assert dataset.StudyInstanceUID == source.StudyInstanceUID


def test_both_echoes_of_one_series_are_kept_apart(test_data: Path) -> None:
    """CHAOS keeps both echoes in one SeriesInstanceUID: every frame must name the slice of its own echo."""
    files, grid = cases.files_of(test_data / "liver-dual-echo-chaos1/inphase")
    others, other_grid = cases.files_of(test_data / "liver-dual-echo-chaos1/outphase")
    work = cases.work({"in-phase": files, "opposed-phase": others}, {"in-phase": grid, "opposed-phase": other_grid})
    (finding,) = [f for f in cases.findings(grid.shape, on="opposed-phase") if isinstance(f, Segmentation)]
    (segmentation,) = of_kind(encode([finding], work), "SEG")
    named = {
        frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for frame in segmentation.PerFrameFunctionalGroupsSequence
    }
    echoes = [dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in others]
    assert named == {echoes[number] for number in np.flatnonzero(finding.labels.any(axis=(1, 2)))}
