"""Cohorts of noise in which the positive exams hold a bright spot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dicomnode.sdk.cohort import Assignment, Example, Part
from dicomnode.sdk.spec import ParameterValue

SHAPE = (4, 24, 24)


def examples(folder: Path, sizes: dict[Part, int], names: tuple[str, ...], seed: int = 0) -> tuple[Example, ...]:
    """Every other exam is positive; each is of a patient of its own."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Example] = []
    for part, count in sizes.items():
        for number in range(count):
            positive = number % 2 == 0
            arrays = {}
            for name in names:
                array = random.normal(size=SHAPE).astype(np.float32)
                if positive:
                    array[1:3, 8:14, 8:14] += 3.0
                arrays[name] = array
            digest = f"{part}{seed}{number:04}"
            np.savez(folder / f"{digest}.npz", **arrays)  # type: ignore[arg-type]
            file = folder / f"{digest}.npz"
            made.append(Example(file=file, digest=digest, patient=len(made), positive=positive, part=part))
    return tuple(made)


def assignment(made: tuple[Example, ...], output: Path, *, resume: bool = False, **given: ParameterValue) -> Assignment:
    output.mkdir(exist_ok=True)
    return Assignment(examples=made, parameters=given, output=output, seed=3, device="cpu", resume=resume)
