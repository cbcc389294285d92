"""Which models may speak here, and which are refused, unopened."""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from dicomnode.catalog.models import Filled, Registered, cards, fill, for_task, read, teacher
from dicomnode.errors import ModelRefused
from dicomnode.sdk.model import PARAMETER, ModelSlot
from dicomnode.sdk.spec import PluginSpec
from dicomnode.settings import ModelsSettings, NodeSettings, PluginSettings, Settings
from tests.plugin_zoo import SPEC

TODAY = date(2026, 11, 21)
SLOT = ModelSlot(name="main", description="speaks", files=("t1",), cutoffs=("first",), demonstration="demo/card.toml")
ZOO: PluginSpec = replace(SPEC, models=(SLOT,))
APPROVAL = '[approval]\napprover = "Dr. Ada"\nexpires = 2027-01-01\nplugin_versions = ["1"]\n'


def a_card(folder: Path, **changes: Any) -> Path:
    """A card with weights beside it; ``text`` is appended, the others replace what stands there."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = changes.pop("content", safetensors.numpy.save({"w": np.ones(3, np.float32)}))
    (folder / "t1.safetensors").write_bytes(weights)
    said = {
        "id": "npc",
        "version": "1",
        "plugin": "zoo",
        "slot": "main",
        "architecture": "densenet-small",
        "status": "research",
        "statement": "phantoms",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "cutoffs": {"first": 0.5},
        "text": "",
        **changes,
    }
    lines = [f'{key} = "{said[key]}"' for key in ("id", "version", "plugin", "slot", "architecture", "status")]
    lines += [
        f'statement = "{said["statement"]}"',
        '[weights.t1]\nfile = "t1.safetensors"',
        f'sha256 = "{said["sha256"]}"',
    ]
    lines += ["[cutoffs]", *(f"{name} = {value}" for name, value in said["cutoffs"].items()), said["text"]]
    file = folder / "card.toml"
    file.write_text("\n".join(lines))
    return file


def filled(tmp_path: Path, mode: Any = "research", models: Any = None, candidates: Any = None) -> Filled:
    settings = Settings(node=NodeSettings(mode=mode), models=ModelsSettings(folder=str(tmp_path)))
    site = PluginSettings(models={"main": "npc"} if models is None else models, candidates=candidates or {})
    return fill(ZOO, tmp_path / "package", site, settings, TODAY)


def test_a_card_that_is_named_fills_its_slot(tmp_path: Path) -> None:
    a_card(tmp_path / "npc", text="[domain]\nfield_strength = [1.0, 2.0]\n[domain.fat_saturated]\nt1 = false\n")
    found = filled(tmp_path)
    assert (found.refused, found.warnings) == ((), ())
    model = found.models["main"].model
    assert (model.id, model.version, model.status, model.cutoffs) == ("npc", "1", "research", {"first": 0.5})
    assert model.domain.field_strength == (1.0, 2.0)
    assert model.domain.fat_saturated == {"t1": False}
    assert model.files["t1"].path == tmp_path / "npc" / "t1.safetensors"


def test_the_digest_follows_from_all_that_decides_and_nothing_else(tmp_path: Path) -> None:
    digest = read(a_card(tmp_path / "a")).model.digest
    assert read(a_card(tmp_path / "b", statement="others", text=APPROVAL)).model.digest == digest
    others = [
        a_card(tmp_path / "c", cutoffs={"first": 0.6}),
        a_card(tmp_path / "d", content=safetensors.numpy.save({"w": np.zeros(3, np.float32)})),
        a_card(tmp_path / "e", text="[domain]\nfewest_slices = 20"),
    ]
    assert len({digest, *(read(file).model.digest for file in others)}) == 4


def test_in_research_an_unnamed_slot_takes_the_plugins_demonstration(tmp_path: Path) -> None:
    a_card(tmp_path / "package" / "demo", status="demonstration")
    assert filled(tmp_path, models={}).models["main"].card.status == "demonstration"


def test_clinical_mode_takes_no_model_unasked(tmp_path: Path) -> None:
    a_card(tmp_path / "package" / "demo", status="demonstration")
    (reason,) = filled(tmp_path, "clinical", models={}).refused
    assert reason == "slot main: no model is named: set plugins.zoo.models.main to the id/version of a card"


def test_clinical_mode_takes_a_validated_model(tmp_path: Path) -> None:
    a_card(tmp_path / "npc", status="validated", text=APPROVAL)
    assert filled(tmp_path, "clinical").refused == ()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "demonstration"}, "its status is 'demonstration'; clinical mode runs validated models only"),
        ({"status": "research", "text": APPROVAL}, "its status is 'research'"),
        ({"status": "validated"}, "it is called validated, but has no [approval]"),
        ({"status": "validated", "text": APPROVAL.replace("2027", "2026")}, "it expired on 2026-01-01"),
        (
            {"status": "validated", "text": APPROVAL.replace('["1"]', '["2"]')},
            "validated with 2 of the plugin, this is 1",
        ),
        ({"status": "validated", "text": APPROVAL, "sha256": "0" * 64}, "the card says 0000"),
        ({"slot": "other", "status": "validated", "text": APPROVAL}, "it is for the slot 'other' of zoo"),
        ({"cutoffs": {}, "status": "validated", "text": APPROVAL}, "it has no cut-off first: calibrate it"),
    ],
)
def test_clinical_mode_refuses(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    a_card(tmp_path / "npc", **changes)
    found = filled(tmp_path, "clinical")
    assert found.models == {}
    assert reason in found.refused[0]
    with pytest.raises(ModelRefused, match="slot main"):
        for_task(found, {}, TODAY)


def test_one_changed_byte_is_refused_in_every_mode(tmp_path: Path) -> None:
    a_card(tmp_path / "npc")
    file = tmp_path / "npc" / "t1.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "t1.safetensors has the SHA-256 " in filled(tmp_path).refused[0]


class Payload:
    """A pickle that leaves a mark where it is opened."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def test_a_pickle_is_refused_and_never_opened(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    a_card(tmp_path / "npc", content=pickle.dumps(Payload(mark)))
    assert "t1.safetensors is not a safetensors file; a pickle is never opened" in filled(tmp_path).refused[0]
    assert not mark.exists()
    pickle.loads((tmp_path / "npc" / "t1.safetensors").read_bytes())
    assert mark.exists(), "the payload does work"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[domain]\nplanet = 1", "nothing is called planet"),
        ("[domain]\nfield_strength = 3", "field_strength"),
        ("[weights.t2]\nfile = 'x'\nsha256 = 'short'", "weights.t2.sha256"),
        ("surprise = 1\n[x", "not TOML"),
    ],
)
def test_a_broken_card_says_where(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ModelRefused, match=says):
        read(a_card(tmp_path, text=text))


