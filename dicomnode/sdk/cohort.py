"""Labelled exams as a plugin's training and calibration are given them: arrays, a class, and no identity."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from dicomnode.sdk.model import Model
from dicomnode.sdk.spec import ParameterValue

COHORT = "cohort.json"

Part: TypeAlias = Literal["training", "validation", "calibration", "test"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One exam: what the networks see of it, and what became of the patient."""

    file: Path
    """``.npz`` with the arrays that the plugin's ``prepare`` made."""
    digest: str
    """Of the images it came from, the plugin and its version; the same exam has the same in every cohort."""
    patient: int
    """Exams of one patient share it; it means nothing outside this cohort."""
    positive: bool | None
    """None where it is not known, in a training with a teacher alone."""
    part: Part

    def names(self) -> tuple[str, ...]:
        """Which arrays there are, sorted."""
        with np.load(self.file, allow_pickle=False) as kept:
            return tuple(sorted(kept.files))

    def array(self, name: str) -> npt.NDArray[np.float32]:
        """One of the arrays.

        Raises
        ------
        KeyError
            When the exam has none of this name; ask :meth:`names` first.
        """
        with np.load(self.file, allow_pickle=False) as kept:
            array: npt.NDArray[np.float32] = kept[name]
        return array


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a training or a calibration is to do; it writes into ``output`` and nowhere else."""

    examples: tuple[Example, ...]
    """In an order that depends on nothing but the exams."""
    parameters: Mapping[str, ParameterValue]
    output: Path
    """A folder that is there. What an earlier call left in it belongs to this one too."""
    seed: int
    device: Literal["cpu", "cuda"]
    resume: bool
    """Go on where an earlier call into this folder was broken off."""
    teacher: Model | None = None
    """A model whose answers are taught beside the labels, and in their place where there is none."""

    def of(self, part: Part) -> tuple[Example, ...]:
        """The examples of one part."""
        return tuple(example for example in self.examples if example.part == part)


def write_cohort(directory: Path, examples: Iterable[Example]) -> None:
    """Write the list of the examples, sorted by digest, beside their files."""
    entries = [
        {
            "file": example.file.name,
            "digest": example.digest,
            "patient": example.patient,
            "positive": example.positive,
            "part": example.part,
        }
        for example in sorted(examples, key=lambda example: example.digest)
    ]
    fresh = directory / f"{COHORT}.new"
    fresh.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    fresh.replace(directory / COHORT)


def read_cohort(directory: Path) -> tuple[Example, ...]:
    """Read what :func:`write_cohort` wrote.

    Raises
    ------
    OSError, ValueError, KeyError
        When the directory is no cohort.
    """
    entries = json.loads((directory / COHORT).read_text(encoding="utf-8"))
    return tuple(Example(**{**entry, "file": directory / entry["file"]}) for entry in entries)
