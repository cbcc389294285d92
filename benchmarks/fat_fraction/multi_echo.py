"""Multi-echo exams of hard patients with a field that varies and jumps; how true the separation is, and how fast.

    python -m benchmarks.fat_fraction.multi_echo FIRST LAST [--slices 8] [--spectra liver foreign ...]
    python -m benchmarks.fat_fraction.multi_echo FILE.mat PICTURE.png

The first prints bias, swaps and time for both field strengths and every spectrum of fat; the second separates stored
complex data (ISMRM fat-water format) and draws its maps: first echo, water, fat, PDFF, R2*, field.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.fat_fraction.exams import DUAL_ECHO
from benchmarks.fat_fraction.patients import draw
from benchmarks.fat_fraction.shapes import FloatArray, paint
from dicomnode_plugins.fat_fraction.multi_echo import fat_spectrum, six_peaks
from dicomnode_plugins.fat_fraction.multi_echo.separation import Separated, separate

ECHO_TIMES = {1.5: 1.2e-3 + 2.0e-3 * np.arange(6), 3.0: 1.15e-3 + 0.96e-3 * np.arange(6)}
"""s, by field strength, T."""
FOREIGN = (
    (-3.80, 0.088), (-3.40, 0.642), (-3.11, 0.030), (-2.60, 0.120), (-1.94, 0.010), (-0.39, 0.035), (0.55, 0.075),
)  # fmt: skip
"""No triglyceride: its olefinic peak asks for 3.3 double bonds, the protons beside them for 2.1. Fat must not be it."""


def triglyceride(double_bonds: float) -> six_peaks.Peaks:
    """With the chain length and the interrupted bonds that go with it in human fat (Bydder et al., MRI 2011)."""
    counts = fat_spectrum.protons(double_bonds, 0.093 * double_bonds**2, 16.8 + 0.25 * double_bonds)
    return tuple(zip(fat_spectrum.SHIFTS, (counts / counts.sum()).tolist(), strict=True))


SPECTRA: dict[str, six_peaks.Peaks] = {
    "liver": six_peaks.PEAKS,
    "liver, nine peaks": (
        (-3.80, 0.088), (-3.40, 0.642), (-3.10, 0.058), (-2.68, 0.062), (-2.46, 0.058), (-1.95, 0.006), (-0.50, 0.039),
        (0.49, 0.010), (0.59, 0.037),
    ),
    "Yu 2008": fat_spectrum.PUBLISHED[1],
    "Yu 2008, four peaks": ((-3.68, 0.04), (-3.27, 0.72), (-2.49, 0.15), (0.73, 0.08)),
    "Ren 2008": fat_spectrum.PUBLISHED[2],
    "Karampinos 2014": fat_spectrum.PUBLISHED[3],
    "Zhong 2014": fat_spectrum.PUBLISHED[4],
    "Zhong 2014, cooler": (
        (-3.80, 0.083), (-3.40, 0.627), (-3.11, 0.071), (-2.67, 0.096), (-2.45, 0.066), (-1.93, 0.015), (0.61, 0.042),
    ),
    "Hernando 2013": fat_spectrum.PUBLISHED[5],
    "UK Biobank 2019": (
        (-3.90, 0.088), (-3.50, 0.700), (-2.70, 0.120), (-2.04, 0.006), (-0.49, 0.039), (0.50, 0.047),
    ),
    "Yu 2008, five peaks": ((-3.68, 0.04), (-3.27, 0.72), (-2.54, 0.10), (-2.35, 0.05), (0.73, 0.08)),
    **{f"{bonds:g} double bonds": triglyceride(bonds) for bonds in (1.0, 2.0, 3.5, 5.0)},
    "2.8 double bonds, warmer": tuple((shift + 0.05, part) for shift, part in triglyceride(2.8)),
    "2.8 double bonds, cooler": tuple((shift - 0.05, part) for shift, part in triglyceride(2.8)),
    "foreign": FOREIGN,
    "foreign, warmer": tuple((shift + 0.03, part) for shift, part in FOREIGN),
}  # fmt: skip
"""What is warmer or cooler has water, whose frequency falls by 0.01 ppm/K, moved against fat by 3 or 5 K; 0.07 ppm in
that of Zhong, as it stood before its shift."""
SWAPPED = 40.0
"""Points of PDFF; a larger error is a swap."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiEcho:
    """Complex echoes and their truth."""

    signal: npt.NDArray[np.complex64]
    """(echoes, z, y, x)."""
    times: six_peaks.Times
    tesla: float
    percent: FloatArray
    """True proton density fat fraction."""
    r2_star: FloatArray
    body: npt.NDArray[np.bool_]
    """With signal."""
    liver: npt.NDArray[np.bool_]
    """Parenchyma."""


