"""How the routing's model comes to be: one network or two, a card that fits the slot, scores as the plugin runs it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dicomnode.catalog import models
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Case
from dicomnode.sdk.model import Model, Weights
from dicomnode.sdk.testing import synthetic_volume
from dicomnode_plugins._learning import weights
from dicomnode_plugins._learning.networks import network
from dicomnode_plugins._learning.training import logits
from dicomnode_plugins.contrast_routing import SLOT, SPEC
from dicomnode_plugins.contrast_routing.learning import prepare, train
from dicomnode_plugins.contrast_routing.scoring import score
from tests.plugins._learning.cohorts import assignment, examples
from tests.plugins._learning.test_course import Saying


@pytest.mark.parametrize(("networks", "files"), [("t1_t2", ["t1_t2"]), ("t1, t2", ["t1", "t2"])])
def test_a_training_leaves_a_card_for_the_slot(networks: str, files: list[str], tmp_path: Path) -> None:
    assert SPEC.learning is not None
    small = {"architecture": "densenet-small", "epochs": 1, "batch": 8, "networks": networks}
    made = examples(tmp_path / "cohort", {"training": 8, "validation": 4}, ("narrow_t1", "narrow_t2"))
    threads = torch.get_num_threads()
    train(assignment(made, tmp_path / "out", **SPEC.learning.train.resolve(small)), Saying())
    torch.set_num_threads(threads)
    found = models.read(tmp_path / "out" / "card.toml")
    assert (found.card.plugin, found.card.slot, sorted(found.card.weights)) == (SPEC.name, SLOT, files)
    (slot,) = SPEC.models
    missing = [name for name in slot.files if name not in files]
    assert not missing or set(slot.instead) <= set(files)


def test_one_network_for_both_sequences_scores_an_exam_and_its_shifted_copies(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = network("densenet-small", 2).eval()
    sha256 = weights.save(net, tmp_path / "both.safetensors")
    files = {"t1_t2": Weights(path=tmp_path / "both.safetensors", sha256=sha256)}
    model = Model(
        id="m", version="1", status="research", architecture="densenet-small", digest="d", files=files
    )  # fmt: skip
    random = np.random.default_rng(0)
    volumes = {name: random.normal(size=(14, 40, 40)).astype(np.float32) for name in ("t2", "t1")}
    found, each = score(model, volumes)
    both = np.stack([volumes["t1"], volumes["t2"]])
    copies = np.stack([both, *(np.roll(both, step, axis) for axis in (2, 3) for step in (1, -1))])
    said = 1 / (1 + np.exp(-logits(net, torch.from_numpy(copies))))
    assert found.probability == pytest.approx(said[0], abs=1e-6)
    assert found.spread == pytest.approx(said.max() - said.min(), abs=1e-6)
    assert each == {}
    two = replace(model, files=dict.fromkeys(("t1", "t2"), files["t1_t2"]))
    with pytest.raises(ValueError, match="belongs to another network"):
        score(two, volumes)


def test_a_labelled_exam_has_its_contrast_and_a_patient_s_does_not() -> None:
    assert SPEC.learning is not None
    assert [role.role for role in SPEC.inputs] == ["t1", "t2"]
    assert [role.role for role in SPEC.learning.inputs] == ["t1c"]
    lump = synthetic_volume((24, 64, 64))
    with pytest.raises(Unsuitable, match="nasopharynx"):
        prepare(Case(volumes={"t1": lump, "t2": lump}))
