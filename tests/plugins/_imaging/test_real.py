"""Real heads and necks of other makers: what two engines agree on, and masks that must overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.fusion.files import nifti, series
from dicomnode.sdk import Volume
from dicomnode_plugins._imaging import examination
from dicomnode_plugins._imaging.grids import Image
from dicomnode_plugins._imaging.pose import distance, turn_and_shift
from dicomnode_plugins._imaging.registration import register
from dicomnode_plugins._imaging.resampling import onto


def test_echo_planar_images_lie_near_where_the_scanner_says(test_data: Path) -> None:
    folder = test_data / "head-philips-elition"
    t1, b0 = series(folder / "t1-mprage-sag-classic"), series(folder / "dwi-b0-ax")
    alignment = register(t1, b0)
    spots = np.random.default_rng(0).uniform(-50, 50, (3, 100)) + Image.of(t1).centre[:, None]
    # SimpleITK ends 0.2 mm from here and 2.5 mm from the header: the head moved, or the field bent the image.
    assert distance(alignment.matrix, np.eye(4), spots) < 3.0
    assert alignment.figures[examination.INVERSE] < 0.2
    assert alignment.figures[examination.GAIN] > 0.1


def test_one_head_prone_and_supine_is_found(test_data: Path) -> None:
    folder = test_data / "head-siemens-repositioned"
    supine, prone = series(folder / "HFS-t1-sag"), series(folder / "HFP-t1-sag")
    alignment = register(supine, prone)
    turn, shift = turn_and_shift(alignment.matrix, Image.of(supine).centre)
    assert 5 < turn < 12
    assert 40 < shift < 65
    assert alignment.figures[examination.SCORE] > 0.6
    assert alignment.figures[examination.MIRROR] < 0.7


@pytest.mark.parametrize(
    ("fixed", "mask", "least"), [("t1/t1w", "t1/t1w_seg-manual", 0.90), ("mt/mt1", "mt/mt1_seg", 0.93)]
)
def test_the_cord_lies_on_the_cord(test_data: Path, fixed: str, mask: str, least: float) -> None:
    folder = test_data / "neck-cord-t1-t2-nifti"
    base, base_mask = nifti(folder / f"{fixed}.nii.gz"), nifti(folder / f"{mask}.nii.gz")
    t2, t2_mask = nifti(folder / "t2/t2.nii.gz"), nifti(folder / "t2/t2_seg-manual.nii.gz")
    matrix = register(base, t2).matrix
    everywhere = Volume(array=np.ones_like(t2.array), affine=t2.affine)
    covered = onto(base, everywhere, matrix) > 0.5
    moved, cord = onto(base_mask, t2_mask, matrix) > 0.5, (base_mask.array > 0.5) & covered
    assert 2 * np.count_nonzero(moved & cord) / (np.count_nonzero(moved) + np.count_nonzero(cord)) > least
