"""What ONNX Runtime says is what torch says."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from dicomnode_plugins._learning.networks import network
from dicomnode_plugins._learning.onnx import NotInstalled, Session, export
from dicomnode_plugins._learning.training import logits


def test_both_engines_agree_for_any_number_of_exams(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    torch.manual_seed(1)
    small = network("densenet-small").eval()
    export(small, (1, 4, 24, 24), tmp_path / "small.onnx")
    session = Session(tmp_path / "small.onnx", threads=1)
    for exams in (1, 3):
        volumes = np.random.default_rng(exams).normal(size=(exams, 1, 4, 24, 24)).astype(np.float32)
        assert session.logits(volumes) == pytest.approx(logits(small, torch.from_numpy(volumes)), abs=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == ["small.onnx"]


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("onnxscript", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    file = tmp_path / "small.onnx"
    small = network("densenet-small")
    with pytest.raises(NotInstalled, match=r"pip install 'dicomnode\[onnx\]'"):
        export(small, (1, 4, 24, 24), file)
    with pytest.raises(NotInstalled, match=r"pip install 'dicomnode\[onnx\]'"):
        Session(file, threads=1)
