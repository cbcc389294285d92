"""``dicomnode models train`` and ``calibrate``: from labelled exams to a site's own models."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from dicomnode.catalog import models as registry
from dicomnode.catalog import plugins as catalog
from dicomnode.cli import show
from dicomnode.cli.options import ConfigOption, JsonOption, SetOption, open_index, read_settings
from dicomnode.cohort import gather, labels, sources
from dicomnode.errors import ModelRefused, SettingsError, Unsuitable
from dicomnode.execute.workers import Workers
from dicomnode.sdk.cohort import PARTS, Assignment, Part
from dicomnode.sdk.model import Model
from dicomnode.sdk.running import PROGRESS, run_procedure
from dicomnode.sdk.spec import Learning, ParameterValue, PluginSpec, Procedure
from dicomnode.settings import Settings
from dicomnode.store.filesystem import FileStore

_MIB = 1 << 20
_LONGEST_S = 20 * 86400.0
_LOOK_S = 0.5
_VALIDATION = 0.2


class Device(StrEnum):
    """Where networks are trained."""

    CPU = "cpu"
    CUDA = "cuda"


Name = Annotated[str, typer.Argument(help="A plugin with models: 'dicomnode plugins list' shows all.")]
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Folder with the DICOM files of the exams.", exists=True, file_okay=False)
]
StoreOption = Annotated[bool, typer.Option("--store", help="Take the exams from this node's own store instead.")]
LabelsOption = Annotated[
    Path,
    typer.Option(
        "--labels", help="CSV: a column study or patient, a column label, if wanted a column set.", dir_okay=False
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of everything random: the same gives the same.")]
TeacherOption = Annotated[
    str,
    typer.Option(
        "--teacher",
        help="A model that teaches beside the labels, and in their place where there is none: id/version of a card in "
        "models.folder, or the folder that 'models train' left it in.",
    ),
]
WithOption = Annotated[
    list[str] | None,
    typer.Option("--with", help="A parameter of the plugin's: --with epochs=40. Repeatable.", metavar="NAME=VALUE"),
]


def train(
    name: Name,
    table: LabelsOption,
    out: Annotated[Path, typer.Option("--out", help="Folder for the models; made when it is not there.")],
    data: DataOption = None,
    store: StoreOption = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what was broken off.")] = False,
    device: Annotated[Device, typer.Option("--device")] = Device.CPU,
    seed: SeedOption = 0,
    taught_by: TeacherOption = "",
    given: WithOption = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a plugin's models on labelled exams; patients are parted into training and validation."""
    settings = read_settings(config, overrides)
    spec, learning = _learning(name)
    parameters = _parameters(learning.train, given)
    teacher = _teacher(taught_by, learning, settings) if taught_by else None
    out.mkdir(parents=True, exist_ok=True)
    if not resume and (out / "run.json").exists():
        raise SettingsError(f"{out} holds a training already: give --resume to go on with it, or another --out")
    wanted: dict[Part, float] = {"training": 1 - _VALIDATION, "validation": _VALIDATION}
    plan = gather.Plan(spec=spec, rules=settings.roles, wanted=wanted, seed=seed)
    with _workers(spec, learning) as workers:
        with _source(settings, data, store=store) as source, _Bar(quiet=as_json) as bar:
            labelled = _labels(table, unlabelled=teacher is not None)
            cohort = gather.gather(labelled, source, plan, workers, out / "cohort", bar.counted)
        assignment = Assignment(
            examples=cohort.examples,
            parameters=parameters,
            output=out.absolute(),
            seed=seed,
            device="cuda" if device is Device.CUDA else "cpu",
            resume=resume,
            teacher=teacher,
        )
        said = _run(workers, learning.train, assignment, quiet=as_json)
    _tell(out, cohort, said, as_json=as_json)


