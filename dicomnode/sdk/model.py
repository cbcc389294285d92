"""A model in a plugin's slot: weights by name with their digests, what they are for, and where their decisions part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

ModelStatus = Literal["demonstration", "research", "validated"]

PARAMETER = "model."
"""Begins the name of the parameter that says which model a task runs with: ``model.SLOT``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSlot:
    """A place for a model in a plugin: a site says which card fills it."""

    name: str
    """Lower-case letters, digits, hyphens."""
    description: str
    files: tuple[str, ...]
    """Names of the weights that the model must bring; it may bring more."""
    instead: tuple[str, ...] = ()
    """Names of weights that it may bring in place of all of ``files``; empty: there is no other way."""
    cutoffs: tuple[str, ...] = ()
    """Names of the cut-offs it must bring."""
    demonstration: str = ""
    """Card that fills it in research mode where the site names none: a path below the plugin's package."""
    optional: bool = False
    """The plugin also runs where nothing fills it. Only a card that the site names does; ``demonstration`` names the
    one above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One file of weights."""

    path: Path
    sha256: str
    """Lower-case hexadecimal. Whoever loads the file holds it against this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The images a model may speak about; what lies outside is refused, not extrapolated."""

    field_strength: tuple[float, float] = (0.0, 20.0)
    """T, from and to."""
    slice_spacing: float = 7.0
    """Largest distance between slices, mm."""
    pixel_spacing: float = 1.3
    """Largest distance between rows and columns, mm."""
    fewest_slices: int = 16
    fat_saturated: Mapping[str, bool] = field(default_factory=dict)
    """Input role to whether its fat is suppressed; a role that is not named may be either."""
    echo_time: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Input role to its echo time, ms, from and to."""
    body_parts: tuple[str, ...] = ()
    """Body Part Examined; empty admits any, and what no header says is never refused by it."""
    age: tuple[float, float] = (18.0, 120.0)
    """Years, stated for the reader: a plugin is not told the patient's age."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model as a plugin is given it."""

    id: str
    version: str
    status: ModelStatus
    architecture: str
    digest: str
    """SHA-256 over all that its answers follow from: weights, architecture, cut-offs, domain."""
    files: Mapping[str, Weights]
    cutoffs: Mapping[str, float] = field(default_factory=dict)
    calibration: str = ""
    """Digest of the exams that the cut-offs were frozen on."""
    domain: Domain = field(default_factory=Domain)
    statement: str = ""
    """What it was trained on."""

    @property
    def name(self) -> str:
        """Its id, version and digest in one line: the value of the task's parameter."""
        return f"{self.id} {self.version} sha256:{self.digest}"

    def to_json(self) -> dict[str, Any]:
        """The model as JSON-safe data."""
        data = asdict(self)
        data["files"] = {name: {**entry, "path": str(entry["path"])} for name, entry in data["files"].items()}
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Model:
        """Rebuild a model; the inverse of :meth:`to_json`, through JSON text."""
        said = data["domain"]
        domain = Domain(
            **{
                **said,
                "field_strength": tuple(said["field_strength"]),
                "age": tuple(said["age"]),
                "body_parts": tuple(said["body_parts"]),
                "echo_time": {role: tuple(times) for role, times in said["echo_time"].items()},
            }
        )
        files = {name: Weights(path=Path(w["path"]), sha256=w["sha256"]) for name, w in data["files"].items()}
        return cls(**{**data, "files": files, "domain": domain})
