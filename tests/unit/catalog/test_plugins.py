"""Which plugins are installed, sound, and allowed here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dicomnode.catalog.plugins import Installed, discover, enabled
from dicomnode.errors import SettingsError
from dicomnode.sdk.model import ModelSlot
from dicomnode.sdk.spec import Parameter, PluginSpec
from dicomnode.settings import NodeSettings, PluginSettings, Settings
from tests.plugin_zoo import SPEC


def _install(folder: Path, entries: str, monkeypatch: pytest.MonkeyPatch, name: str = "third_party") -> None:
    """A distribution as pip leaves it, on the path of this process and of its children."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dicomnode.plugins]\n{entries}\n")
    monkeypatch.syspath_prepend(str(folder))
    root = str(Path(__file__).resolve().parents[3])
    paths = [str(folder), root, str(Path(root) / "plugins")]
    monkeypatch.setenv("PYTHONPATH", ":".join(paths))


def _found(name: str) -> list[Installed]:
    return [plugin for plugin in discover() if plugin.name == name]


def test_a_sound_plugin_is_found_and_never_imported_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sound.py").write_text("from tests.plugin_zoo import SPEC\nprint('hello')\n")
    _install(tmp_path, "zoo = sound:SPEC", monkeypatch)
    (found,) = _found("zoo")
    assert (found.spec, found.problem, found.distribution) == (SPEC, "", "third_party 1.0")
    assert "sound" not in sys.modules


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("import not_there", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "ends the process"),
        ("import os; os._exit(0)", "ends the process"),
        ("SPEC = 7", "SPEC is a int, not a PluginSpec"),
        ("", "has no attribute 'SPEC'"),
    ],
)
def test_a_broken_plugin_is_reported_and_hides_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, says: str
) -> None:
    (tmp_path / "broken.py").write_text(module)
    _install(tmp_path, "a_broken_one = broken:SPEC\nzoo = tests.plugin_zoo:SPEC", monkeypatch)
    (broken,), (sound,) = _found("a_broken_one"), _found("zoo")
    assert broken.spec is None
    assert says in broken.problem
    assert sound.spec == SPEC


def test_a_name_claimed_twice_is_given_to_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path / "a", "zoo = tests.plugin_zoo:SPEC", monkeypatch, name="first")
    _install(tmp_path / "b", "zoo = tests.plugin_zoo:SPEC", monkeypatch, name="second")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}:{Path(__file__).resolve().parents[3]}")
    found = _found("zoo")
    assert [plugin.spec for plugin in found] == [None, None]
    assert {plugin.problem for plugin in found} == {
        "2 distributions bring a plugin of this name; uninstall all but one"
    }


def test_an_entry_point_and_its_specification_have_one_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "other = tests.plugin_zoo:SPEC", monkeypatch)
    (found,) = _found("other")
    assert found.problem == "its specification is called 'zoo', its entry point 'other'"


def _installed(spec: PluginSpec | None = SPEC, problem: str = "") -> tuple[Installed, ...]:
    return (Installed(name="zoo", distribution="x 1", spec=spec, problem=problem),)


def _with_parameter() -> PluginSpec:
    parameter = Parameter(name="gate", default=5.0, description="", minimum=1.0, maximum=9.0)
    return PluginSpec.from_json({**SPEC.to_json(), "parameters": [parameter_fields(parameter)]})


def parameter_fields(parameter: Parameter) -> dict[str, object]:
    return {name: getattr(parameter, name) for name in Parameter.__dataclass_fields__}


def _site(**plugins: PluginSettings) -> Settings:
    return Settings(plugins=plugins)


def test_an_installed_plugin_runs_unless_it_is_switched_off() -> None:
    assert enabled(_installed(), _site()).keys() == {"zoo"}
    assert enabled(_installed(), _site(zoo=PluginSettings(enabled=False))) == {}


