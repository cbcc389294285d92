"""From a table of labels to a cohort on disk: every line becomes an example, or has a reason why it did not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from dicomnode.cohort.exams import Exam, LeftOut, find, prepare, understand
from dicomnode.cohort.labels import Label
from dicomnode.cohort.parts import split
from dicomnode.cohort.sources import Source
from dicomnode.errors import GeometryError, PluginError, SettingsError, Unsuitable
from dicomnode.execute.workers import Workers
from dicomnode.sdk.cohort import Example, Part, read_cohort, write_cohort
from dicomnode.sdk.spec import PluginSpec
from dicomnode.settings import RoleSettings

LEFT_OUT = "left-out.json"
Watch = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a table of labels amounts to."""

    examples: tuple[Example, ...]
    left_out: tuple[LeftOut, ...]
    """By line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How exams become examples."""

    spec: PluginSpec
    rules: Sequence[RoleSettings]
    """This site's own rules for what a volume is."""
    wanted: Mapping[Part, float]
    """Parts of the data and their shares of the patients, where the table does not say."""
    seed: int


def gather(
    labels: Sequence[Label], source: Source, plan: Plan, workers: Workers, folder: Path, watch: Watch
) -> Gathered:
    """Find, understand, split and prepare the exams of a table; what an earlier call prepared is used again.

    Raises
    ------
    SettingsError
        When no example is left, or the split is impossible.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found, left_out = find(labels, source)
    understood: list[Exam] = []
    for number, (label, known) in enumerate(found, 1):
        one = understand(label, known, source, plan.spec, plan.rules)
        if isinstance(one, Exam):
            understood.append(one)
        else:
            left_out.append(one)
        watch("reading exams", number, len(found))
    chosen = split(understood, plan.wanted, plan.seed) if understood else []
    files = _prepared(chosen, plan.spec, workers, folder, watch)
    left_out += [file for file in files if isinstance(file, LeftOut)]
    left_out.sort(key=lambda one: one.line)
    patients = {patient: number for number, patient in enumerate(sorted({exam.patient for exam in chosen}), 1)}
    examples = [
        _example(exam, file, patients[exam.patient])
        for exam, file in zip(chosen, files, strict=True)
        if isinstance(file, Path)
    ]
    (folder / LEFT_OUT).write_text(json.dumps([asdict(one) for one in left_out], indent=1), encoding="utf-8")
    if not examples:
        raise SettingsError(
            f"none of {len(labels)} lines yields an example; {folder / LEFT_OUT} says why, line by line"
        )
    write_cohort(folder, examples)
    return Gathered(examples=read_cohort(folder), left_out=tuple(left_out))


def _prepared(
    chosen: Sequence[Exam], spec: PluginSpec, workers: Workers, folder: Path, watch: Watch
) -> list[Path | LeftOut]:
    def one(exam: Exam) -> Path | LeftOut:
        try:
            return prepare(exam, spec, workers, folder)
        except (Unsuitable, GeometryError, PluginError) as error:
            return LeftOut(line=exam.label.line, reason=f"{type(error).__name__}: {error}")

    files: list[Path | LeftOut] = []
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for number, file in enumerate(threads.map(one, chosen), 1):
            files.append(file)
            watch("preparing exams", number, len(chosen))
    return files


def _example(exam: Exam, file: Path, patient: int) -> Example:
    assert exam.label.part is not None  # the split gave every exam one
    return Example(file=file, digest=exam.digest, patient=patient, positive=exam.label.positive, part=exam.label.part)