def test_a_broken_card_hides_no_other(tmp_path: Path) -> None:
    a_card(tmp_path / "npc")
    (tmp_path / "broken.toml").write_text("id = ")
    broken, sound = sorted(cards(str(tmp_path)), key=lambda one: isinstance(one, Registered))
    assert isinstance(broken, ModelRefused)
    assert isinstance(sound, Registered)
    assert filled(tmp_path).refused == ()
    assert "no card 'else' in models.folder; there are npc/1; " in filled(tmp_path, models={"main": "else"}).refused[0]


def test_a_name_of_two_versions_must_say_which(tmp_path: Path) -> None:
    a_card(tmp_path / "one")
    a_card(tmp_path / "two", version="2")
    assert "names several cards: npc/1, npc/2; say id/version" in filled(tmp_path).refused[0]
    assert filled(tmp_path, models={"main": "npc/2"}).models["main"].card.version == "2"


def test_a_candidate_is_tried_beside_the_model_or_warned_of(tmp_path: Path) -> None:
    a_card(tmp_path / "npc")
    a_card(tmp_path / "new", version="2", status="research")
    found = filled(tmp_path, models={"main": "npc/1"}, candidates={"main": "npc/2"})
    models, candidates = for_task(found, {PARAMETER + "main": found.models["main"].model.name}, TODAY)
    assert (models["main"].version, candidates["main"].version) == ("1", "2")
    found = filled(tmp_path, models={"main": "npc/1"}, candidates={"main": "npc/3"})
    assert found.refused == ()
    assert "the candidate is not tried: no card 'npc/3'" in found.warnings[0]


