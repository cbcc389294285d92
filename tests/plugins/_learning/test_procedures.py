from __future__ import annotations

from dicomnode_plugins._learning.networks import ARCHITECTURES, CROPS
from dicomnode_plugins._learning.procedures import TRAINING, learning
from dicomnode_plugins._learning.training import Recipe


def test_the_defaults_are_the_recipe_of_the_paper() -> None:
    given = {parameter.name: parameter.default for parameter in TRAINING}
    assert given.pop("architecture") == "densenet121"
    assert Recipe(**given) == Recipe()  # type: ignore[arg-type]
    assert (Recipe().epochs, Recipe().batch, Recipe().rate, Recipe().patience, Recipe().least_gain) == (
        100, 12, 1e-3, 5, 1e-4
    )  # fmt: skip


def test_every_architecture_is_named_and_knows_its_crop() -> None:
    (architecture,) = [parameter for parameter in TRAINING if parameter.name == "architecture"]
    assert all(name in architecture.description for name in ARCHITECTURES)
    assert set(CROPS) == set(ARCHITECTURES)


def test_the_entries_are_those_of_the_module() -> None:
    found = learning("package.learning")
    entries = (found.prepare, found.train.entry, found.calibrate.entry)
    assert entries == tuple(f"package.learning:{name}" for name in ("prepare", "train", "calibrate"))
