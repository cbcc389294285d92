"""What plugin authors test with: synthetic volumes, a run through the wire, and the conformance suite."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dicomnode.errors import BrokenPlugin, Unsuitable
from dicomnode.sdk import wire
from dicomnode.sdk.case import Case
from dicomnode.sdk.findings import Finding
from dicomnode.sdk.running import PROGRESS, run_case
from dicomnode.sdk.spec import PluginSpec, member_name
from dicomnode.sdk.verify import declared
from dicomnode.sdk.volume import Volume

HEAVY = ("torch", "scipy", "SimpleITK", "monai", "tensorflow", "pydicom", "highdicom", "pynetdicom", "matplotlib")
"""Libraries that a specification must not import: the node reads it from every plugin at start."""


def synthetic_volume(
    shape: tuple[int, int, int] = (8, 32, 32),
    *,
    signal: float = 1000.0,
    noise: float = 20.0,
    seed: int = 0,
    acquisition: Mapping[str, float | str] | None = None,
) -> Volume:
    """An axial volume, 2 x 2 x 5 mm: an ellipsoid of constant signal in noise; without ``signal`` noise alone.

    Parameters
    ----------
    shape : (slices, rows, columns)
    noise : float
        Standard deviation of the noise in both channels of the magnitude image.
    acquisition : Mapping
        Physics by DICOM keyword, as in :class:`~dicomnode.sdk.volume.Volume`.
    """
    random = np.random.default_rng(seed)
    centred = [np.linspace(-1, 1, size) for size in shape]
    z, y, x = np.meshgrid(*centred, indexing="ij")
    inside = x**2 + y**2 + z**2 < 0.7
    real, imaginary = (random.normal(0, noise, shape) for _ in range(2))
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[:3, 3] = -shape[2], -shape[1], 0.0
    return Volume(
        array=np.hypot(signal * inside + real, imaginary).astype(np.float32),
        affine=affine,
        frame="A",
        acquisition=dict(acquisition or {}),
    )


def run_plugin(spec: PluginSpec, case: Case) -> list[Finding]:
    """Run a plugin in this process, through the files of the process border; its findings are verified.

    Raises
    ------
    Unsuitable
        The plugin's verdict.
    BadFinding
        When it returns what the node could not write, or a kind its specification does not declare.
    """
    findings, _ = _run(spec, case)
    return findings


def check_plugin(spec: PluginSpec, case: Case | None = None) -> None:
    """The conformance suite: everything the node relies on, for one test of a plugin.

    Parameters
    ----------
    case : Case, optional
        A case the plugin must find something in.

    Raises
    ------
    AssertionError
        With one line for each rule that does not hold; the plugin is run once what it says about itself is sound.
    """
    problems = [*_specification(spec), *_package(spec)] or [*_behaviour(spec, case)]
    if problems:
        raise AssertionError("\n".join([f"{spec.name} does not conform:", *(f"- {problem}" for problem in problems)]))


def _specification(spec: PluginSpec) -> Iterator[str]:
    if PluginSpec.from_json(json.loads(json.dumps(spec.to_json()))) != spec:
        yield "the specification changes on its way through JSON: use tuples, texts and numbers only"
    if not spec.produces:
        yield "the specification declares no kind of finding"
    try:
        spec.resolve({})
    except ValueError as error:
        yield f"the defaults do not fit their own bounds: {error}"


def _package(spec: PluginSpec) -> Iterator[str]:
    module = spec.entry.partition(":")[0]
    package = module.rpartition(".")[0] or module
    heavy = _imported_with(package)
    if heavy is None:
        yield f"{package} cannot be imported"
        return
    if heavy:
        yield f"importing {package} imports {', '.join(heavy)}: import them in {module}, which only its process loads"
    imported = importlib.import_module(package)
    if getattr(imported, "SPEC", None) != spec:
        yield f"{package}.SPEC is not this specification"
    if not (Path(imported.__file__ or "").parent / "model-card.md").is_file():
        yield f"there is no model-card.md beside {package}"


def _imported_with(package: str) -> list[str] | None:
    """Heavy libraries that a fresh interpreter has loaded after importing a package; None when it cannot."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {package}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - ours
    return [name for name in HEAVY if name in done.stdout.split()] if done.returncode == 0 else None


def _behaviour(spec: PluginSpec, case: Case | None) -> Iterator[str]:
    cases = {"noise": _case(spec, noise=20.0), "nothing but zeros": _case(spec, noise=0.0)}
    if case is not None:
        cases["the given case"] = case
    for name, entry in cases.items():
        try:
            (_, first), (_, second) = _run(spec, entry), _run(spec, entry)
            if first != second:
                yield f"on {name}: two runs differ; seed what is random, leave out times"
        except Unsuitable as verdict:
            if entry is case:
                yield f"on {name}: it must find something, but said: {verdict}"
            if not str(verdict):
                yield f"on {name}: Unsuitable needs a reason"
        except BrokenPlugin as error:
            yield str(error)
            return
        except Exception as error:  # noqa: BLE001 - the last border: whatever a plugin raises is what is wrong with it
            yield f"on {name}: {type(error).__name__}: {error}; input it cannot work on is Unsuitable"


def _case(spec: PluginSpec, *, noise: float) -> Case:
    volumes = {
        name: synthetic_volume(signal=0.0, noise=noise, seed=number, acquisition={"EchoTime": 2.3 * (number + 1)})
        for number, role in enumerate(spec.inputs)
        if not role.segments_of
        for name in ((member_name(role.role, 1), member_name(role.role, 2)) if role.many else (role.role,))
    }
    return Case(volumes=volumes, parameters=spec.resolve({}))


def _run(spec: PluginSpec, case: Case) -> tuple[list[Finding], dict[str, bytes]]:
    """Findings of a run in a directory of its own, and the files it left."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        wire.write_case(directory, case.volumes, case.parameters, case.facts)
        if case.segmentations or case.left_out:
            wire.write_segmentations(directory, case.segmentations, case.left_out)
        if case.models or case.candidates:
            wire.write_models(directory, case.models, case.candidates)
        run_case(spec.entry, directory, spec.resources.cpus)
        findings = wire.read_findings(directory, case)
        files = {path.name: path.read_bytes() for path in directory.iterdir() if path.name != PROGRESS}
    declared(findings, spec)
    return findings, files
