"""Turn the inputs of a task into a case directory: volumes and physics, nothing that says whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from dicomnode.dicom import volume
from dicomnode.domain.task import Input
from dicomnode.sdk import wire
from dicomnode.sdk.facts import FactValue
from dicomnode.sdk.spec import ParameterValue
from dicomnode.sdk.volume import Volume


def stage(
    inputs: Sequence[Input],
    files: Mapping[str, Sequence[Path]],
    parameters: Mapping[str, ParameterValue],
    directory: Path,
    facts: Mapping[str, FactValue] | None = None,
) -> None:
    """Decode the inputs and write the case.

    Parameters
    ----------
    files : Mapping[str, sequence of Path]
        Input role to its DICOM files, one for each slice, in slice order.
    directory : Path
        An empty folder.
    facts : Mapping, optional
        What is known of the patient and asked for by the plugin.

    Raises
    ------
    GeometryError
        When the files of an input do not form the volume the task was planned for.
    """
    frames = sorted({entry.frame_of_reference_uid for entry in inputs} - {""})
    labels = {"": "", **dict(zip(frames, ascii_uppercase, strict=False))}
    volumes = {}
    for entry in inputs:
        array, acquisition = volume.read(files[entry.role], entry.geometry, entry.frames)
        volumes[entry.role] = Volume(
            array=array,
            affine=np.array(entry.geometry.affine(), dtype=np.float64),
            frame=labels[entry.frame_of_reference_uid],
            acquisition=acquisition,
        )
    wire.write_case(directory, volumes, parameters, facts)
