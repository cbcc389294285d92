"""The process border: a case goes out as a directory, findings come back in it. JSON and .npy, no pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dicomnode.errors import BadFinding
from dicomnode.sdk.case import Case
from dicomnode.sdk.codes import Code
from dicomnode.sdk.findings import (
    Finding,
    Measurement,
    ParametricMap,
    QualitativeEvaluation,
    Recommendation,
    SecondaryCapture,
    Segment,
    Segmentation,
)
from dicomnode.sdk.spec import SDK_VERSION, ParameterValue
from dicomnode.sdk.verify import verify
from dicomnode.sdk.volume import Volume

CASE = "case.json"
FINDINGS = "findings.json"


def write_case(directory: Path, volumes: Mapping[str, Volume], parameters: Mapping[str, ParameterValue]) -> None:
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
    _write(directory / CASE, {"sdk": SDK_VERSION, "parameters": dict(sorted(parameters.items())), "volumes": entries})


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
    return Case(volumes=volumes, parameters=data["parameters"])


def write_findings(directory: Path, findings: Sequence[Finding]) -> None:
    """Write findings: ``findings.json`` and one ``.npy`` for each array.

    Raises
    ------
    BadFinding
        When something in the sequence is not a finding.
    """
    entries = []
    for number, finding in enumerate(findings):
        if type(finding) not in _READERS:
            raise BadFinding(f"finding {number} is a {type(finding).__name__}, which is not a kind of finding")
        entry: dict[str, Any] = {"kind": type(finding).__name__}
        for field in fields(finding):
            value = getattr(finding, field.name)
            if isinstance(value, np.ndarray):
                name = f"finding-{number}-{field.name}.npy"
                np.save(directory / name, value, allow_pickle=False)
                value = name
            entry[field.name] = value
        entries.append(entry)
    _write(directory / FINDINGS, entries)


def read_findings(directory: Path, case: Case) -> list[Finding]:
    """Read and verify what a plugin wrote.

    Raises
    ------
    BadFinding
        When it is missing, not readable, or says something the node cannot write; the message names the finding.
    """
    try:
        entries = json.loads((directory / FINDINGS).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadFinding("the plugin ended without writing findings") from error
    except (ValueError, OSError) as error:
        raise BadFinding(f"{FINDINGS} cannot be read: {error}") from error
    if not isinstance(entries, list):
        raise BadFinding(f"{FINDINGS} is not a list")
    findings = [_read(directory, number, entry) for number, entry in enumerate(entries)]
    verify(findings, case)
    return findings


def _read(directory: Path, number: int, entry: Any) -> Finding:
    kind = entry.get("kind") if isinstance(entry, dict) else None
    reader = next((reader for type_, reader in _READERS.items() if type_.__name__ == kind), None)
    if reader is None:
        raise BadFinding(f"finding {number} is of kind {kind!r}, which is not a kind of finding")
    try:
        return reader(directory, {name: value for name, value in entry.items() if name != "kind"})
    except (TypeError, ValueError, KeyError, OSError, EOFError) as error:
        raise BadFinding(f"finding {number} ({kind}) cannot be read: {error}") from error


def _segmentation(directory: Path, entry: dict[str, Any]) -> Finding:
    segments = tuple(
        Segment(
            label=segment["label"],
            category=_code(segment["category"]),
            type=_code(segment["type"]),
            colour=_triple(segment["colour"]),
        )
        for segment in entry["segments"]
    )
    return Segmentation(on=entry["on"], labels=_array(directory, entry["labels"]), segments=segments)


def _measurement(_directory: Path, entry: dict[str, Any]) -> Finding:
    derivation = entry["derivation"]
    coded = {
        "name": _code(entry["name"]),
        "unit": _code(entry["unit"]),
        "derivation": None if derivation is None else _code(derivation),
        "value": float(entry["value"]),
        "decimals": int(entry["decimals"]),
    }
    return Measurement(**{**entry, **coded})


def _evaluation(_directory: Path, entry: dict[str, Any]) -> Finding:
    return QualitativeEvaluation(name=_code(entry["name"]), value=_words(entry["value"]), of=entry["of"])


def _map(directory: Path, entry: dict[str, Any]) -> Finding:
    (low, high), (centre, width) = entry["value_range"], entry["window"]
    rebuilt = {
        "derived_from": tuple(entry["derived_from"]),
        "array": _array(directory, entry["array"]),
        "quantity": _code(entry["quantity"]),
        "unit": _code(entry["unit"]),
        "value_range": (low, high),
        "window": (centre, width),
    }
    return ParametricMap(**{**entry, **rebuilt})


def _capture(directory: Path, entry: dict[str, Any]) -> Finding:
    rebuilt = {"derived_from": tuple(entry["derived_from"]), "frames": _array(directory, entry["frames"])}
    return SecondaryCapture(**{**entry, **rebuilt})


def _recommendation(_directory: Path, entry: dict[str, Any]) -> Finding:
    return Recommendation(value=_words(entry["value"]))


_READERS = {
    Segmentation: _segmentation,
    Measurement: _measurement,
    QualitativeEvaluation: _evaluation,
    ParametricMap: _map,
    SecondaryCapture: _capture,
    Recommendation: _recommendation,
}


def _code(value: Any) -> Code:
    return Code(**value)


def _words(value: Any) -> Code | str:
    return _code(value) if isinstance(value, dict) else str(value)


def _triple(value: Sequence[int]) -> tuple[int, int, int]:
    red, green, blue = map(int, value)
    return red, green, blue


def _array(directory: Path, name: str) -> npt.NDArray[Any]:
    if Path(name).name != name:
        raise ValueError("an array lies outside the case directory")
    array: npt.NDArray[Any] = np.load(directory / name, allow_pickle=False)
    return array


def _write(path: Path, data: Any) -> None:
    text = json.dumps(data, default=_plain, ensure_ascii=False, indent=1, allow_nan=True)
    path.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Values that JSON does not know: numpy scalars and our own dataclasses."""
    if isinstance(value, np.generic):
        return value.item()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
