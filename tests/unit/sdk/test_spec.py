"""A specification is data that can be trusted: checked when it is made, unchanged by its way through JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dicomnode.sdk import (
    SDK_VERSION,
    Code,
    InputRole,
    Learning,
    Match,
    ModelSlot,
    Parameter,
    PluginSpec,
    Procedure,
    Resources,
)
from dicomnode.sdk.spec import labelled

IN_PHASE = InputRole(role="in_phase", match=(Match(keyword="Role", op="eq", value="in-phase"),))
OPPOSED = InputRole(
    role="opposed_phase",
    match=(Match(keyword="ScanOptions", op="excludes", value=("FS", "SPIR")),),
    same_grid_as="in_phase",
)
SPEC = PluginSpec(
    name="fat_fraction",
    version="1.2.3",
    title="Fat fraction",
    intended_use="tests",
    status="research",
    inputs=(IN_PHASE, OPPOSED),
    produces=("ParametricMap",),
    entry="package.module:run",
    family=Code("123110", "DCM", "Artificial Intelligence"),
    parameters=(
        Parameter(name="gate", default=5.0, description="", minimum=1.0, maximum=9.0),
        Parameter(name="count", default=3, description=""),
        Parameter(name="on", default=True, description=""),
    ),
    resources=Resources(cpus=2, timeout_s=1.5),
    preload=("numpy",),
    warm="package.module:warm",
    learning=Learning(
        prepare="package.learning:prepare",
        train=Procedure(
            entry="package.learning:train", parameters=(Parameter(name="epochs", default=3, description=""),)
        ),
        calibrate=Procedure(entry="package.learning:calibrate"),
        inputs=(InputRole(role="later", match=(Match(keyword="Modality", op="in", value=("MR", "CT")),)),),
        teachers=("elder",),
    ),
)


def test_it_survives_json_unchanged() -> None:
    slot = ModelSlot(name="main", description="", files=("a", "b"), instead=("c",), cutoffs=("first",))
    for spec in (SPEC, replace(SPEC, models=(slot,))):
        assert PluginSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_a_specification_from_before_models_could_be_taught_is_read() -> None:
    older = {name: value for name, value in replace(SPEC, learning=None).to_json().items() if name != "learning"}
    assert PluginSpec.from_json(older) == replace(SPEC, learning=None)


def test_a_procedure_names_its_entry_and_its_parameters() -> None:
    with pytest.raises(ValueError, match="entry must be"):
        Procedure(entry="train")
    assert SPEC.learning is not None
    assert SPEC.learning.train.resolve({"epochs": 7}) == {"epochs": 7}
    with pytest.raises(ValueError, match="calibrate has no parameter rule; it has none"):
        SPEC.learning.calibrate.resolve({"rule": "point"})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Fat Fraction"}, "plugin name must be"),
        ({"name": "../x"}, "plugin name must be"),
        ({"warm": "package.module"}, "entry must be"),
        ({"version": ""}, "a version has 1 to 64 characters"),
        ({"version": "1" * 65}, "a version has 1 to 64 characters"),
        ({"entry": "module"}, "entry must be"),
        ({"sdk": SDK_VERSION + 1}, f"needs SDK {SDK_VERSION + 1}, this node has {SDK_VERSION}"),
        ({"inputs": ()}, "input roles must be there and unique"),
        ({"inputs": (IN_PHASE, IN_PHASE)}, "input roles must be there and unique"),
        ({"inputs": (OPPOSED,)}, "role 'opposed_phase' refers to unknown role 'in_phase'"),
        ({"inputs": (replace(IN_PHASE, role="../x"),)}, "a role must be"),
        ({"inputs": (replace(IN_PHASE, many=True),), "level": "series"}, "its first role cannot take many"),
    ],
)
def test_a_wrong_specification_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(SPEC, **change)


def test_parameters_are_resolved_over_their_defaults() -> None:
    assert SPEC.resolve({"gate": 7}) == {"gate": 7.0, "count": 3, "on": True}
    assert type(SPEC.resolve({"gate": 7})["gate"]) is float


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"gaet": 1.0}, "fat_fraction has no parameter gaet; it has gate, count, on"),
        ({"gate": "5"}, "gate must be float, got '5'"),
        ({"gate": True}, "gate must be float, got True"),
        ({"count": 3.0}, "count must be int"),
        ({"on": 1}, "on must be bool"),
        ({"gate": 0.9}, r"gate must lie in \[1.0, 9.0\], got 0.9"),
        ({"gate": 9.1}, r"gate must lie in \[1.0, 9.0\], got 9.1"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SPEC.resolve(given)


IMAGES = InputRole(role="images", match=())


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ((IMAGES, InputRole(role="mask", match=(), segments_of="other")), "must lie on a required role"),
        ((replace(IMAGES, required=False), InputRole(role="mask", match=(), segments_of="images")), "must lie on"),
        ((replace(IMAGES, many=True), InputRole(role="mask", match=(), segments_of="images")), "must lie on"),
        ((IMAGES, InputRole(role="mask", match=(), segments_of="images", many=True)), "one segmentation of the exam"),
        (
            (IMAGES, InputRole(role="mask", match=(), segments_of="images"), InputRole(role="last", match=())),
            "'last' must stand before",
        ),
    ],
)
def test_a_role_for_a_segmentation_that_could_not_be_filled_in_one_way(
    inputs: tuple[InputRole, ...], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(SPEC, inputs=inputs)


def test_a_role_for_a_segmentation_survives_json() -> None:
    mask = InputRole(role="mask", match=(), required=False, segments_of="images")
    spec = replace(SPEC, inputs=(IMAGES, mask))
    assert PluginSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
    assert labelled(spec) == {"mask": "images"}
