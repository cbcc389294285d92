"""Necks that were bent between the two series: what is left of the error, and what becomes of straight ones.

    python -m benchmarks.fusion.necks ROWS [KIND:MAKER:SEED:DEGREES...]
    python -m benchmarks.fusion.necks --summary ROWS

KIND is ``nodding`` (one smooth turn about one axis, growing with the square of the way down) or ``jointed`` (seven
vertebrae that stay rigid, discs that bend, some lateral and axial turning, and soft tissue that goes its own way by
0.8 mm, which no model here can follow); 0 degrees is a straight neck. Rows are kept as by
:mod:`benchmarks.fusion.figures`. A pair costs about 15 CPU seconds, most of them to bend it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.fusion import pairs
from benchmarks.fusion.anatomy import rotation
from benchmarks.fusion.figures import keep, read
from benchmarks.fusion.pairs import Pair
from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import bending
from dicomnode_plugins._imaging.examination import outside
from dicomnode_plugins._imaging.grids import Image, inside, shrink
from dicomnode_plugins._imaging.registration import register

Places = npt.NDArray[np.float64]
"""(n, 3), LPS mm."""
Motion = Callable[[Places], Places]
"""From the bent neck to the straight one."""

SWEEP = (
    *("jointed:philips:2013:3", "jointed:siemens:2014:3", "jointed:philips:2011:5", "jointed:siemens:2013:5"),
    *("jointed:siemens:2015:-8", "nodding:siemens:2012:8", "jointed:philips:2010:10", "jointed:siemens:2010:10"),
    *("jointed:philips:2015:-10", "jointed:siemens:2011:15", "jointed:philips:2012:15", "nodding:philips:2012:15"),
    *(f"nodding:{maker}:{seed}:0" for seed in (2010, 2011, 2013, 2014) for maker in pairs.MAKERS),
)
_TOP, _LOW = -30.0, -60.0
"""LPS z, mm: the head lies above the first, the neck below the second."""
_SOFT = 0.8  # mm


def nodding(degrees: float) -> Motion:
    """Below -30 mm, reaching the full angle 90 mm farther down, about y = 40 mm."""

    def straightened(places: Places) -> Places:
        turn = np.deg2rad(degrees) * np.clip((_TOP - places[:, 2]) / 90, 0, 1) ** 2
        y, z = places[:, 1] - 40, places[:, 2] - _TOP
        turned = (40 + np.cos(turn) * y - np.sin(turn) * z, _TOP + np.sin(turn) * y + np.cos(turn) * z)
        return np.stack([places[:, 0], *turned], 1)

    return straightened


def jointed(seed: int, degrees: float) -> Motion:
    """Seven discs of 8 mm, 18 mm apart, take a seventh of the angle each; the axis keeps its length."""
    random = np.random.default_rng(seed)
    whole = np.array([1, *random.uniform(-0.35, 0.35, 2)]) * degrees
    heights = np.arange(60, -220, -0.5)
    shares = np.stack([np.clip((-21 - 18 * n - heights) / 8, 0, 1) for n in range(7)])
    turns = np.stack([rotation(*(share * whole)) for share in (shares**2 * (3 - 2 * shares)).sum(0) / 7])
    axis = np.array([0, 32.0, 60.0]) + np.vstack([np.zeros(3), np.cumsum(turns @ (0, 0, -0.5), 0)[:-1]])
    waves = [
        (random.uniform(-1, 1, 3) * 2 * np.pi / random.uniform(60, 110), random.uniform(0, 6.28), random.normal(size=3))
        for _ in range(4)
    ]

    def straightened(places: Places) -> Places:
        down = np.clip((60 - places[:, 2]) / 0.5, 0, len(heights) - 2)
        first = down.astype(int)
        arms = np.column_stack([places[:, 0], places[:, 1] - 32, np.zeros(len(places))])
        ends = [axis[n] + (turns[n] @ arms[:, :, None])[:, :, 0] for n in (first, first + 1)]
        share = (down - first)[:, None]
        moved = np.where(places[:, 2:] > 59, places, ends[0] * (1 - share) + ends[1] * share)
        soft = sum(np.sin(places @ wave + phase)[:, None] * way for wave, phase, way in waves)
        return moved + _SOFT / 2 * np.clip((_TOP - places[:, 2:]) / 60, 0, 1) * soft

    return straightened


def bent(volume: Volume, motion: Motion) -> Volume:
    """The volume of a straight neck, bent."""
    image, inverse = Image.of(volume), np.linalg.inv(volume.affine)
    slices, rows, columns = volume.array.shape
    y, x = (axis.ravel().astype(float) for axis in np.indices((rows, columns)))
    values = np.empty_like(volume.array)
    for z in range(slices):
        places = motion(image.places(np.stack([x, y, np.full(x.size, float(z))])).T)
        voxels = inverse[:3, :3] @ places.T + inverse[:3, 3:]
        values[z] = ndimage.map_coordinates(volume.array, voxels[::-1], order=1).reshape(rows, columns)
    return replace(volume, array=values)


def errors(pair: Pair, mrn: Volume, motion: Motion, found: Motion) -> dict[str, float]:
    """Target registration errors, mm, at every 6 mm of the base's body that the overlay covers."""
    small = shrink(Image.of(pair.t1), 6.0)
    places = small.places(np.argwhere(inside(small, 4.0))[:, ::-1].T.astype(float)).T
    straight = places @ pair.truth[:3, :3].T + pair.truth[:3, 3]
    truly = straight.copy()
    for _ in range(60):
        truly -= 0.7 * (motion(truly) - straight)
    image, inverse = Image.of(mrn), np.linalg.inv(mrn.affine)
    voxels = truly @ inverse[:3, :3].T + inverse[:3, 3]
    covered = ((voxels >= 0) & (voxels <= image.size - 1)).all(1)
    covered &= np.linalg.norm(motion(truly) - straight, axis=1) < 0.1
    away = np.linalg.norm(found(places) - truly, axis=1)
    head, neck = (covered & part for part in (places[:, 2] > _TOP, places[:, 2] < _LOW))
    return {
        "mean": float(away[covered].mean()),
        "head": float(away[head].mean()),
        "neck": float(away[neck].mean()),
        "neck p95": float(np.percentile(away[neck], 95)),
        "largest": float(away[covered].max()),
    }


