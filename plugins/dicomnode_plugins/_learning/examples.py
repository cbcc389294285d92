"""What networks see of labelled exams: prepared arrays by name, stacked in the order of a network's channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dicomnode.sdk import Case, Unsuitable
from dicomnode.sdk.cohort import Example
from dicomnode_plugins._learning.landmark import NotFound
from dicomnode_plugins._learning.nasopharynx import CROPS as GRIDS
from dicomnode_plugins._learning.nasopharynx import NotPrepared
from dicomnode_plugins._learning.nasopharynx import prepare as cropped
from dicomnode_plugins._learning.networks import CROPS


def prepare(case: Case, sequences: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """The sequences that an exam has, on each crop an architecture may ask for: ``narrow_t1``, ``wide_t1`` and so on.

    Raises
    ------
    Unsuitable
        When the nasopharynx is not found, or a sequence cannot be laid on T1.
    """
    there = {name: case.volume(name) for name in sequences if name in case.volumes}
    try:
        return {
            f"{crop}_{sequence}": array
            for crop, grid in GRIDS.items()
            for sequence, array in cropped(there, grid).volumes.items()
        }
    except (NotFound, NotPrepared) as error:
        raise Unsuitable(str(error)) from error


def sequences_of(network: str) -> tuple[str, ...]:
    """What a network sees, by its name, in the order of its channels: ``t1_t2`` sees T1 and T2."""
    return tuple(network.split("_"))


def array_name(architecture: str, sequence: str) -> str:
    """What the prepared array of a sequence is called that an architecture sees."""
    return f"{CROPS[architecture]}_{sequence}"


def having(examples: Sequence[Example], architecture: str, sequences: Sequence[str]) -> list[Example]:
    """The examples that have every one of the sequences."""
    wanted = {array_name(architecture, sequence) for sequence in sequences}
    return [example for example in examples if wanted <= set(example.names())]


def stacked(examples: Sequence[Example], architecture: str, sequences: Sequence[str]) -> np.ndarray[Any, Any]:
    """What a network sees of the examples: (n, sequences, z, y, x) float32."""
    names = [array_name(architecture, sequence) for sequence in sequences]
    arrays = [[example.array(name) for name in names] for example in examples]
    return np.array(arrays, dtype=np.float32)
