"""A synthetic dual-echo liver exam whose fat fractions are known: pictures of no one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

FloatArray = npt.NDArray[np.float32]
Vendor = Literal["ge", "siemens", "philips"]
Fault = Literal[
    "",
    "swapped_te",
    "missing_ip",
    "shifted_grid",
    "moved_content",
    "fat_sat_header",
    "fat_sat_content",
    "other_study",
    "scaled_op",
    "missing_slice",
    "label_contradiction",
]

FAT_SHIFT_HZ_PER_TESLA = 42.577 * 3.4
ECHO_TIMES_MS = {1.5: (2.3, 4.6), 3.0: (1.15, 2.3)}
"""Opposed-phase and in-phase echo time by nominal field strength."""

_SIGNAL = 800.0
_IMAGE_TYPES: Mapping[Vendor, tuple[list[str], list[str]]] = {
    "ge": (["ORIGINAL", "PRIMARY", "OTHER"], ["ORIGINAL", "PRIMARY", "OTHER"]),
    "siemens": (["ORIGINAL", "PRIMARY", "M", "OUT_PHASE", "NORM"], ["ORIGINAL", "PRIMARY", "M", "IN_PHASE", "NORM"]),
    "philips": (["ORIGINAL", "PRIMARY", "OP", "M", "FFE"], ["ORIGINAL", "PRIMARY", "IP", "M", "FFE"]),
}
_MAKERS = {"ge": "GE MEDICAL SYSTEMS", "siemens": "SIEMENS", "philips": "Philips Medical Systems"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """What kind of exam to make; equal values make equal files, byte for byte."""

    seed: int = 0
    shape: tuple[int, int, int] = (24, 192, 256)
    """Slices, rows, columns."""
    field_tesla: float = 1.5
    vendor: Vendor = "siemens"
    one_series: bool = True
    """Both echoes share one SeriesInstanceUID, as Philips writes them."""
    liver_percent: float = 22.0
    focus_percent: float = 8.0
    noise: float = 8.0
    """Standard deviation of each channel; in-phase signal is about 800."""
    fault: Fault = ""
    patient_name: str = "Phantom^Liver"
    patient_id: str = "PHANTOM-1"
    character_set: str | tuple[str, ...] = "ISO_IR 100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A ball inside one tissue."""

    name: str
    centre: tuple[float, float, float]
    """Patient LPS, mm."""
    radius: float
    true_percent: float
    """Dual-echo signal fat fraction of the noise-free tissue."""

    def mask(self, grid: Grid) -> npt.NDArray[np.bool_]:
        """(z, y, x) voxels whose centre lies in the ball."""
        x, y, z = grid.axes()
        cx, cy, cz = self.centre
        mask: npt.NDArray[np.bool_] = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 <= self.radius**2
        return mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """An axial grid centred on the isocentre."""

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    """Between slices, rows, columns, mm."""
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Patient LPS, mm."""

    def origin(self) -> tuple[float, float, float]:
        """Centre of the first voxel, LPS mm."""
        (nz, ny, nx), (dz, dy, dx), (sx, sy, sz) = self.shape, self.spacing, self.shift
        return sx - dx * (nx - 1) / 2, sy - dy * (ny - 1) / 2, sz - dz * (nz - 1) / 2

    def axes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """x, y, z of the voxel centres, LPS mm, shaped to broadcast to (z, y, x)."""
        (nz, ny, nx), (dz, dy, dx), (ox, oy, oz) = self.shape, self.spacing, self.origin()
        x = np.float32(ox) + np.float32(dx) * np.arange(nx, dtype=np.float32)
        y = np.float32(oy) + np.float32(dy) * np.arange(ny, dtype=np.float32)
        z = np.float32(oz) + np.float32(dz) * np.arange(nz, dtype=np.float32)
        return x[None, None, :], y[None, :, None], z[:, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What is true of a written exam."""

    study_instance_uid: str
    grid: Grid
    regions: tuple[Region, ...]
    files: tuple[Path, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tissue:
    """An ellipsoid of one tissue; later ones lie over earlier ones."""

    name: str
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    percent: float
    density: float = 1.0


_VIALS = ((-78.0, 0.0), (-54.0, 10.0), (-30.0, 20.0), (38.0, 30.0), (62.0, 40.0))
"""Position across the back, mm, and fat in percent."""

_BALLS = (("liver", (-86.0, 4.0, 4.0), 16.0), ("focus", (-40.0, -34.0, 2.0), 8.0), ("spleen", (92.0, 26.0, 14.0), 12.0))
"""Where a tissue is measured: centre and radius, LPS mm, well inside it."""


def _tissues(exam: Exam) -> list[_Tissue]:
    """Largest first. LPS mm: the liver lies at negative x, the back at positive y."""
    vials = [
        _Tissue(name=f"vial {percent:.0f} %", centre=(across, 72.0, 0.0), radii=(11, 11, 50), percent=percent)
        for across, percent in _VIALS
    ]
    return [
        _Tissue(name="subcutaneous fat", centre=(0, 0, 0), radii=(165, 118, 400), percent=94.0, density=1.15),
        _Tissue(name="muscle", centre=(0, 2, 0), radii=(143, 102, 390), percent=3.0, density=0.6),
        _Tissue(name="visceral fat", centre=(18, 6, 0), radii=(104, 74, 380), percent=90.0, density=1.1),
        _Tissue(name="bowel", centre=(34, -34, -34), radii=(46, 26, 34), percent=2.0, density=0.7),
        _Tissue(name="liver", centre=(-56, -8, 4), radii=(76, 68, 62), percent=exam.liver_percent, density=0.85),
        _Tissue(name="left lobe", centre=(22, -40, 22), radii=(52, 28, 26), percent=exam.liver_percent, density=0.85),
        _Tissue(name="vessel", centre=(-20, 8, 0), radii=(6, 6, 400), percent=0.0, density=0.55),
        _Tissue(name="spleen", centre=(92, 26, 14), radii=(24, 36, 34), percent=0.0, density=0.75),
        _Tissue(name="spine", centre=(4, 66, 0), radii=(19, 17, 400), percent=45.0, density=0.5),
        _Tissue(name="focus", centre=(-40, -34, 2), radii=(15, 13, 14), percent=exam.focus_percent, density=0.85),
        *vials,
    ]


def _regions(tissues: list[_Tissue], exam: Exam) -> tuple[Region, ...]:
    balls = {name: (centre, radius) for name, centre, radius in _BALLS}
    balls |= {t.name: (t.centre, 7.0) for t in tissues if t.name.startswith("vial")}
    return tuple(
        Region(
            name=t.name, centre=balls[t.name][0], radius=balls[t.name][1], true_percent=_true_percent(t.percent, exam)
        )
        for t in tissues
        if t.name in balls
    )


def _true_percent(percent: float, exam: Exam) -> float:
    share = percent / 100
    opposed, in_phase = (abs(complex(_signal(1 - share, share, te, exam))) for te in ECHO_TIMES_MS[exam.field_tesla])
    return 50.0 * (in_phase - opposed) / in_phase


def _signal(water: Any, fat: Any, echo_time_ms: float, exam: Exam) -> Any:
    cycles = FAT_SHIFT_HZ_PER_TESLA * exam.field_tesla * echo_time_ms * 1e-3
    return water + fat * np.exp(2j * np.pi * cycles).astype(np.complex64)


def _water_and_fat(tissues: list[_Tissue], grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Proton densities (z, y, x); a boundary is two voxels wide, as partial volume makes it."""
    x, y, z = grid.axes()
    water, fat = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    for tissue in tissues:
        (cx, cy, cz), (rx, ry, rz) = tissue.centre, tissue.radii
        depth = (1 - np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2)) * min(rx, ry, rz)
        cover = np.clip(depth / (2 * grid.spacing[2]) + 0.5, 0, 1).astype(np.float32)
        share = np.float32(tissue.percent / 100)
        water += cover * (tissue.density * (1 - share) - water)
        fat += cover * (tissue.density * share - fat)
    return water, fat


def write_liver_exam(folder: Path, exam: Exam) -> Truth:
    """Write an exam as classic MR Image Storage files.

    Parameters
    ----------
    folder : Path
        Made if it is not there; one file an image.

    Returns
    -------
    Truth
        Regions with their dual-echo fat fraction. A fault that moves content does not move them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(exam.seed)
    _, rows, columns = exam.shape
    grid = Grid(shape=exam.shape, spacing=(6.0, 260.0 / rows, 360.0 / columns))
    tissues = _tissues(exam)
    water, fat = _water_and_fat(tissues, grid)
    opposed_te, in_te = ECHO_TIMES_MS[exam.field_tesla]
    files: list[Path] = []
    for number, echo_time in enumerate((opposed_te, in_te), start=1):
        weight = np.float32(0.06) if exam.fault == "fat_sat_content" else np.float32(1)
        pixels = _measured(_signal(water, fat * weight, echo_time, exam), exam.noise, rng)
        files += _write_echo(folder, exam, grid, number, echo_time, pixels)
    return Truth(study_instance_uid=_uid(exam, "study"), grid=grid, regions=_regions(tissues, exam), files=tuple(files))


def _measured(signal: npt.NDArray[np.complex64], noise: float, rng: np.random.Generator) -> npt.NDArray[np.uint16]:
    real = signal.real * _SIGNAL + rng.normal(0, noise, signal.shape)
    imaginary = signal.imag * _SIGNAL + rng.normal(0, noise, signal.shape)
    return np.clip(np.rint(np.hypot(real, imaginary)), 0, 4095).astype(np.uint16)


def _write_echo(
    folder: Path, exam: Exam, grid: Grid, number: int, echo_time: float, pixels: npt.NDArray[np.uint16]
) -> list[Path]:
    opposed = number == 1
    fault = exam.fault
    if fault == "missing_ip" and not opposed:
        return []
    if fault == "scaled_op" and opposed:
        pixels = np.clip(pixels * 1.6, 0, 4095).astype(np.uint16)
    if fault == "moved_content" and opposed:
        pixels = np.roll(pixels, 6, axis=2)
    if fault == "shifted_grid" and opposed:
        grid = Grid(shape=grid.shape, spacing=grid.spacing, shift=(12.0, 0.0, 0.0))
    skipped = grid.shape[0] // 2 if fault == "missing_slice" and opposed else -1
    files = []
    for index in range(grid.shape[0]):
        if index != skipped:
            dataset = _image(exam, grid, number, echo_time, index, pixels[index])
            path = folder / f"echo{number}-{index:03d}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            files.append(path)
    return files


def _image(
    exam: Exam, grid: Grid, number: int, echo_time: float, index: int, pixels: npt.NDArray[np.uint16]
) -> Dataset:
    opposed = number == 1
    study = "other study" if exam.fault == "other_study" and opposed else "study"
    label = number - 1
    if exam.fault == "label_contradiction":
        label = 1 - label
    if exam.fault == "swapped_te":
        echo_time = sum(ECHO_TIMES_MS[exam.field_tesla]) - echo_time
    series = 1 if exam.one_series else number
    x, y, z = grid.origin()
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = MRImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = _uid(exam, study, f"echo {number} slice {index}")
    ds.SpecificCharacterSet = list(exam.character_set) if isinstance(exam.character_set, tuple) else exam.character_set
    ds.ImageType = _IMAGE_TYPES[exam.vendor][label]
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20260301"
    ds.StudyTime, ds.SeriesTime, ds.AcquisitionTime, ds.ContentTime = "100000", "101500", "101530", "101545"
    ds.AccessionNumber, ds.Modality, ds.Manufacturer = "A-1", "MR", _MAKERS[exam.vendor]
    ds.StudyDescription, ds.SeriesDescription = "SYNTHETIC PHANTOM abdomen", "AX T1 dual echo"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = (
        exam.patient_name,
        exam.patient_id,
        "19700101",
        "O",
    )
    ds.BodyPartExamined, ds.PatientPosition = "LIVER", "HFS"
    ds.ScanningSequence, ds.SequenceVariant, ds.MRAcquisitionType = "GR", "SP", "2D"
    ds.ScanOptions = "FS" if exam.fault == "fat_sat_header" else ""
    ds.SliceThickness, ds.RepetitionTime, ds.EchoTime, ds.FlipAngle = 5.0, 160.0, echo_time, 70.0
    ds.EchoNumbers, ds.EchoTrainLength = number, 1
    ds.MagneticFieldStrength, ds.ImagingFrequency = exam.field_tesla, round(42.577 * exam.field_tesla, 4)
    ds.StudyInstanceUID, ds.SeriesInstanceUID = _uid(exam, study), _uid(exam, study, f"series {series}")
    ds.ReferringPhysicianName = ""
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = "1", 400 + series, 2 * index + number
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = _uid(exam, study, "frame"), ""
    ds.ImagePositionPatient = [round(x, 4), round(y, 4), round(z + index * grid.spacing[0], 4)]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.SpacingBetweenSlices = [grid.spacing[1], grid.spacing[2]], grid.spacing[0]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = 450, 900
    ds.PixelData = pixels.tobytes()
    return ds


def _uid(exam: Exam, *parts: str) -> str:
    """Derived from everything that sets an exam apart, so that no two exams share an instance."""
    key = "|".join((repr(exam), *parts)).encode()
    return f"2.25.{int.from_bytes(hashlib.sha256(key).digest()[:16], 'big')}"