def row(kind: str, maker: str, seed: int, degrees: float) -> dict[str, Any]:
    """Errors before and after, and what the stage says of itself."""
    pair = pairs.make(maker, seed, degrees=5, millimetres=5)
    motion = (nodding(degrees) if kind == "nodding" else jointed(seed, degrees)) if degrees else np.copy
    mrn = bent(pair.mrn, motion) if degrees else pair.mrn
    matrix = register(pair.t1, mrn).matrix
    start = time.process_time()
    found = bending.bending(pair.t1, mrn, matrix)
    seconds = time.process_time() - start
    assert found is not None, "the base shows a neck"

    def rigid(places: Places) -> Places:
        return places @ matrix[:3, :3].T + matrix[:3, 3]

    return {
        "kind": kind,
        "maker": maker,
        "seed": seed,
        "degrees": degrees,
        "seconds": seconds,
        "figures": dict(found.figures),
        "rigid": errors(pair, mrn, motion, rigid),
        "followed": errors(pair, mrn, motion, lambda places: rigid(found.bend.moved(places.T).T)),
    }


def told(entry: dict[str, Any]) -> str:
    """A row in one line."""
    refused = outside(entry["figures"], bending.SOUND)
    parts = [
        f"{part} {entry['rigid'][part]:.2f} -> {entry['followed'][part]:.2f}" for part in ("head", "neck", "largest")
    ]
    return (
        f"{entry['kind']} {entry['maker']} {entry['seed']} {entry['degrees']:4.0f} degrees, mm: {', '.join(parts)}, "
        f"gain {entry['figures'][bending.GAIN]:.4f}, Jacobian {entry['figures'][bending.SHRUNK]:.2f} to "
        f"{entry['figures'][bending.GROWN]:.2f}, {entry['seconds']:.1f} CPU s{', refused' if refused else ''}"
    )


def asked(arguments: Sequence[str]) -> Iterator[tuple[str, str, int, float]]:
    """Kind, maker, seed and degrees."""
    for argument in arguments or SWEEP:
        kind, maker, seed, degrees = argument.split(":")
        yield kind, maker, int(seed), float(degrees)


def main(arguments: Sequence[str]) -> None:
    if arguments[0] != "--summary":
        path = Path(arguments[0])
        made = {(entry["kind"], entry["maker"], entry["seed"], entry["degrees"]) for entry in read(path)}
        for wanted in asked(arguments[1:]):
            if wanted not in made:
                keep(path, row(*wanted))
    for entry in read(Path(arguments[-1] if arguments[0] == "--summary" else arguments[0])):
        print(told(entry))


if __name__ == "__main__":
    main(sys.argv[1:])
