from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch

from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.densenet import SMALL, DenseNet3D, Layout


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    torch.manual_seed(1)
    saved, loaded = DenseNet3D(SMALL), DenseNet3D(SMALL)
    digest = weights.save(saved, tmp_path / "t1.safetensors")
    assert weights.save(saved, tmp_path / "again.safetensors") == digest
    weights.load(loaded, tmp_path / "t1.safetensors", digest)
    assert all(
        torch.equal(a, b) for a, b in zip(saved.state_dict().values(), loaded.state_dict().values(), strict=True)
    )


def test_one_changed_byte_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t1.safetensors"
    digest = weights.save(DenseNet3D(SMALL), file)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(weights.WeightsRefused, match="its card says"):
        weights.load(DenseNet3D(SMALL), file, digest)


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path(self.path),))  # type: ignore[attr-defined]


def test_a_pickle_is_refused_and_never_run(tmp_path: Path) -> None:
    trap = _Trap()
    trap.path = str(tmp_path / "sprung")  # type: ignore[attr-defined]
    file = tmp_path / "t1.safetensors"
    file.write_bytes(pickle.dumps(trap))
    with pytest.raises(weights.WeightsRefused, match="is not a safetensors file"):
        weights.load(DenseNet3D(SMALL), file, weights.digest(file))
    assert not (tmp_path / "sprung").exists()
    pickle.loads(file.read_bytes())
    assert (tmp_path / "sprung").exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "t1.safetensors"
    digest = weights.save(DenseNet3D(SMALL), file)
    with pytest.raises(weights.WeightsRefused, match="belongs to another network"):
        weights.load(DenseNet3D(Layout(stem=8, growth=4, blocks=(1,))), file, digest)