def test_parameters_of_the_site_lie_over_the_defaults() -> None:
    site = _site(zoo=PluginSettings(parameters={"gate": 7}))
    assert enabled(_installed(_with_parameter()), site)["zoo"].parameters == {"gate": 7.0}
    assert enabled(_installed(_with_parameter()), _site())["zoo"].parameters == {"gate": 5.0}


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"gate": 10}, r"gate must lie in \[1.0, 9.0\], got 10.0"),
        ({"gate": "x"}, "gate must be float"),
        ({"gaet": 1}, "zoo has no parameter gaet; it has gate"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(parameters: dict[str, float | str], says: str) -> None:
    with pytest.raises(SettingsError, match=f"plugins.zoo.parameters: .*{says}"):
        enabled(_installed(_with_parameter()), _site(zoo=PluginSettings(parameters=parameters)))


def test_settings_for_what_is_not_installed_or_not_sound_are_mistakes() -> None:
    with pytest.raises(SettingsError, match=r"plugins\.zou: not installed; installed are zoo"):
        enabled(_installed(), _site(zou=PluginSettings()))
    with pytest.raises(SettingsError, match=r"plugins\.zoo: cannot be enabled: it is broken"):
        enabled(_installed(None, "it is broken"), _site(zoo=PluginSettings()))
    assert enabled(_installed(None, "it is broken"), _site()) == {}


def test_clinical_mode_runs_validated_plugins_only() -> None:
    clinical = Settings(node=NodeSettings(mode="clinical"))
    assert enabled(_installed(), clinical) == {}
    asked = Settings(node=NodeSettings(mode="clinical"), plugins={"zoo": PluginSettings()})
    with pytest.raises(SettingsError, match="its status is 'research'"):
        enabled(_installed(), asked)


def test_what_a_plugin_writes_to_standard_output_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loud.py").write_text("import os\nos.write(1, b'{hello}\\n')\nfrom tests.plugin_zoo import SPEC\n")
    _install(tmp_path, "zoo = loud:SPEC", monkeypatch)
    (found,) = _found("zoo")
    assert found.spec == SPEC


def test_a_hanging_plugin_is_reported_and_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dicomnode.catalog.plugins._PROBE_TIMEOUT_S", 6.0)
    (tmp_path / "hanging.py").write_text("import time\ntime.sleep(600)\n")
    _install(tmp_path, "a_hanging_one = hanging:SPEC\nzoo = tests.plugin_zoo:SPEC", monkeypatch)
    found = {plugin.name: plugin for plugin in discover()}
    assert found["a_hanging_one"].problem == "its import ends the process or does not end at all"
    assert found["zoo"].spec == SPEC


def test_the_example_plugin_is_found_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(__file__).resolve().parents[3]
    _install(tmp_path, "signal_statistics = signal_statistics:SPEC", monkeypatch)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{root}:{root / 'examples' / 'third-party-plugin'}")
    (found,) = _found("signal_statistics")
    assert found.problem == ""
    assert found.spec is not None
    assert found.spec.title == "Signal statistics"


def test_a_plugin_with_slots_is_as_valid_as_its_models(tmp_path: Path) -> None:
    slotted = replace(SPEC, models=(ModelSlot(name="main", description="speaks", files=("t1",)),))
    installed = [Installed(name="zoo", distribution="tests", spec=slotted, folder=tmp_path)]
    clinical = Settings(node=NodeSettings(mode="clinical"))
    assert enabled(installed, clinical) == {}
    assert enabled(installed, Settings()) == {}, "nor in research: its own model has seen phantoms only"
    assert list(enabled(installed, Settings(plugins={"zoo": PluginSettings()}))) == ["zoo"]
    named = clinical.model_copy(update={"plugins": {"zoo": PluginSettings()}})
    assert "no model is named" in enabled(installed, named)["zoo"].filled.refused[0]
    smuggled = Settings(plugins={"zoo": PluginSettings(parameters={"model.main": "x"})})
    with pytest.raises(SettingsError, match=r"say it as plugins\.zoo\.models"):
        enabled(installed, smuggled)
