"""What the node knows about a task when it writes the results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from dicomnode.domain.identity import Digest
from dicomnode.domain.stack import Geometry
from dicomnode.domain.task import ResultKind
from dicomnode.sdk.spec import ParameterValue, PluginSpec

Mode: TypeAlias = Literal["research", "clinical"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One task: which plugin ran with which parameters on which images."""

    task_id: Digest
    """Idempotency key; every UID of the results derives from it."""
    spec: PluginSpec
    parameters: Mapping[str, ParameterValue]
    mode: Mode
    inputs: Mapping[str, tuple[Path, ...]]
    """Input role to its DICOM files, one for each slice, in the order of the grid's slices."""
    frames: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Input role to the frame number of each slice in its file; empty where the files are single frames."""
    segmentations: Mapping[str, Path] = field(default_factory=dict)
    """The received segmentations that were used, by role."""
    geometry: Mapping[str, Geometry]
    """Input role to its grid."""
    kinds: frozenset[ResultKind]
    """What to write; what these refer to is written as well."""
    replaces: Path | None = None
    """The report that this task's report takes the place of, where an earlier one has reached a destination."""
