"""A synthetic dual-echo liver exam with exactly known fat fractions, sound or with one fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dicomnode.demo import anatomy, scanner
from dicomnode.demo.anatomy import Anatomy
from dicomnode.demo.scanner import Echo, Vendor
from dicomnode.domain.stack import Geometry

FloatArray = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

HeaderFault = Literal[
    "missing_ip", "missing_slice", "swapped_te", "label_contradiction", "fat_sat", "shifted_grid", "other_study"
]
"""Leaves the pixels alone."""
ContentFault = Literal[
    "swapped_pixels", "moved_content", "fat_sat_pixels", "fat_sat_ip_pixels", "fat_sat_op_pixels", "scaled_op"
]
"""Leaves the headers alone."""
Fault = HeaderFault | ContentFault
FAULTS: tuple[Fault, ...] = (*get_args(HeaderFault), *get_args(ContentFault))

ECHO_TIMES: Mapping[float, tuple[float, float]] = {1.5: (2.3, 4.6), 3.0: (1.15, 2.3)}
"""Opposed-phase and in-phase echo time, ms, by field strength, T."""

_FAT_SHIFT = 42.577 * 3.4  # Hz/T
_LIVER_SIGNAL = 800.0
_LEAST_SIGNAL = 200.0  # of a region that can be measured
_LEAST_VOXELS = 12
_SUPPRESSED = 0.03  # part of the fat signal that is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """What kind of exam to make."""

    seed: int = 1
    """Equal exams give equal files, UIDs included."""
    shape: tuple[int, int, int] = (30, 192, 256)
    """Slices, rows, columns; the field of view stays, so fewer voxels are larger."""
    field_strength: float = 1.5
    """1.5 or 3 T."""
    vendor: Vendor = "philips"
    one_series: bool = True
    """Both echoes under one Series Instance UID, as Philips and GE write them, or each in its own."""
    liver_fat: float = 22.0
    """Proton density fat fraction of the liver, percent."""
    spared_fat: float = 8.0
    """Proton density fat fraction of the spared area in the liver, percent."""
    r2_star: float = 0.0
    """Of all tissue, 1/s; the true fat fractions include its bias."""
    snr: float = 50.0
    """In-phase signal of the liver over the noise of one channel; infinite for none."""
    zeroed_air: bool = False
    """The console has set the air around the body to zero."""
    fault: Fault | None = None
    """What is wrong with the exam."""

    def __post_init__(self) -> None:
        if self.field_strength not in ECHO_TIMES:
            raise ValueError(f"field strength must be 1.5 or 3 T, not {self.field_strength}")
        if self.fault is not None and self.fault not in FAULTS:
            raise ValueError(f"no such fault: {self.fault}; there are {', '.join(FAULTS)}")
        if self.fault == "label_contradiction" and self.vendor == "ge":
            raise ValueError("a GE dual echo has no labels that could contradict; take siemens or philips")

    @property
    def echo_times(self) -> tuple[float, float]:
        """Of the opposed-phase and the in-phase echo, ms."""
        return ECHO_TIMES[self.field_strength]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """Voxels of one tissue, away from its boundaries."""

    name: str
    fat_fraction: float
    """What a perfect dual-echo measurement reads, percent: more than 50 % of fat fold back."""
    density_fat_fraction: float
    """Proton density fat fraction, percent."""
    mask: Mask
    """(z, y, x) on the grid of the exam."""

    def measured(self, percent: npt.NDArray[np.floating]) -> float:
        """Median of a map over the region; voxels without a value do not count, NaN when there is none."""
        values = percent[self.mask]
        values = values[np.isfinite(values)]
        return float(np.median(values)) if values.size else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What is known of an exam because it was made; a fault does not change it."""

    geometry: Geometry
    """Of the sound exam, slices from feet to head."""
    body: Mask
    """(z, y, x) what is not air around the body."""
    regions: tuple[Region, ...]

    def region(self, name: str) -> Region:
        """The region with a name.

        Raises
        ------
        KeyError
            When there is none.
        """
        for region in self.regions:
            if region.name == name:
                return region
        raise KeyError(f"no region {name!r}; there are {', '.join(region.name for region in self.regions)}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signals:
    """Both echoes as true signal, (z, y, x) float32."""

    opposed: FloatArray
    in_phase: FloatArray


def write_liver_exam(folder: Path, exam: Exam) -> Truth:
    """Write an exam as DICOM files (PS3.10), ``0001.dcm`` and so on, and return what is true of it.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    """
    signals, truth = acquire(exam)
    study = repr(exam)
    opposed, in_phase = (
        Echo(
            pixels=pixels,
            geometry=truth.geometry,
            echo_time=echo_time,
            field_strength=exam.field_strength,
            phase=phase,
            number=number,
            study=study,
            series="dual echo" if exam.one_series else phase,
            frame=study,
            series_number=3 if exam.one_series else 2 + number,
        )
        for number, phase, echo_time, pixels in (
            (1, "opposed-phase", exam.echo_times[0], signals.opposed),
            (2, "in-phase", exam.echo_times[1], signals.in_phase),
        )
    )
    scanner.write(folder, _with_header_fault(opposed, in_phase, exam.fault), exam.vendor, f"PHANTOM-{exam.seed}")
    return truth


def acquire(exam: Exam) -> tuple[Signals, Truth]:
    """The signals of an exam without any file, content faults included, and what is true of it."""
    random = np.random.default_rng(exam.seed)
    geometry = anatomy.grid(exam.shape)
    body = anatomy.build(geometry, random, liver_fat=exam.liver_fat, spared_fat=exam.spared_fat)
    truth = Truth(geometry=geometry, body=body.label > 0, regions=_regions(body, exam))
    fat_in, fat_opposed = _fat_left(exam.fault)
    early, late = exam.echo_times
    opposed = _magnitude(body.water, body.fat * fat_opposed, early, exam)
    in_phase = _magnitude(body.water, body.fat * fat_in, late, exam)
    if exam.fault == "moved_content":
        opposed = np.roll(opposed, (4, 6), axis=(1, 2))
    sigma = _LIVER_SIGNAL / exam.snr
    signals = Signals(
        opposed=_noisy(opposed, sigma, random) * np.float32(1.6 if exam.fault == "scaled_op" else 1.0),
        in_phase=_noisy(in_phase, sigma, random),
    )
    if exam.zeroed_air:
        for image in (signals.opposed, signals.in_phase):
            image[~truth.body] = 0
    if exam.fault == "swapped_pixels":
        signals = Signals(opposed=signals.in_phase, in_phase=signals.opposed)
    return signals, truth


def _fat_left(fault: Fault | None) -> tuple[float, float]:
    """Part of the fat signal in the in-phase and the opposed-phase echo."""
    suppressed = {
        "fat_sat_pixels": (_SUPPRESSED, _SUPPRESSED),
        "fat_sat_ip_pixels": (_SUPPRESSED, 1.0),
        "fat_sat_op_pixels": (1.0, _SUPPRESSED),
    }
    return suppressed.get(fault or "", (1.0, 1.0))


def _magnitude(water: FloatArray, fat: FloatArray, echo_time: float, exam: Exam) -> FloatArray:
    """Signal of a spoiled gradient echo with a single fat line 3.4 ppm from water."""
    turns = _FAT_SHIFT * exam.field_strength * echo_time * 1e-3
    phasor = np.complex64(np.exp(-2j * np.pi * turns))
    decay = np.float32(np.exp(-exam.r2_star * echo_time * 1e-3))
    magnitude: FloatArray = np.abs(water + fat * phasor).astype(np.float32) * decay
    return magnitude


def _noisy(signal: FloatArray, sigma: float, random: np.random.Generator) -> FloatArray:
    """Magnitude of the signal with normal noise in both channels (Rice distribution)."""
    real = random.standard_normal(signal.shape, np.float32)
    imaginary = random.standard_normal(signal.shape, np.float32)
    noisy: FloatArray = np.hypot(signal + np.float32(sigma) * real, np.float32(sigma) * imaginary)
    return noisy


def _regions(body: Anatomy, exam: Exam) -> tuple[Region, ...]:
    found = []
    for number, tissue in enumerate(body.tissues, start=1):
        mask = (body.label == number) & body.pure
        if tissue.signal >= _LEAST_SIGNAL and np.count_nonzero(mask) >= _LEAST_VOXELS:
            fraction = _dual_echo_fat_fraction(tissue.fat, exam)
            found.append(Region(name=tissue.name, fat_fraction=fraction, density_fat_fraction=tissue.fat, mask=mask))
    return tuple(found)


def _dual_echo_fat_fraction(percent: float, exam: Exam) -> float:
    """What 50 (IP - OP) / IP is without noise."""
    fat = np.full(1, percent / 100, np.float32)
    opposed, in_phase = (float(_magnitude(1 - fat, fat, time, exam)[0]) for time in exam.echo_times)
    return 50 * (in_phase - opposed) / in_phase


def _with_header_fault(opposed: Echo, in_phase: Echo, fault: Fault | None) -> list[Echo]:
    """The echoes as they are filed; each fault changes what headers say, never a pixel."""
    match fault:
        case "missing_ip":
            return [opposed]
        case "swapped_te":
            opposed, in_phase = (
                replace(opposed, echo_time=in_phase.echo_time),
                replace(in_phase, echo_time=opposed.echo_time),
            )
        case "label_contradiction":
            opposed, in_phase = replace(opposed, phase=in_phase.phase), replace(in_phase, phase=opposed.phase)
        case "fat_sat":
            in_phase = replace(in_phase, attributes={"ScanOptions": "FS"})
        case "shifted_grid":
            x, y, z = opposed.geometry.origin
            opposed = replace(opposed, geometry=replace(opposed.geometry, origin=(x + 12, y, z + 4)))
        case "missing_slice":
            opposed = replace(opposed, left_out=(len(opposed.pixels) // 2,))
        case "other_study":
            opposed = replace(opposed, study=f"{opposed.study} again", frame=f"{opposed.frame} again")
    return [opposed, in_phase]
