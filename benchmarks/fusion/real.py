"""Real heads and necks: two engines beside each other, masks of the cord, and pictures to look at.

    python -m benchmarks.fusion.real DATA PICTURES

DATA holds the folders ``head-philips-elition``, ``head-siemens-repositioned`` and ``neck-cord-t1-t2-nifti``. Every
picture shows three planes of the base through its middle: with the edges of the other image where the headers say (top)
and where the registration says (below). About one CPU minute."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813
from PIL import Image as Pillow

from benchmarks.fusion.engines import Matrix, second_opinion
from benchmarks.fusion.files import nifti, series
from dicomnode.sdk import Volume
from dicomnode.sdk.itk import to_image
from dicomnode_plugins._imaging.grids import Image, foreground, shrink
from dicomnode_plugins._imaging.pose import distance
from dicomnode_plugins._imaging.registration import register
from dicomnode_plugins._imaging.resampling import onto
from dicomnode_plugins._learning.agreement import dice
from dicomnode_plugins.fusion import contrast, gates

_PIXEL = 1.0  # mm
_CORDS = (("t1/t1w", "t1/t1w_seg-manual"), ("mt/mt1", "mt/mt1_seg"))


def heads(data: Path) -> Iterator[tuple[str, Volume, Volume]]:
    """Name, fixed and moving volume."""
    philips, siemens = data / "head-philips-elition", data / "head-siemens-repositioned"
    yield "t1-b0", series(philips / "t1-mprage-sag-classic"), series(philips / "dwi-b0-ax")
    yield "supine-prone", series(siemens / "HFS-t1-sag"), series(siemens / "HFP-t1-sag")


def spots(volume: Volume) -> npt.NDArray[np.float64]:
    """A thousand places in the body, LPS mm, (3, n)."""
    small = shrink(Image.of(volume), 5.0)
    voxels = np.argwhere(foreground(small))[:, ::-1].T.astype(float)
    return small.places(voxels[:, np.random.default_rng(0).integers(0, voxels.shape[1], 1000)])


def farthest(one: Matrix, other: Matrix, points: npt.NDArray[np.float64]) -> float:
    """Largest distance between what two motions make of points, mm."""
    gap = (one - other)[:3]
    return float(np.linalg.norm(gap[:, :3] @ points + gap[:, 3:], axis=0).max())


def cords(data: Path) -> Iterator[str]:
    """Dice of the T2 image's manual mask of the cord on that of another image, where the T2 image reaches.

    The published warp of T2 on MT is deformable and its masks are compared on the same voxels.
    """
    folder = data / "neck-cord-t1-t2-nifti"
    t2, t2_mask = nifti(folder / "t2/t2.nii.gz"), nifti(folder / "t2/t2_seg-manual.nii.gz")
    everywhere = replace(t2, array=np.ones_like(t2.array))
    for fixed, mask in _CORDS:
        base, cord = nifti(folder / f"{fixed}.nii.gz"), nifti(folder / f"{mask}.nii.gz").array > 0.5
        matrix = register(base, t2).matrix
        covered = (onto(base, everywhere, matrix) > 0.5) & (onto(base, everywhere, np.eye(4)) > 0.5)
        masks = {"headers": onto(base, t2_mask, np.eye(4)) > 0.5, "registered": onto(base, t2_mask, matrix) > 0.5}
        if fixed == "mt/mt1":
            masks["published warp"] = _warped(folder, base, t2_mask) > 0.5
            covered &= _warped(folder, base, everywhere) > 0.5
        told = ", ".join(f"{name} {dice(moved & covered, cord & covered):.3f}" for name, moved in masks.items())
        yield f"cord, T2 on {fixed}: Dice {told}; {np.count_nonzero(cord & covered)} voxels"


def _warped(folder: Path, base: Volume, moving: Volume) -> npt.NDArray[np.float32]:
    """Through the published warp; where it has no value (3e38 mm) nothing is found."""
    field = sitk.ReadImage(str(folder / "mt/warp_t22mt1.nii.gz"), sitk.sitkVectorFloat64)
    through = sitk.DisplacementFieldTransform(field)
    return sitk.GetArrayFromImage(sitk.Resample(to_image(moving), to_image(base), through, sitk.sitkLinear))


def picture(fixed: Volume, moving: Volume, matrix: Matrix) -> npt.NDArray[np.uint8]:
    """Three planes of the base; red: edges of the other image by the headers above, registered below."""
    rows = []
    for motion in (np.eye(4), matrix):
        moved = onto(fixed, moving, motion)
        planes = []
        for axis in range(3):
            spacing = [s for n, s in enumerate(fixed.spacing) if n != axis]
            middle = fixed.array.shape[axis] // 2
            base, other = (np.take(array, middle, axis) for array in (fixed.array, moved))
            planes.append(_plane(base, other, spacing))
        height = max(plane.shape[0] for plane in planes)
        rows.append(np.hstack([np.pad(p, ((0, height - p.shape[0]), (0, 4), (0, 0))) for p in planes]))
    return np.vstack(rows)


def _plane(base: npt.NDArray[np.float32], other: npt.NDArray[np.float32], spacing: list[float]) -> np.ndarray:
    sizes = [round(n * s / _PIXEL) for n, s in zip(base.shape, spacing, strict=True)]
    gray, over = (np.array(Pillow.fromarray(a).resize(sizes[::-1], Pillow.Resampling.BILINEAR)) for a in (base, other))
    gray = np.clip(gray / max(float(np.percentile(gray, 99.5)), 1e-6), 0, 1) * 255
    slope = np.hypot(*np.gradient(over))
    inside = slope[over > 0]
    edges = slope > (np.percentile(inside, 88) if inside.size else np.inf)
    colour = np.repeat(gray[..., None], 3, 2)
    colour[edges] = 0.35 * colour[edges] + 0.65 * np.array((255, 40, 0))
    return colour.astype(np.uint8)


def main(arguments: Sequence[str]) -> None:
    data, folder = (Path(argument) for argument in arguments)
    folder.mkdir(parents=True, exist_ok=True)
    for name, fixed, moving in heads(data):
        alignment, points = register(fixed, moving), spots(fixed)
        other = second_opinion(fixed, moving)
        print(
            f"{name}: engines apart mean {distance(alignment.matrix, other, points):.2f} "
            f"max {farthest(alignment.matrix, other, points):.2f} mm over the body; "
            f"from the headers {distance(alignment.matrix, np.eye(4), points):.2f} mm (SimpleITK "
            f"{distance(other, np.eye(4), points):.2f}); "
            + ", ".join(f"{key} {alignment.figures[key]:.3g}" for key in gates.LIMITS if key in alignment.figures)
        )
        figures = {**alignment.figures, **contrast.figures(fixed, onto(fixed, moving, alignment.matrix))}
        print(f"    gates (it is no CE-MRN): {'; '.join(gates.failed(figures, same_frame=False)) or 'none failed'}")
        Pillow.fromarray(picture(fixed, moving, alignment.matrix)).save(folder / f"{name}.png")
    for line in cords(data):
        print(line)
    neck = data / "neck-cord-t1-t2-nifti"
    t2 = nifti(neck / "t2/t2.nii.gz")
    for fixed_name, _ in _CORDS:
        base = nifti(neck / f"{fixed_name}.nii.gz")
        shown = picture(base, t2, register(base, t2).matrix)
        Pillow.fromarray(shown).save(folder / f"cord-{Path(fixed_name).name}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