def phasor(times: six_peaks.Times, tesla: float, peaks: tuple[tuple[float, float], ...]) -> npt.NDArray[np.complex128]:
    """Fat against water for any spectrum."""
    shifts, parts = np.array(peaks).T
    turned: npt.NDArray[np.complex128] = np.exp(2j * np.pi * np.outer(times, shifts * 42.577478518 * tesla)) @ parts
    return turned


def echoes(
    water: FloatArray, fat: FloatArray, r2_star: FloatArray, hertz: FloatArray, tesla: float, spectrum: str, snr: float
) -> npt.NDArray[np.complex64]:
    """Complex signal with noise; SNR of unit signal in one channel."""
    random, times = np.random.default_rng(1), ECHO_TIMES[tesla]
    fat_phasor = phasor(times, tesla, SPECTRA[spectrum]).astype(np.complex64)
    signal = np.empty((len(times), *water.shape), np.complex64)
    for echo, t in enumerate(times.astype(np.float32)):
        signal[echo] = (water + fat * fat_phasor[echo]) * np.exp((2j * np.pi * hertz - r2_star) * t + 0.7j)
        real, imaginary = (random.standard_normal(water.shape, np.float32) / np.float32(snr) for _ in range(2))
        signal[echo] += real + 1j * imaginary
    return signal


def body(seed: int, tesla: float, spectrum: str, slices: int = 24, snr: float = 50.0) -> MultiEcho:
    """An abdomen whose field bends over the body and jumps at lungs, gas and dome."""
    random = np.random.default_rng(seed)
    patient = draw(random)
    (water, fat, decay), top = paint(patient.shapes, {n: t[:3] for n, t in patient.tissues.items()}, DUAL_ECHO)
    names = np.array(["air", *(shape.tissue for shape in patient.shapes)])[top]
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n, dtype=np.float32) for n in top.shape), indexing="ij", sparse=True)
    a, strength = random.uniform(-1, 1, 6).astype(np.float32), np.float32(tesla / 1.5)
    hertz = 60 * a[0] * x + 50 * a[1] * y + 50 * a[2] * z + 40 * a[3] * (x * x - y * y) + 30 * a[4] * x * y + 30 * a[5]
    hertz = hertz + 260 * ndimage.gaussian_filter(np.isin(names, ("lung", "gas")).astype(np.float32), (1, 5, 5))
    hertz = strength * (hertz + np.where((z > 0.55) & (x < 0), np.float32(70), np.float32(0)))
    keep = slice(13, 13 + slices) if slices < len(top) else slice(None)
    water, fat, decay, hertz = (v[keep] for v in (water / 1000, fat / 1000, decay + 15, hertz))
    return MultiEcho(
        signal=echoes(water, fat, decay, hertz, tesla, spectrum, snr),
        times=ECHO_TIMES[tesla],
        tesla=tesla,
        percent=100 * fat / np.maximum(water + fat, np.float32(1e-6)),
        r2_star=decay,
        body=water + fat > 0.25,
        liver=names[keep] == "liver",
    )


def tiles(tesla: float, spectrum: str, snr: float = 50.0, side: int = 20) -> MultiEcho:
    """PDFF 0 to 100 % across, R2* 20 to 200/s down, over a sloping field."""
    fractions, decays = np.array([0, 5, 10, 20, 30, 45, 55, 70, 85, 100]) / 100, np.array([20, 60, 120, 200])
    fat = np.repeat(np.tile(fractions, (len(decays), 1)), side, 1).repeat(side, 0)[None].astype(np.float32)
    decay = np.repeat(decays, side)[None, :, None] * np.ones_like(fat)
    y, x = (np.linspace(-1, 1, n, dtype=np.float32) for n in fat.shape[1:])
    hertz = (80 * x + 40 * y[:, None])[None] + 60 * (x > 0.5)
    return MultiEcho(
        signal=echoes(1 - fat, fat, decay, hertz, tesla, spectrum, snr),
        times=ECHO_TIMES[tesla],
        tesla=tesla,
        percent=100 * fat,
        r2_star=decay,
        body=np.ones(fat.shape, np.bool_),
        liver=np.zeros(fat.shape, np.bool_),
    )


def swaps(exam: MultiEcho, found: Separated) -> float:
    """Share of the body's voxels whose water and fat have changed places."""
    error = np.abs(found.percent - exam.percent)[exam.body]
    return float(np.mean(~(error <= SWAPPED)))


def biases(exam: MultiEcho, found: Separated) -> dict[tuple[float, float], tuple[float, float]]:
    """Mean error of PDFF, points, and of R2*, 1/s, by true PDFF and R2*."""
    pairs = np.stack([np.round(exam.percent), np.round(exam.r2_star)], -1)
    return {
        (float(fraction), float(decay)): tuple(
            float(np.nanmean((map_ - truth)[exam.body & (pairs == (fraction, decay)).all(-1)]))
            for map_, truth in ((found.percent, exam.percent), (found.r2_star, exam.r2_star))
        )
        for fraction, decay in np.unique(pairs[exam.body], axis=0)
    }


