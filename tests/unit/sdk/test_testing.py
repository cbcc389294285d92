"""The conformance suite passes a sound plugin and names what is wrong with any other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dicomnode.errors import BadFinding
from dicomnode.sdk import Case, InputRole, Match, Measurement, Parameter, PluginSpec, codes
from dicomnode.sdk.testing import check_plugin, run_plugin, synthetic_volume

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "third-party-plugin"
HEAD = """
import numpy as np
from dicomnode.sdk import Case, Measurement, Recommendation, Unsuitable, codes
def measured(value): return [Measurement(name=codes.VOLUME, value=value, unit=codes.CUBIC_CENTIMETER)]
"""
GOOD = "def run(case, context): return measured(1.0)"
SPEC = PluginSpec(
    name="patient",
    version="1",
    title="Under test",
    intended_use="tests",
    status="demonstration",
    inputs=(InputRole(role="image", match=(Match(keyword="Modality", op="eq", value="MR"),)),),
    produces=("Measurement",),
    entry="patient_plugin.run:run",
    family=codes.ARTIFICIAL_INTELLIGENCE,
)


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., PluginSpec]]:
    """Write a plugin package and get its specification."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def write(run: str = GOOD, package: str = "", **changes: object) -> PluginSpec:
        folder = tmp_path / "patient_plugin"
        folder.mkdir()
        spec = replace(SPEC, **changes)  # type: ignore[arg-type]
        loaded = f"from dicomnode.sdk import PluginSpec\n{package}\nSPEC = PluginSpec.from_json({spec.to_json()!r})\n"
        (folder / "__init__.py").write_text(loaded)
        (folder / "run.py").write_text(HEAD + run)
        (folder / "model-card.md").write_text("# A card\n")
        return spec

    yield write
    for name in [name for name in sys.modules if name.startswith("patient_plugin")]:
        del sys.modules[name]


def test_a_sound_plugin_conforms(written: Callable[..., PluginSpec]) -> None:
    spec = written()
    check_plugin(spec, Case(volumes={"image": synthetic_volume()}))


def test_a_verdict_is_conforming(written: Callable[..., PluginSpec]) -> None:
    check_plugin(written("def run(case, context): raise Unsuitable('no signal')"))


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ("def run(case, context): return measured(np.random.default_rng().random())", "on noise: two runs differ"),
        ("def run(case, context): return [Recommendation(value='look')]", "returned Recommendation, which its"),
        (
            "def run(case, context): return measured(1 / case.volume('image').array.max().item())",
            "on nothing but zeros",
        ),
        ("def run(case, context): return None", "on noise: BadFinding: the plugin returned a NoneType"),
        ("def run(case, context): raise Unsuitable", "on noise: Unsuitable needs a reason"),
        ("def walk(case, context): return None", "patient_plugin.run:run cannot be imported"),
    ],
)
def test_what_a_plugin_does_wrong_is_named(written: Callable[..., PluginSpec], run: str, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_plugin(written(run))


def test_a_heavy_import_beside_the_specification_is_named(written: Callable[..., PluginSpec]) -> None:
    spec = written(package="import scipy")
    with pytest.raises(AssertionError, match=r"importing patient_plugin imports scipy: import them in "):
        check_plugin(spec)


def test_a_given_case_must_yield_something(written: Callable[..., PluginSpec]) -> None:
    spec = written("def run(case, context): raise Unsuitable('never')")
    with pytest.raises(AssertionError, match="on the given case: it must find something, but said: never"):
        check_plugin(spec, Case(volumes={"image": synthetic_volume()}))


def test_every_broken_rule_is_listed(written: Callable[..., PluginSpec], tmp_path: Path) -> None:
    spec = written(parameters=(Parameter(name="gate", default=5.0, description="", maximum=1.0),))
    (tmp_path / "patient_plugin" / "model-card.md").unlink()
    with pytest.raises(AssertionError, match="defaults do not fit") as raised:
        check_plugin(replace(spec, title="Another"))
    assert "there is no model-card.md beside patient_plugin" in str(raised.value)
    assert "patient_plugin.SPEC is not this specification" in str(raised.value)


def test_a_plugin_runs_through_the_wire(written: Callable[..., PluginSpec]) -> None:
    spec = written("def run(case, context): return measured(np.float32(case.volume('image').array.mean()))")
    volume = synthetic_volume()
    (finding,) = run_plugin(spec, Case(volumes={"image": volume}))
    assert isinstance(finding, Measurement)
    assert type(finding.value) is float
    assert finding.value == volume.array.mean()


def test_what_the_node_would_refuse_is_refused_here(written: Callable[..., PluginSpec]) -> None:
    spec = written("def run(case, context): return measured(float('nan'))")
    with pytest.raises(BadFinding, match="the value is nan"):
        run_plugin(spec, Case(volumes={"image": synthetic_volume()}))


def test_a_synthetic_volume_is_what_it_says() -> None:
    volume = synthetic_volume((5, 40, 30), signal=500.0, noise=10.0, seed=3, acquisition={"EchoTime": 4.6})
    assert volume.array.shape == (5, 40, 30)
    assert volume.spacing == (5.0, 2.0, 2.0)
    assert volume.array[2, 15:25, 10:20].mean() == pytest.approx(500, abs=5)
    assert volume.array[0, 0].mean() == pytest.approx(10 * np.sqrt(np.pi / 2), abs=3)
    np.testing.assert_array_equal(volume.array, synthetic_volume((5, 40, 30), signal=500.0, noise=10.0, seed=3).array)
    assert not synthetic_volume(signal=0.0, noise=0.0).array.any()


def test_the_example_plugin_conforms_and_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from signal_statistics import SPEC as EXAMPLE_SPEC

    case = Case(volumes={"image": synthetic_volume(signal=1000.0)}, parameters=EXAMPLE_SPEC.resolve({}))
    check_plugin(EXAMPLE_SPEC, case)
    mean = run_plugin(EXAMPLE_SPEC, case)[1]
    assert isinstance(mean, Measurement)
    assert mean.value == pytest.approx(1000, abs=2)
