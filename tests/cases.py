"""A small task with one finding of every kind, for tests of what becomes of findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from pydicom import Dataset, dcmread

from dicomnode.domain.identity import Digest, digest_of
from dicomnode.domain.stack import Geometry, Vector
from dicomnode.domain.task import ResultKind
from dicomnode.encode import Mode, Work
from dicomnode.sdk import (
    HOT_IRON,
    Code,
    DerivedImage,
    Finding,
    InputRole,
    Layer,
    Measurement,
    Parameter,
    ParametricMap,
    PluginSpec,
    Presentation,
    QualitativeEvaluation,
    Recommendation,
    Registration,
    SecondaryCapture,
    Segment,
    Segmentation,
    codes,
)

TASK_ID: Digest = digest_of(["a task of the tests"])
SPEC = PluginSpec(
    name="fat_fraction",
    version="1.2.0",
    title="Dual-echo signal fat fraction",
    intended_use="tests",
    status="research",
    inputs=(InputRole(role="in-phase", match=()), InputRole(role="opposed-phase", match=())),
    produces=("Segmentation", "Measurement", "QualitativeEvaluation", "ParametricMap", "SecondaryCapture"),
    entry="nowhere:run",
    family=codes.ARTIFICIAL_INTELLIGENCE,
    parameters=(Parameter(name="minimum", default=5.0, unit="%", description="lowest value"),),
)
KINDS: frozenset[ResultKind] = frozenset({"SEG", "PM", "SC", "MR", "REG", "PR", "SR"})
EVERY_KIND: frozenset[ResultKind] = frozenset(get_args(ResultKind))
LIVER = Segment(label="Liver", category=codes.ANATOMICAL_STRUCTURE, type=codes.LIVER, colour=(221, 130, 101))
FOCUS = Segment(label="Focus", category=codes.TISSUE, type=Code("FOCUS", codes.PRIVATE_SCHEME, "Low-fat area"))
FOLD_OVER = Code("FOLD", codes.PRIVATE_SCHEME, "Fold-over possible")
NO = Code("373067005", "SCT", "No")


def work(
    inputs: Mapping[str, Sequence[Path]], geometry: Mapping[str, Geometry], *, mode: Mode = "research", **changes: Any
) -> Work:
    """The task on these files."""
    values: dict[str, Any] = {
        "task_id": TASK_ID, "spec": SPEC, "parameters": {"minimum": 5.0}, "mode": mode, "kinds": KINDS
    }  # fmt: skip
    files = {role: tuple(paths) for role, paths in inputs.items()}
    return Work(**(values | {"inputs": files, "geometry": dict(geometry)} | changes))


def labels(shape: tuple[int, int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """(z, y, x) two blocks without any symmetry; the first and last slice stay empty."""
    slices, rows, columns = shape
    array = np.zeros(shape, np.uint8)
    array[1:-1, 1 : rows // 2, 2 : columns // 3] = 1
    array[1 : max(2, slices // 2), rows // 2 + 1 : rows - 2, columns // 2 : columns - 1] = 2
    return array


def findings(shape: tuple[int, int, int], on: str = "in-phase", other: str = "opposed-phase") -> list[Finding]:
    """One finding of every kind."""
    random = np.random.default_rng(7)
    values = random.normal(20, 12, shape).astype(np.float32)
    values[:, :2] = np.nan
    colours = random.integers(0, 256, (*shape, 3), dtype=np.uint8)
    return [
        Segmentation(on=on, labels=labels(shape), segments=(LIVER, FOCUS)),
        ParametricMap(
            on=on,
            derived_from=(on, other),
            array=values,
            quantity=codes.FAT_FRACTION,
            unit=codes.PERCENT,
            label="FAT FRACTION",
            title="Signal fat fraction",
            value_range=(0.0, 50.0),
            window=(25.0, 50.0),
        ),
        SecondaryCapture(on=on, derived_from=(on, other), frames=colours, title="Fat fraction in colour"),
        Measurement(name=codes.FAT_FRACTION, value=12.3456, unit=codes.PERCENT, of="Liver", derivation=codes.MEDIAN),
        Measurement(name=codes.VOLUME, value=1430.27, unit=codes.CUBIC_CENTIMETER, of="Liver", decimals=0),
        Measurement(name=codes.FAT_FRACTION, value=-1.5, unit=codes.PERCENT, of="Focus", derivation=codes.MEAN),
        Measurement(name=codes.FAT_FRACTION, value=18.254, unit=codes.PERCENT, decimals=1),
        QualitativeEvaluation(name=FOLD_OVER, value=NO, of="Liver"),
        QualitativeEvaluation(name=FOLD_OVER, value="two points cannot tell above 50 %"),
        Recommendation(
            value="Compare with the in-phase image.", reason="The echoes differ.", cautions=("not known: eGFR",)
        ),
    ]


def aligned(shape: tuple[int, int, int], fixed: str = "in-phase", moving: str = "opposed-phase") -> list[Finding]:
    """What a plugin says that lays one input over another: every way of derived image and presentation."""
    random = np.random.default_rng(11)
    gray = Layer(image=fixed, window=(900.0, 1700.0))
    resampled = DerivedImage(
        on=fixed,
        derived_from=(moving,),
        array=random.normal(0.4, 0.2, shape).astype(np.float32),
        title="Resampled",
        window=(0.5, 1.0),
        derivation=codes.SPATIAL_RESAMPLING,
    )
    counts = replace(
        resampled, derived_from=(fixed, moving), array=random.integers(-50, 4000, shape).astype(np.int16), title="Sum"
    )
    hot = Layer(image="Resampled", window=(0.5, 1.0), colours=HOT_IRON)
    return [
        Registration(fixed=fixed, moving=moving, matrix=turned()),
        resampled,
        counts,
        Presentation(title="As it is", base=gray),
        Presentation(title="In colour", base=hot),
        Presentation(title="Laid over", base=gray, overlay=hot, opacity=0.4),
    ]


def turned() -> np.ndarray[Any, np.dtype[np.float64]]:
    """A rigid matrix without any symmetry: 7 degrees about an oblique axis, and a shift."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    angle = np.deg2rad(7)
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    matrix[:3, 3] = 3.0, -4.5, 6.25
    return matrix


def files_of(folder: Path) -> tuple[tuple[Path, ...], Geometry]:
    """Files of a folder that holds one volume, in slice order, and its grid; for real series."""
    headers: list[tuple[Path, Dataset]] = [
        (path, dcmread(path, stop_before_pixels=True)) for path in sorted(folder.iterdir()) if path.is_file()
    ]
    first = headers[0][1]
    row, column = np.asarray(first.ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(row, column)
    headers.sort(key=lambda pair: float(np.dot(normal, np.asarray(pair[1].ImagePositionPatient, float))))
    positions = np.asarray([header.ImagePositionPatient for _, header in headers], float)
    between = float(np.linalg.norm(positions[-1] - positions[0])) / max(1, len(headers) - 1)
    geometry = Geometry(
        shape=(len(headers), int(first.Rows), int(first.Columns)),
        origin=_vector(positions[0]),
        spacing=(between, float(first.PixelSpacing[0]), float(first.PixelSpacing[1])),
        row=_vector(row),
        column=_vector(column),
        normal=_vector(normal),
    )
    return tuple(path for path, _ in headers), geometry


def _vector(values: np.ndarray[Any, np.dtype[np.float64]]) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
