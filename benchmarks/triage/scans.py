"""What a scanner makes of a synthetic patient: signal on a grid, coil shading, ghost and noise."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.triage.anatomy import Ellipsoid, Vector
from benchmarks.triage.patients import Difficulty, Patient, draw
from benchmarks.triage.physics import PROTOCOLS, SEQUENCES, TISSUES, Protocol, Sequence
from dicomnode.sdk import Volume
from dicomnode_plugins._learning.landmark import NotFound
from dicomnode_plugins._learning.nasopharynx import NARROW, NotPrepared, on_crop, prepare
from dicomnode_plugins._learning.preparation import normalised

_OVERSAMPLING = 2  # thin slices averaged to one


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Axial voxels: shape and spacing (mm) by slice, row and column; slices run from feet to head."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    centre: tuple[float, float, float]
    """x, y, z of the middle, mm."""

    def axes(self, oversampling: int = 1) -> tuple[Vector, Vector, Vector]:
        """Positions along z, y and x, mm."""
        counts = (self.shape[0] * oversampling, *self.shape[1:])
        steps = (self.spacing[0] / oversampling, *self.spacing[1:])
        z, y, x = (
            ((np.arange(count) - (count - 1) / 2) * step + middle).astype(np.float32)
            for count, step, middle in zip(counts, steps, self.centre[::-1], strict=True)
        )
        return z, y, x


CROP = Grid(shape=(14, 40, 40), spacing=(5.0, 2.0, 2.0), centre=(0.0, 1.0, -6.0))
"""What the small networks see."""
WHOLE = Grid(shape=(28, 256, 256), spacing=(5.0, 0.9, 0.9), centre=(0.0, 12.0, -6.0))
"""What a scanner writes."""
HEAD = Grid(shape=(28, 122, 112), spacing=(5.0, 1.8, 1.8), centre=(0.0, 12.0, -6.0))
"""A whole head, just."""
_FAR = Grid(shape=(28, 61, 56), spacing=(5.0, 3.6, 3.6), centre=HEAD.centre)
_NEAR = (slice(4, 24), slice(25, 85), slice(26, 86))  # of HEAD
COARSE = Grid(shape=(28, 128, 128), spacing=(5.0, 1.8, 1.8), centre=(0.0, 12.0, -6.0))
"""The same field of view in a quarter of the time."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exams:
    """A number of exams, prepared as a network sees them."""

    volumes: npt.NDArray[np.float32]
    """(n, 3, z, y, x): T1, T2, contrast-enhanced T1."""
    kinds: npt.NDArray[np.str_]
    lesions: npt.NDArray[np.bool_] | None = None
    """(n, z, y, x): where the recurrence is, as an expert would outline it; None where it was not asked for."""

    @property
    def positive(self) -> npt.NDArray[np.bool_]:
        """Which are recurrences."""
        return self.kinds == "recurrence"


_Made = tuple[np.ndarray, str, np.ndarray | None]


def exams(
    count: int,
    seed: int,
    protocol: str = "base",
    difficulty: Difficulty | None = None,
    grid: Grid = CROP,
    *,
    outlined: bool = False,
) -> Exams:
    """Exams of a cohort; the n-th of a seed is the same patient in every protocol and on every grid."""
    one = partial(_exam, seed, PROTOCOLS[protocol], difficulty or Difficulty(), grid, outlined)
    with ProcessPoolExecutor() as processes:
        return _together(list(processes.map(one, range(count), chunksize=16)))


def _exam(seed: int, protocol: Protocol, difficulty: Difficulty, grid: Grid, outlined: bool, number: int) -> _Made:
    patient = draw(np.random.default_rng((seed, number)), difficulty)
    seen = acquire(render(patient, grid, protocol), grid, protocol, np.random.default_rng((seed, number, 1)))
    volumes = np.stack([normalised(volume.astype(np.float32)) for volume in seen])
    return volumes, patient.kind, lesion(patient, grid) if outlined else None


def prepared(
    count: int, seed: int, protocol: str = "base", difficulty: Difficulty | None = None, *, outlined: bool = False
) -> Exams:
    """As :func:`exams`, but whole heads, prepared as a patient's are; what the preparation refuses is left out."""
    one = partial(_prepared, seed, PROTOCOLS[protocol], difficulty or Difficulty(), outlined)
    with ProcessPoolExecutor() as processes:
        return _together([found for found in processes.map(one, range(count), chunksize=4) if found is not None])


def _prepared(seed: int, protocol: Protocol, difficulty: Difficulty, outlined: bool, number: int) -> _Made | None:
    patient = draw(np.random.default_rng((seed, number)), difficulty)
    seen = acquire(_head(patient, protocol), HEAD, protocol, np.random.default_rng((seed, number, 1)))
    volumes = _volumes(seen, HEAD)
    try:
        found = prepare(volumes, NARROW)
    except (NotFound, NotPrepared):
        return None
    mask = None
    if outlined:
        drawn = replace(volumes["t1"], array=lesion(patient, HEAD).astype(np.float32))
        mask = on_crop(drawn, found.affine, NARROW)
    return np.stack([found.volumes[sequence] for sequence in SEQUENCES]), patient.kind, mask


