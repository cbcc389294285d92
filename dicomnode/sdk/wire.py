"""The process border: a case goes out as a directory, findings come back in it. JSON and .npy, no pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from dicomnode.errors import BadFinding
from dicomnode.sdk.case import Case
from dicomnode.sdk.facts import FactValue, checked
from dicomnode.sdk.findings import Finding
from dicomnode.sdk.labels import LabelledSegment, Labels
from dicomnode.sdk.model import Model
from dicomnode.sdk.spec import SDK_VERSION, ParameterValue
from dicomnode.sdk.verify import verify
from dicomnode.sdk.volume import Volume

CASE = "case.json"
MODELS = "models.json"
SEGMENTATIONS = "segmentations.json"
FINDINGS = "findings.json"

_LARGEST_ARRAY = 4 << 30
_LARGEST_TEXT = 16 << 20
_KINDS = {kind.__name__: kind for kind in get_args(Finding)}


def write_case(
    directory: Path,
    volumes: Mapping[str, Volume],
    parameters: Mapping[str, ParameterValue],
    facts: Mapping[str, FactValue] | None = None,
) -> None:
    """Write a case: ``case.json`` and one ``.npy`` for each volume."""
    entries = {}
    for role, volume in sorted(volumes.items()):
        name = f"{role}.npy"
        np.save(directory / name, volume.array, allow_pickle=False)
        entries[role] = {
            "array": name,
            "affine": volume.affine.tolist(),
            "unit": volume.unit,
            "frame": volume.frame,
            "acquisition": dict(sorted(volume.acquisition.items())),
        }
    case = {
        "sdk": SDK_VERSION,
        "parameters": dict(sorted(parameters.items())),
        "facts": dict(sorted((facts or {}).items())),
        "volumes": entries,
    }
    _write(directory / CASE, case)


def write_segmentations(directory: Path, segmentations: Mapping[str, Labels], left_out: Mapping[str, str]) -> None:
    """Add the received segmentations of a case: ``segmentations.json`` and one ``.npy`` for each."""
    entries = {}
    for role, labels in sorted(segmentations.items()):
        name = f"{role}.npy"
        np.save(directory / name, labels.array, allow_pickle=False)
        entries[role] = {"array": name, "on": labels.on, "segments": labels.segments}
    _write(directory / SEGMENTATIONS, {"segmentations": entries, "left_out": dict(sorted(left_out.items()))})


def write_models(directory: Path, models: Mapping[str, Model], candidates: Mapping[str, Model]) -> None:
    """Add the models of a case: ``models.json``, which names files of weights and their digests."""
    said = {"models": models, "candidates": candidates}
    _write(directory / MODELS, {kind: {slot: m.to_json() for slot, m in found.items()} for kind, found in said.items()})


def read_case(directory: Path) -> Case:
    """Read what :func:`write_case` wrote.

    Raises
    ------
    OSError, ValueError, KeyError
        When the directory is not a case.
    """
    data = json.loads((directory / CASE).read_text(encoding="utf-8"))
    volumes = {
        role: Volume(
            array=np.load(directory / entry["array"], allow_pickle=False),
            affine=np.array(entry["affine"], dtype=np.float64),
            unit=entry["unit"],
            frame=entry["frame"],
            acquisition=entry["acquisition"],
        )
        for role, entry in data["volumes"].items()
    }
    facts = {name: checked(name, value) for name, value in data.get("facts", {}).items()}
    models = _models(directory / MODELS)
    segmentations, left_out = _segmentations(directory)
    return Case(
        volumes=volumes,
        parameters=data["parameters"],
        facts=facts,
        models=models.get("models", {}),
        segmentations=segmentations,
        left_out=left_out,
        candidates=models.get("candidates", {}),
    )


def _segmentations(directory: Path) -> tuple[dict[str, Labels], dict[str, str]]:
    file = directory / SEGMENTATIONS
    if not file.exists():
        return {}, {}
    said = json.loads(file.read_text(encoding="utf-8"))
    labels = {
        role: Labels(
            on=entry["on"],
            array=np.load(directory / entry["array"], allow_pickle=False),
            segments=tuple(_built(LabelledSegment, segment, directory) for segment in entry["segments"]),
        )
        for role, entry in said["segmentations"].items()
    }
    return labels, said["left_out"]


def _models(file: Path) -> dict[str, dict[str, Model]]:
    if not file.exists():
        return {}
    said = json.loads(file.read_text(encoding="utf-8"))
    return {kind: {slot: Model.from_json(model) for slot, model in found.items()} for kind, found in said.items()}


def write_findings(directory: Path, findings: Sequence[Finding]) -> None:
    """Write findings: ``findings.json`` and one ``.npy`` for each array.

    Raises
    ------
    BadFinding
        When it is not a sequence of findings, or holds what neither JSON nor an array file can.
    """
    if not isinstance(findings, Sequence):
        raise BadFinding(f"the plugin returned a {type(findings).__name__}, not a list of findings")
    entries = []
    for number, finding in enumerate(findings):
        if _KINDS.get(type(finding).__name__) is not type(finding):
            raise BadFinding(f"finding {number} is a {type(finding).__name__}, which is not a kind of finding")
        try:
            entries.append(_entry(directory, number, finding))
        except (TypeError, ValueError) as error:
            raise BadFinding(f"finding {number} ({type(finding).__name__}) cannot be written: {error}") from error
    _write(directory / FINDINGS, entries)


def read_findings(directory: Path, case: Case) -> list[Finding]:
    """Read and verify what a plugin wrote.

    Raises
    ------
    BadFinding
        When it is missing, not readable, or says something the node cannot write; the message names the finding.
    """
    path = directory / FINDINGS
    if not path.exists():
        raise BadFinding("the plugin ended without writing findings")
    if not _is_plain_file(path) or path.stat().st_size > _LARGEST_TEXT:
        raise BadFinding(f"{FINDINGS} is not a file of at most {_LARGEST_TEXT >> 20} MiB")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise BadFinding(f"{FINDINGS} cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise BadFinding(f"{FINDINGS} is not a list")
    findings = [_read(directory, number, entry) for number, entry in enumerate(entries)]
    verify(findings, case)
    return findings


def _entry(directory: Path, number: int, finding: Finding) -> dict[str, Any]:
    """A finding as JSON-safe data; its arrays go into files."""
    entry: dict[str, Any] = {"kind": type(finding).__name__}
    for field in fields(finding):
        value = getattr(finding, field.name)
        if isinstance(value, np.ndarray):
            name = f"finding-{number}-{field.name}.npy"
            np.save(directory / name, value, allow_pickle=False)
            value = name
        entry[field.name] = value
    plain: dict[str, Any] = json.loads(_json(entry))
    return plain


def _read(directory: Path, number: int, entry: Any) -> Finding:
    kind = entry.get("kind") if isinstance(entry, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BadFinding(f"finding {number} is of kind {kind!r}, which is not a kind of finding")
    said = {name: value for name, value in entry.items() if name != "kind"}
    try:
        finding: Finding = _built(_KINDS[kind], said, directory)
    except (TypeError, ValueError, OSError, OverflowError) as error:
        raise BadFinding(f"finding {number} ({kind}) cannot be read: {error}") from error
    return finding


def _built(wanted: Any, value: Any, directory: Path) -> Any:
    """What a JSON value stands for, strictly of the type a field is annotated with."""
    origin, parts = get_origin(wanted), get_args(wanted)
    if is_dataclass(wanted):
        return _dataclass(wanted, value, directory)
    if origin is np.ndarray:
        return _array(directory, value)
    if origin is tuple and isinstance(value, list):
        kinds = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return tuple(_built(kind, part, directory) for kind, part in zip(kinds, value, strict=True))
    if origin is Literal and value in parts:
        return value
    if origin is Mapping and isinstance(value, dict):
        return {_built(parts[0], name, directory): _built(parts[1], part, directory) for name, part in value.items()}
    if origin is UnionType:
        wanted = next((kind for kind in parts if is_dataclass(kind) == isinstance(value, dict)), None)
        return None if value is None and type(None) in parts else _built(wanted, value, directory)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise TypeError(f"{value!r:.60} is not a {getattr(wanted, '__name__', wanted)}")
    return value


def _dataclass(wanted: Any, value: Any, directory: Path) -> Any:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r:.60} is not a {wanted.__name__}")
    hints, built = get_type_hints(wanted), {}
    if unknown := sorted(set(value) - set(hints)):
        raise TypeError(f"a {wanted.__name__} has no {', '.join(unknown)}")
    for name, part in value.items():
        try:
            built[name] = _built(hints[name], part, directory)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
    return wanted(**built)


def _array(directory: Path, name: Any) -> npt.NDArray[Any]:
    """An array of the case directory, and of no other place a name or a link may lead to."""
    path = directory / str(name)
    if path.parent != directory or path.is_symlink():
        raise ValueError("an array lies outside the case directory")
    if not _is_plain_file(path):
        raise ValueError(f"there is no array {name!r}")
    mapped = np.lib.format.open_memmap(path, mode="r")  # never opens a pickle, never allocates more than there is
    if mapped.nbytes > _LARGEST_ARRAY:
        raise ValueError(f"an array of {mapped.nbytes >> 20} MiB is too large")
    array: npt.NDArray[Any] = np.array(mapped)
    return array


def _is_plain_file(path: Path) -> bool:
    """Neither a link to somewhere else nor a pipe that never answers."""
    return path.is_file() and not path.is_symlink()


def _write(path: Path, data: Any) -> None:
    """Write JSON whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(_json(data), encoding="utf-8")
    fresh.replace(path)


def _json(data: Any) -> str:
    return json.dumps(data, default=_plain, indent=1)


def _plain(value: Any) -> Any:
    """Values that JSON does not know: numpy scalars and our own dataclasses."""
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