def test_a_task_runs_with_the_model_it_was_made_for_or_not_at_all(tmp_path: Path) -> None:
    a_card(tmp_path / "npc", status="validated", text=APPROVAL)
    found = filled(tmp_path, "clinical")
    parameters = {PARAMETER + "main": found.models["main"].model.name}
    assert for_task(found, parameters, date(2027, 1, 1))[0]["main"].id == "npc"
    with pytest.raises(ModelRefused, match="expired on 2027-01-01"):
        for_task(found, parameters, date(2027, 1, 2))
    with pytest.raises(ModelRefused, match="was made for another"):
        for_task(found, {PARAMETER + "main": "another"}, TODAY)


def test_a_model_crosses_the_border_whole(tmp_path: Path) -> None:
    model = read(a_card(tmp_path, text="[domain.echo_time]\nt1 = [5.0, 20.0]\n")).model
    assert type(model).from_json(json.loads(json.dumps(model.to_json()))) == model


def test_other_weights_may_come_in_place_of_all_of_a_slot_s(tmp_path: Path) -> None:
    a_card(tmp_path / "npc")
    settings = Settings(models=ModelsSettings(folder=str(tmp_path)))
    site = PluginSettings(models={"main": "npc"})
    for instead, refused in (
        (("t1",), ()),
        (("t1", "t2"), ("slot main: npc/1 (card.toml): it has no weights both, nor t1, t2 instead",)),
        ((), ("slot main: npc/1 (card.toml): it has no weights both",)),
    ):
        spec = replace(SPEC, models=(replace(SLOT, files=("both",), instead=instead),))
        assert fill(spec, None, site, settings, TODAY).refused == refused


def test_a_teacher_is_a_card_of_the_site_or_a_folder_and_of_a_plugin_that_may_teach(tmp_path: Path) -> None:
    file = a_card(tmp_path / "npc", text=APPROVAL)
    settings = Settings(models=ModelsSettings(folder=str(tmp_path)))
    found = teacher("npc/1", settings, ("elder", "zoo"), TODAY)
    assert found == teacher(str(file.parent), Settings(), ("zoo",), TODAY)
    assert found.model.name == read(file).model.name
    for said, plugins, says in (
        ("npc/2", ("zoo",), "no card 'npc/2' in models.folder; there are npc/1"),
        ("npc", ("elder",), r"teacher npc/1 \(card.toml\) is a model of zoo; those of elder may teach here"),
        ("npc", (), "is a model of zoo; this plugin's training takes no teacher"),
    ):
        with pytest.raises(ModelRefused, match=says):
            teacher(said, settings, plugins, TODAY)
    (file.parent / "t1.safetensors").write_bytes(pickle.dumps({"w": 1}))
    with pytest.raises(ModelRefused, match=r"teacher npc/1 .* a pickle is never opened"):
        teacher("npc", settings, ("zoo",), TODAY)


def optional(tmp_path: Path, models: dict[str, str], mode: Any = "research") -> Filled:
    """A plugin whose slot may stay empty."""
    more = replace(SLOT, name="more", demonstration="more/card.toml", optional=True)
    settings = Settings(node=NodeSettings(mode=mode), models=ModelsSettings(folder=str(tmp_path / "site")))
    site = PluginSettings(models=models)
    return fill(replace(ZOO, models=(more,)), tmp_path / "package", site, settings, TODAY)


def test_an_optional_slot_stays_empty_where_the_site_names_nothing(tmp_path: Path) -> None:
    a_card(tmp_path / "package" / "more", slot="more", status="demonstration")
    for mode in ("research", "clinical"):
        found = optional(tmp_path, {}, mode)
        assert (found.models, found.refused) == ({}, ())
        assert for_task(found, {PARAMETER + "more": ""}, TODAY) == ({}, {})


def test_the_plugins_own_demonstration_is_named_demonstration(tmp_path: Path) -> None:
    a_card(tmp_path / "package" / "more", slot="more", status="demonstration")
    assert optional(tmp_path, {"more": "demonstration"}).models["more"].card.status == "demonstration"
    (reason,) = optional(tmp_path, {"more": "demonstration"}, "clinical").refused
    assert "its status is 'demonstration'; clinical mode runs validated models only" in reason


def test_a_model_that_is_named_for_an_optional_slot_must_be_sound(tmp_path: Path) -> None:
    a_card(tmp_path / "site" / "npc", slot="more", sha256="0" * 64)
    (reason,) = optional(tmp_path, {"more": "npc"}).refused
    assert "has the SHA-256" in reason