def _together(made: list[_Made]) -> Exams:
    lesions = [mask for _, _, mask in made if mask is not None]
    return Exams(
        volumes=np.stack([volumes for volumes, _, _ in made]),
        kinds=np.array([kind for _, kind, _ in made]),
        lesions=np.stack(lesions).astype(bool) if lesions else None,
    )


def _head(patient: Patient, protocol: Protocol) -> Vector:
    """Noise-free signal on :data:`HEAD`; far from the nasopharynx in pixels of twice the size, which costs a third."""
    signal = render(patient, _FAR, protocol).repeat(2, axis=2).repeat(2, axis=3)
    z, y, x = (axis[part] for axis, part in zip(HEAD.axes(), _NEAR, strict=True))
    near = Grid(
        shape=(len(z), len(y), len(x)),
        spacing=HEAD.spacing,
        centre=(float(x.mean()), float(y.mean()), float(z.mean())),
    )
    signal[(slice(None), *_NEAR)] = render(patient, near, protocol)
    return signal


def exam(
    number: int, seed: int, protocol: str = "base", grid: Grid = WHOLE, difficulty: Difficulty | None = None
) -> tuple[dict[Sequence, Volume], str]:
    """The series of one patient of a cohort as a plugin is given them, and what the patient has."""
    settings = PROTOCOLS[protocol]
    patient = draw(np.random.default_rng((seed, number)), difficulty or Difficulty())
    seen = acquire(render(patient, grid, settings), grid, settings, np.random.default_rng((seed, number, 1)))
    return _volumes(seen, grid), patient.kind


def head(number: int, seed: int) -> tuple[dict[Sequence, Volume], str]:
    """As :func:`exam`, a whole head as the cohorts of :func:`prepared` have it."""
    patient = draw(np.random.default_rng((seed, number)), Difficulty())
    protocol = PROTOCOLS["base"]
    seen = acquire(_head(patient, protocol), HEAD, protocol, np.random.default_rng((seed, number, 1)))
    return _volumes(seen, HEAD), patient.kind


def _volumes(seen: npt.NDArray[np.uint16], grid: Grid) -> dict[Sequence, Volume]:
    """Stored values (sequence, z, y, x) as a plugin is given them."""
    z, y, x = grid.axes()
    affine = np.diag([*grid.spacing[::-1], 1.0])
    affine[:3, 3] = x[0], y[0], z[0]
    return {
        name: Volume(array=stored.astype(np.float32), affine=affine, frame="A")
        for name, stored in zip(SEQUENCES, seen, strict=True)
    }


def nasopharynx_of(number: int, seed: int, difficulty: Difficulty | None = None) -> Vector:
    """The middle of that patient's nasopharynx, LPS mm: what a landmark should find."""
    patient = draw(np.random.default_rng((seed, number)), difficulty or Difficulty())
    centre = np.array(CROP.centre) @ np.linalg.inv(patient.pose.T) + patient.shift
    return centre.astype(np.float32)


def lesion(patient: Patient, grid: Grid) -> npt.NDArray[np.bool_]:
    """Voxels (z, y, x) at least half of which are recurrence: what an expert would outline."""
    share = {name: np.array([name == "recurrence"], np.float32) for name in patient.tissues}
    thin = _composed(patient, grid, _body(patient, grid), share)[..., 0]
    inside: npt.NDArray[np.bool_] = thin.reshape(grid.shape[0], _OVERSAMPLING, *thin.shape[1:]).mean(1) >= 0.5
    return inside


def render(patient: Patient, grid: Grid, protocol: Protocol) -> Vector:
    """Noise-free signal (sequence, z, y, x)."""
    body = _body(patient, grid)
    signals = {name: np.array(protocol.signal(tissue), np.float32) for name, tissue in patient.tissues.items()}
    image = _composed(patient, grid, body, signals)
    texture = 1 + 0.02 * sum(np.sin(body @ wave[:3] + wave[3]) for wave in patient.texture)
    image *= np.asarray(texture, np.float32)[..., None]
    slices = image.reshape(grid.shape[0], _OVERSAMPLING, *image.shape[1:]).mean(1)
    if protocol.slice_mixing:
        padded = np.pad(slices, ((1, 1), (0, 0), (0, 0), (0, 0)), mode="edge")
        neighbours = 0.5 * (padded[:-2] + padded[2:])
        slices = (1 - protocol.slice_mixing) * slices + protocol.slice_mixing * neighbours
    return np.ascontiguousarray(np.moveaxis(slices, -1, 0))


