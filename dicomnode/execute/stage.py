"""Turn the inputs of a task into a case directory: volumes and physics, nothing that says whose they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from dicomnode.dicom import labels as drawn
from dicomnode.dicom import volume
from dicomnode.domain.task import Input
from dicomnode.errors import GeometryError
from dicomnode.execute.anonymous import anonymous
from dicomnode.sdk import wire
from dicomnode.sdk.facts import FactValue
from dicomnode.sdk.labels import Labels
from dicomnode.sdk.spec import ParameterValue
from dicomnode.sdk.volume import Volume


def stage(
    inputs: Sequence[Input],
    files: Mapping[str, Sequence[Path]],
    parameters: Mapping[str, ParameterValue],
    directory: Path,
    facts: Mapping[str, FactValue] | None = None,
    labelled: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Decode the inputs and write the case.

    Parameters
    ----------
    files : Mapping[str, sequence of Path]
        Input role to its DICOM files, one for each slice, in slice order.
    directory : Path
        An empty folder.
    facts : Mapping, optional
        What is known of the patient and asked for by the plugin.
    labelled : Mapping, optional
        The roles that segmentations fill, with the role on whose grid their labels are given.

    Returns
    -------
    dict of str
        The segmentations that cannot be used, by role, with the reason.

    Raises
    ------
    GeometryError
        When the files of an input do not form the volume the task was planned for.
    """
    lies_on = labelled or {}
    images = [entry for entry in inputs if entry.role not in lies_on]
    frames = sorted({entry.frame_of_reference_uid for entry in images} - {""})
    names = {"": "", **dict(zip(frames, ascii_uppercase, strict=False))}
    volumes = {}
    for entry in images:
        array, acquisition = volume.read(files[entry.role], entry.geometry, entry.frames)
        volumes[entry.role] = Volume(
            array=array,
            affine=np.array(entry.geometry.affine(), dtype=np.float64),
            frame=names[entry.frame_of_reference_uid],
            acquisition=acquisition,
        )
    wire.write_case(directory, volumes, parameters, facts)
    geometry = {entry.role: entry.geometry for entry in images}
    found: dict[str, Labels] = {}
    left_out: dict[str, str] = {}
    for entry in inputs:
        if on := lies_on.get(entry.role):
            try:
                labels, segments = drawn.read(files[entry.role][0], geometry[on])
            except GeometryError as error:
                left_out[entry.role] = str(error)
            else:
                told = tuple(anonymous(segment, entry.instances[0].header.patient) for segment in segments)
                found[entry.role] = Labels(on=on, array=labels, segments=told)
    if found or left_out:
        wire.write_segmentations(directory, found, left_out)
    return left_out
