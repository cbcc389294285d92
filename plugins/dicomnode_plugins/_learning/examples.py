"""What networks see of labelled exams: prepared arrays by name, stacked in the order of a network's channels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from dicomnode.sdk import Case, Code, Unsuitable, Volume
from dicomnode.sdk.cohort import Example
from dicomnode_plugins._learning.landmark import NotFound
from dicomnode_plugins._learning.nasopharynx import CROPS as GRIDS
from dicomnode_plugins._learning.nasopharynx import REFERENCE, NotPrepared, on_crop
from dicomnode_plugins._learning.nasopharynx import prepare as cropped
from dicomnode_plugins._learning.networks import CROPS


def prepare(
    case: Case, sequences: Sequence[str], outline: str = "", types: Collection[Code] = ()
) -> dict[str, np.ndarray[Any, Any]]:
    """The sequences that an exam has, on each crop an architecture may ask for: ``narrow_t1``, ``wide_t1`` and so on.

    Parameters
    ----------
    outline : str
        Role of a received segmentation, on the grid of the reference, that is prepared too: ``narrow_gtv``, 1 inside.
        One that does not reach the crop is as if it were not there.
    types : collection of Code
        Which of its segments count.

    Raises
    ------
    Unsuitable
        When the nasopharynx is not found, or a sequence cannot be laid on T1.
    """
    there = {name: case.volume(name) for name in sequences if name in case.volumes}
    mask = _drawn(case, outline, types)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for crop, grid in GRIDS.items():
        try:
            found = cropped(there, grid)
        except (NotFound, NotPrepared) as error:
            raise Unsuitable(str(error)) from error
        arrays |= {f"{crop}_{sequence}": array for sequence, array in found.volumes.items()}
        if mask is not None and (inside := on_crop(mask, found.affine, grid)).any():
            arrays[f"{crop}_{outline}"] = inside
    return arrays


def _drawn(case: Case, outline: str, types: Collection[Code]) -> Volume | None:
    """All segments of these types together, as a volume of 0 and 1 on the reference."""
    received = case.segmentations.get(outline)
    masks = [received.mask(segment) for segment in received.of_type(types)] if received else []
    if not masks:
        return None
    return Volume(array=np.logical_or.reduce(masks).astype(np.float32), affine=case.volume(REFERENCE).affine)


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


def outlined(examples: Sequence[Example], architecture: str, outline: str) -> list[Example]:
    """The examples of which it is known where the lesion is: those with an outline, and those that have no lesion."""
    name = array_name(architecture, outline)
    return [example for example in examples if example.positive is False or name in example.names()]


def with_masks(
    examples: Sequence[Example], architecture: str, sequences: Sequence[str], outline: str
) -> np.ndarray[Any, Any]:
    """What a network sees of the examples, and behind it where the lesion is: (n, sequences + 1, z, y, x) float32.

    Raises
    ------
    Unsuitable
        When an exam that is labelled negative has something outlined.
    """
    name, images = array_name(architecture, outline), stacked(examples, architecture, sequences)
    masks = np.zeros((len(images), 1, *images.shape[2:]), np.float32)
    wrong = 0
    for mask, example in zip(masks, examples, strict=True):
        if name in example.names():
            mask[0] = example.array(name)
            wrong += example.positive is False
    if wrong:
        raise Unsuitable(f"{wrong} exams are labelled negative and have something outlined: which is true?")
    return np.concatenate([images, masks], 1)