def worst(exam: MultiEcho, found: Separated) -> tuple[float, float, float]:
    """Largest mean error of PDFF up to 50 % and at all, points, and of R2*, 1/s."""
    each = biases(exam, found)
    below = max(abs(percent) for (fraction, _), (percent, _) in each.items() if fraction < 50)
    return below, max(abs(percent) for percent, _ in each.values()), max(abs(decay) for _, decay in each.values())


def figures(first: int, last: int, slices: int, spectra: tuple[str, ...]) -> None:
    """Print bias and swaps of tiles and abdomens."""
    for spectrum in spectra:
        for tesla in ECHO_TIMES:
            exam = tiles(tesla, spectrum)
            found = separate(exam.signal, exam.times, exam.tesla)
            untold = separate(exam.signal, exam.times, exam.tesla, fat_spectrum.human_fat(exam.times, tesla).mean)
            (below, above, decay), liver = worst(exam, found), worst(exam, untold)
            print(f"{spectrum}, {tesla} T tiles: PDFF bias at most {below:.2f} points up to 50 %, {above:.2f} at all, "
                  f"R2* {decay:.1f}/s, swaps {100 * swaps(exam, found):.3f} %; with the liver's spectrum "
                  f"{liver[0]:.2f}, {liver[1]:.2f} and {liver[2]:.1f}/s", flush=True)  # fmt: skip
            for seed in range(first, last):
                abdomen(seed, tesla, spectrum, slices)


def abdomen(seed: int, tesla: float, spectrum: str, slices: int) -> None:
    """Print bias, swaps and time of one."""
    exam = body(seed, tesla, spectrum, slices)
    start, work = time.perf_counter(), time.process_time()
    found = separate(exam.signal, exam.times, exam.tesla)
    seconds = time.perf_counter() - start, time.process_time() - work
    error = found.percent - exam.percent
    lean, rich = (np.nanmedian(error[exam.body & part]) for part in (exam.percent < 50, exam.percent > 70))
    print(f"  seed {seed}: swaps {100 * swaps(exam, found):.4f} % of {exam.body.sum()}, bias below 50 % {lean:+.2f}, "
          f"above 70 % {rich:+.2f}; {seconds[0]:.1f} s, {seconds[1]:.1f} s CPU", flush=True)  # fmt: skip


def stored(path: Path) -> tuple[npt.NDArray[np.complex64], six_peaks.Times, float]:
    """Complex echoes of a file in the ISMRM fat-water format."""
    from scipy.io import loadmat

    content: dict[str, Any] = loadmat(path, struct_as_record=False, squeeze_me=True)
    if "imDataParams" in content:
        given = content["imDataParams"]
        images, times, tesla = np.asarray(given.images), np.asarray(given.TE, float), float(given.FieldStrength)
        backwards = int(getattr(given, "PrecessionIsClockwise", 1)) <= 0
    else:
        images, times, tesla = content["data"], np.asarray(content["te"], float), float(content["Tesla"])
        backwards = False
    times = times / 1000 if times.max() > 0.5 else times
    signal = np.moveaxis(images.reshape(*images.shape[:2], -1, len(times)), (3, 2), (0, 1)).astype(np.complex64)
    return signal.conj() if backwards else signal, times, tesla


def draw_maps(path: Path, picture: Path) -> None:
    """Separate stored data with both senses of precession and draw the maps of the better one."""
    from PIL import Image

    signal, times, tesla = stored(path)
    start = time.perf_counter()
    both = [separate(s, times, tesla) for s in (signal, signal.conj())]
    left = [float(np.nanmedian(found.residual)) for found in both]
    found, echo = both[int(np.argmin(left))], np.abs(signal[0])
    print(f"{path.name}: {tesla} T, {len(times)} echoes, residual {left[0]:.4f} and conjugate {left[1]:.4f}; "
          f"{time.perf_counter() - start:.1f} s for both; PDFF 5/50/95 %: "
          f"{np.nanpercentile(found.percent, (5, 50, 95)).round(1)}")  # fmt: skip
    k = echo.shape[0] // 2
    field = found.field[k] - np.nanmedian(found.field[k])
    white = np.percentile(echo[k], 99)
    views = [echo[k] / white, found.water[k] / white, found.fat[k] / white, found.percent[k] / 100,
             found.r2_star[k] / 200, field / (2 * np.nanpercentile(np.abs(field), 98)) + 0.5]  # fmt: skip
    gray = np.clip(np.nan_to_num(np.concatenate(views, 1)), 0, 1) * 255
    Image.fromarray(gray.astype(np.uint8)).save(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs=2)
    parser.add_argument("--slices", type=int, default=8)
    parser.add_argument("--spectra", nargs="+", choices=SPECTRA, default=tuple(SPECTRA))
    options = parser.parse_args()
    if options.what[0].endswith(".mat"):
        draw_maps(*map(Path, options.what))
    else:
        figures(*map(int, options.what), options.slices, tuple(options.spectra))


if __name__ == "__main__":
    main()