def _body(patient: Patient, grid: Grid) -> Vector:
    """Where each voxel of thin slices lies in the patient's own space: (z, y, x, 3)."""
    z, y, x = grid.axes(_OVERSAMPLING)
    world = np.stack(np.broadcast_arrays(x[None, None, :], y[None, :, None], z[:, None, None]), -1)
    body: Vector = (world - patient.shift) @ patient.pose.T
    for wave in patient.waves:
        body = body + np.sin(body @ wave[3:6] + wave[6])[..., None] * wave[:3]
    return body


def _composed(patient: Patient, grid: Grid, body: Vector, values: Mapping[str, Vector]) -> Vector:
    """Values (z, y, x, n) by tissue, later structures over earlier ones."""
    pushed = _pushed(body, patient)
    image = np.zeros((*body.shape[:3], len(next(iter(values.values())))), np.float32)
    back = np.linalg.inv(patient.pose)
    for structure in patient.structures:
        box = _box(structure, back, patient.shift, grid.axes(_OVERSAMPLING))
        place = (body if structure.unmoved else pushed)[box]
        inside = _inside(structure, place, grid.spacing[1])
        image[box] += inside[..., None] * (values[structure.tissue] - image[box])
    return image


def _pushed(body: Vector, patient: Patient) -> Vector:
    effect = patient.mass_effect
    if effect is None:
        return body
    away = body - effect.centre
    distance = _length(away) + 1e-3
    relative = distance / effect.reach
    amount = effect.amount / distance * relative * np.exp(0.5 - 0.5 * relative**2)
    pushed: Vector = body - away * amount[..., None]
    return pushed


def _box(structure: Ellipsoid, back: Vector, shift: Vector, axes: tuple[Vector, Vector, Vector]) -> tuple[slice, ...]:
    """The part of the grid that a structure can reach."""
    centre = back @ structure.centre + shift
    reach = float(np.linalg.norm(back, 2) * structure.radii.max()) + 6.0 + structure.edge
    bounds = []
    for n, axis in enumerate(axes):
        first, last = np.searchsorted(axis, (centre[2 - n] - reach, centre[2 - n] + reach))
        bounds.append(slice(int(first), int(last)))
    return tuple(bounds)


def _inside(structure: Ellipsoid, place: Vector, pixel: float) -> Vector:
    """How much of each voxel belongs to an ellipsoid, 0 to its share."""
    offset = place - structure.centre
    if structure.turn is not None:
        offset = offset @ structure.turn
    scaled = offset / structure.radii
    level = _length(scaled) + 1e-5
    slope = _length(scaled / structure.radii) + 1e-5
    depth = level * (level - 1) / slope  # mm outside the surface, to first order
    inside: Vector = np.clip(0.5 - depth / max(structure.edge, pixel), 0, 1) * structure.share
    return inside


def _length(vectors: Vector) -> Vector:
    """Along the last axis, of three; several times faster than a norm."""
    return np.sqrt(np.einsum("...n,...n->...", vectors, vectors))


def acquire(signal: Vector, grid: Grid, protocol: Protocol, random: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Stored values (sequence, z, y, x): shading, a pulsation ghost, Rician noise and a gain for each series."""
    z, y, x = grid.axes()
    along = [(axis - middle) / 70 for axis, middle in zip((z, y, x), grid.centre[::-1], strict=True)]
    common = random.uniform(-1, 1, 6)
    smaller = np.sqrt(np.prod(grid.spacing) / np.prod(CROP.spacing))  # small voxels hold less signal
    snr = random.uniform(*protocol.snr) * max(float(smaller), 0.45)
    sigma = protocol.signal(TISSUES["muscle"])[0] / snr
    return np.stack([_received(volume, along, common, sigma, protocol, random) for volume in signal])


def _received(
    volume: Vector,
    along: list[Vector],
    common: np.ndarray,
    sigma: float,
    protocol: Protocol,
    random: np.random.Generator,
) -> npt.NDArray[np.uint16]:
    coil = common + 0.25 * random.uniform(-1, 1, 6)
    shading = np.ones(volume.shape, np.float32)
    for n, place in enumerate(along):
        profile = 1 + protocol.shading * (coil[n] * place + coil[n + 3] * (place**2 - 0.3))
        shading *= profile.reshape([-1 if axis == n else 1 for axis in range(3)]).astype(np.float32)
    shaded = volume * shading.clip(0.3, 2.5)
    rows = volume.shape[1]
    shaded = shaded + random.uniform(0, 0.04) * np.roll(shaded, int(random.integers(4, rows - 4)), axis=1)
    real, imaginary = sigma * random.standard_normal((2, *volume.shape), dtype=np.float32)
    received = np.hypot(shaded + real, imaginary) * random.uniform(900, 1600)
    return np.clip(np.rint(received), 0, 4095).astype(np.uint16)
