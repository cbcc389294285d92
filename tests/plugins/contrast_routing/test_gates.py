from dataclasses import replace

import numpy as np
import pytest

from dicomnode.sdk import Volume
from dicomnode.sdk.model import Domain
from dicomnode.sdk.testing import synthetic_volume
from dicomnode_plugins.contrast_routing.gates import failed

DOMAIN = Domain(
    field_strength=(1.4, 1.6),
    slice_spacing=6.0,
    pixel_spacing=2.0,
    fewest_slices=16,
    fat_saturated={"t1": False, "t2": True},
    echo_time={"t2": (60.0, 140.0)},
    body_parts=("HEAD",),
)
FOLLOW_UP = {"npc-follow-up": "yes"}
SAID: dict[str, float | str] = {"MagneticFieldStrength": 1.5, "EchoTime": 90.0, "ContrastBolusAgent": "no"}


def volume(shape: tuple[int, int, int] = (20, 32, 32), **said: float | str | None) -> Volume:
    known = {**SAID, **said}
    return synthetic_volume(shape, acquisition={name: value for name, value in known.items() if value is not None})


def test_an_exam_within_the_domain_passes() -> None:
    volumes = {"t1": volume(BodyPartExamined="HEAD"), "t2": volume(ScanOptions="PFP\\FS")}
    assert failed(volumes, DOMAIN, FOLLOW_UP) == ()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"MagneticFieldStrength": 3.0}, "T1: field strength 3 T lies outside 1.4 to 1.6"),
        ({"MagneticFieldStrength": None}, "T1: field strength is not stated"),
        ({"ContrastBolusAgent": "yes"}, "T1: contrast agent was given before"),
        ({"ScanOptions": "FS"}, "T1: fat suppressed, the model knows it not suppressed"),
        ({"BodyPartExamined": "ABDOMEN"}, "T1: body part ABDOMEN, the model knows HEAD"),
        ({"shape": (12, 32, 32)}, "T1: 12 slices, the model needs 16"),
    ],
)
def test_what_lies_outside_the_domain_is_named(said: dict[str, object], why: str) -> None:
    assert failed({"t1": volume(**said)}, DOMAIN, FOLLOW_UP) == (why,)  # type: ignore[arg-type]


def test_a_second_role_has_its_own_domain() -> None:
    assert failed({"t2": volume(EchoTime=20.0)}, DOMAIN, FOLLOW_UP) == (
        "T2: fat not suppressed, the model knows it suppressed",
        "T2: echo time 20 ms lies outside 60 to 140",
    )


def test_coarse_voxels_are_named() -> None:
    coarse = volume()
    coarse = replace(coarse, affine=coarse.affine @ np.diag([1.5, 1.5, 1.6, 1.0]))
    assert failed({"t1": coarse}, DOMAIN, FOLLOW_UP) == (
        "T1: slices 8 mm apart, the model knows at most 6",
        "T1: pixels of 3 mm, the model knows at most 2",
    )


def test_images_that_are_none_are_named() -> None:
    broken, empty, full = volume(), volume(), volume()
    broken.array[3, 3, 3] = np.nan
    empty.array[:] = 7
    full.array[:4] = full.array.max()
    assert failed({"t1": broken}, DOMAIN, FOLLOW_UP) == ("T1: some values are not numbers",)
    assert failed({"t1": empty}, DOMAIN, FOLLOW_UP) == ("T1: the images are empty",)
    assert failed({"t1": full}, DOMAIN, FOLLOW_UP) == ("T1: the signal is saturated",)


def test_only_follow_up_is_scored() -> None:
    assert failed({}, DOMAIN, {}) == ("whether the exam is follow-up of treated nasopharyngeal carcinoma is not known",)
    assert failed({}, DOMAIN, {"npc-follow-up": "no"}) == (
        "the exam is no follow-up of treated nasopharyngeal carcinoma",
    )