def calibrate(
    name: Name,
    table: LabelsOption,
    models: Annotated[Path, typer.Option("--models", help="What 'models train' made.", exists=True, file_okay=False)],
    data: DataOption = None,
    store: StoreOption = False,
    seed: SeedOption = 0,
    given: WithOption = None,
    config: ConfigOption = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Freeze cut-offs on exams that no model was trained on; those of the set "test" judge them and choose nothing."""
    settings = read_settings(config, overrides)
    spec, learning = _learning(name)
    parameters = _parameters(learning.calibrate, given)
    labelled = _labels(table)
    wanted: dict[Part, float] = {"calibration": 1.0}
    if any(label.part == "test" for label in labelled):
        wanted["test"] = 0.0  # none is drawn: only what the table names is test
    plan = gather.Plan(spec=spec, rules=settings.roles, wanted=wanted, seed=seed)
    with _workers(spec, learning) as workers:
        with _source(settings, data, store=store) as source, _Bar(quiet=as_json) as bar:
            cohort = gather.gather(labelled, source, plan, workers, models / "calibration-cohort", bar.counted)
        assignment = Assignment(
            examples=cohort.examples,
            parameters=parameters,
            output=models.absolute(),
            seed=seed,
            device="cpu",
            resume=False,
        )
        said = _run(workers, learning.calibrate, assignment, quiet=as_json)
    _tell(models, cohort, said, as_json=as_json)


def _learning(name: str) -> tuple[PluginSpec, Learning]:
    installed = {plugin.name: plugin for plugin in catalog.discover()}
    if name not in installed:
        raise SettingsError(f"no plugin is called {name!r}; 'dicomnode plugins list' shows all")
    spec = installed[name].spec
    if spec is None:
        raise SettingsError(f"plugin {name} is broken: {installed[name].problem}")
    if spec.learning is None:
        able = [n for n, plugin in installed.items() if plugin.spec is not None and plugin.spec.learning is not None]
        raise SettingsError(f"plugin {name} has no models to train; those that have: {', '.join(able) or 'none'}")
    return spec, spec.learning


def _parameters(procedure: Procedure, given: Sequence[str] | None) -> dict[str, ParameterValue]:
    defaults = {parameter.name: parameter.default for parameter in procedure.parameters}
    values: dict[str, ParameterValue] = {}
    for entry in given or ():
        name, equals, text = entry.partition("=")
        if not equals:
            raise SettingsError(f"--with {entry}: write it as NAME=VALUE")
        values[name] = _value(text, defaults.get(name, ""), entry)
    try:
        return procedure.resolve(values)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _value(text: str, default: ParameterValue, entry: str) -> ParameterValue:
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        return type(default)(text)
    except (ValueError, KeyError) as error:
        raise SettingsError(f"--with {entry}: the value must be {type(default).__name__}") from error


def _teacher(said: str, learning: Learning, settings: Settings) -> Model:
    try:
        return registry.teacher(said, settings, learning.teachers, datetime.now(UTC).date()).model
    except ModelRefused as refusal:
        raise SettingsError(f"--teacher: {refusal}") from refusal


def _labels(table: Path, *, unlabelled: bool = False) -> tuple[labels.Label, ...]:
    try:
        return labels.read(table.read_text(encoding="utf-8"), unlabelled=unlabelled)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{table} cannot be read as UTF-8 text: {error}") from error


@contextmanager
def _source(settings: Settings, data: Path | None, *, store: bool) -> Iterator[sources.Source]:
    if (data is None) is not store:
        raise SettingsError("say where the exams are: either --data FOLDER or --store")
    if data is not None:
        yield sources.Folder(data)
        return
    with open_index(settings) as database:
        yield sources.Store(database, FileStore(settings.node.data.absolute() / "store"))


@contextmanager
def _workers(spec: PluginSpec, learning: Learning) -> Iterator[Workers]:
    cores = os.cpu_count() or 1
    preload = (*spec.preload, learning.prepare.partition(":")[0], "dicomnode.execute.stage")
    workers = Workers(processes=cores, preload=preload, threads=cores)
    try:
        yield workers
    finally:
        workers.stop()


def _run(workers: Workers, procedure: Procedure, assignment: Assignment, *, quiet: bool) -> str:
    """Run a procedure in a process of its own and show how far it is; when this process goes, that one goes too.

    Returns what it said last.
    """
    memory_mib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB
    said = assignment.output / PROGRESS
    said.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as threads, _Bar(quiet=quiet) as bar:
        arguments = (run_procedure, procedure.entry, assignment, workers.threads)
        running = threads.submit(workers.run, *arguments, timeout_s=_LONGEST_S, memory_mib=memory_mib)
        try:
            while not wait([running], _LOOK_S).done:
                bar.look(said)
            bar.look(said)
            running.result()
            return bar.last
        except KeyboardInterrupt:
            workers.stop()
            raise
        except Unsuitable as verdict:
            raise SettingsError(str(verdict)) from verdict


class _Bar:
    """A progress bar for people; none beside JSON."""

    def __init__(self, *, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), disable=quiet)
        self._task = self._progress.add_task("starting", total=1.0)
        self.last = ""
        """What a running procedure said last of itself."""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def counted(self, step: str, done: int, total: int) -> None:
        """So many of so many are done."""
        self._progress.update(self._task, description=f"{step}: {done} of {total}", completed=done / total)

    def look(self, said: Path) -> None:
        """Show what a running procedure said last of itself."""
        with suppress(OSError):
            latest = json.loads(said.read_text(encoding="utf-8"))
            self._progress.update(self._task, completed=latest["fraction"], description=latest["step"])
            self.last = str(latest["step"])


def _tell(folder: Path, cohort: gather.Gathered, said: str, *, as_json: bool) -> None:
    sets: list[show.Record] = []
    for part in PARTS:
        if members := [example for example in cohort.examples if example.part == part]:
            positive, patients = sum(m.positive is True for m in members), len({m.patient for m in members})
            counted = {"exams": len(members), "positive": positive, "patients": patients}
            sets.append({"set": part, **counted, "unlabelled": sum(m.positive is None for m in members)})
    left_out: list[show.Record] = [asdict(one) for one in cohort.left_out]
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    if as_json:
        report = {"folder": str(folder), "sets": sets, "left_out": left_out, "files": files, "said": said}
        show.records([report], {}, as_json=True, empty="")
        return
    columns = {"set": "Set", "exams": "Exams", "positive": "Positive", "patients": "Patients", "unlabelled": "No label"}
    show.records(sets, columns, as_json=False, empty="")
    columns = {"line": "Line", "reason": "Left out because"}
    show.records(left_out, columns, as_json=False, empty="No line was left out.")
    typer.echo(said)
    typer.echo(f"{folder}: {', '.join(files)}")
