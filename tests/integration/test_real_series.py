"""What the node makes of real series of six vendors; every line was read against the header it comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dicomnode.assemble.assess import assess
from dicomnode.dicom import header, volume
from dicomnode.dicom.geometry import Plane, plane_of
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.exam import Outcome
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Geometry, Stack
from dicomnode.errors import DicomnodeError, ReceiveError
from tests.slices import plugin, stored

MULTI_FRAME = "1: Enhanced MR Image, multi-frame: not read by this release"
ONE = "1: only 1 slice: a volume needs at least 3"
TWO = "2: only 2 slices: a volume needs at least 3"
SEGMENTATION = "1: not an image: Segmentation"
PRIVATE = "1: not an image: private or unknown SOP class"
NOT_GR = "not a gradient echo, so neither in phase nor opposed"
FLAIR = f"unknown: spin echo inversion recovery, TR 6000 ms, TE 394 ms, TI 2200 ms: {NOT_GR}"

GOLDEN = {
    "abdomen-philips-enhanced": [
        "1: not an image: Grayscale Softcopy Presentation State",
        "1: not an image: Raw Data",  # Philips raw data state Rows and Columns: only the SOP class tells
        *[MULTI_FRAME] * 3,
    ],
    # b 0 is not a T2; two gradient directions of b 1500 that the public header does not tell apart
    "head-canon-dwi": [
        f"40x80x80 at 3x3x3 mm: unknown: spin echo echo planar, TR 10000 ms, TE 79 ms: {NOT_GR}",
        "80: duplicate position: 40 of 80 slices lie where another one lies",
    ],
    "head-contrast-rider-a": [TWO] * 6,
    # SpacingBetweenSlices says 2 mm (the gap); steps are 6.96 to 7.07 mm, every slice has its own AcquisitionNumber
    "head-ge-pd": [
        f"20x256x256 at 7.001x0.8594x0.8594 mm: unknown: spin echo, TR 2300 ms, TE 22 ms: {NOT_GR}",
        ONE,
        ONE,
    ],
    # TE 2.3 and 4.6 ms at 3 T are both in phase; magnitude and phase share the series; b 0 is written on the T1
    "head-philips-elition": [
        *["53x80x80 at 3x3x3 mm: in-phase"] * 2,
        *["53x80x80 at 3x3x3 mm: phase"] * 2,
        "82x128x128 at 2x2x2 mm: dwi",
        f"82x128x128 at 2x2x2 mm: unknown: spin echo, TR 4972.4 ms, TE 72.436 ms: {NOT_GR}",
        "120x256x256 at 1x1x1 mm: echo time 2.93 ms at 3 T is neither in phase nor opposed (98 degrees)",
        MULTI_FRAME,
        MULTI_FRAME,
    ],
    # a field map that looks like a dual echo
    "head-siemens-dual-echo-gre": [
        "36x64x64 at 3.6x3x3 mm: echo time 5.19 ms at 2.89 T is neither in phase nor opposed (63 degrees)",
        "36x64x64 at 3.6x3x3 mm: echo time 7.65 ms at 2.89 T is neither in phase nor opposed (74 degrees)",
    ],
    "head-siemens-repositioned": [
        "1: mosaic, several slices tiled in one image: not read by this release",
        *["35x256x256 at 4.8x1.016x1.016 mm: in-phase"] * 2,  # head first prone and supine, TE 2.46 ms at 2.89 T
    ],
    "head-siemens-xa30-enhanced": [
        "1: Enhanced MR Color Image, multi-frame: not read by this release",
        *[MULTI_FRAME] * 5,
        "1: not an image: Enhanced SR",
        *["2: Enhanced MR Image, multi-frame: not read by this release"] * 2,
    ],
    "head-uih-dwi": ["4: mosaic, several slices tiled in one image: not read by this release"],
    # both echoes share one series
    "liver-dual-echo-chaos1": [
        "35x256x256 at 5.5x1.895x1.895 mm: in-phase",
        "35x256x256 at 5.5x1.895x1.895 mm: opposed-phase",
    ],
    "noise-pixels-real-headers": [
        *[MULTI_FRAME] * 3,
        *[TWO] * 3,  # two of them one series with two orientations, TE and pixel sizes
        f"3x384x384 at 3x0.5208x0.5208 mm: unknown: spin echo, TR 2030 ms, TE 53 ms: {NOT_GR}",
        *["3x384x384 at 3x0.5208x0.5208 mm: dwi"] * 3,  # b 40, 273 and 800
        f"4x240x240 at 0.6x1.042x1.042 mm: unknown: inversion recovery, TR 4800 ms, TE 386.75 ms, TI 1650 ms: {NOT_GR}",
        "4x256x256 at 1x1x1 mm: unknown: inversion-prepared gradient echo, TR 8.9 ms, TE 3.164 ms, TI 900 ms: "
        "not an in- or opposed-phase image",
        *[f"4x256x256 at 1x1x1 mm: {FLAIR}"] * 6,  # one image in several encodings
        f"4x28x64 at 0.5x4x6.4 mm: unknown: research mode, TR 6.2 ms, TE 3.4 ms: {NOT_GR}",
        f"4x64x64 at 4x2.344x2.344 mm: unknown: spin echo, TR 4000 ms, TE 12 ms: {NOT_GR}",
    ],
    "philips-private-and-pr": [
        *["1: not an image: Grayscale Softcopy Presentation State"] * 2,
        "1: not an image: Raw Data",
        PRIVATE,
    ],
    "seg-pm-pydicom": [
        "1: not an image: Basic Text SR",
        "1: not an image: Comprehensive SR",
        *["1: not an image: Parametric Map"] * 2,
        *[SEGMENTATION] * 8,
    ],
    "seg-sr-highdicom": [
        *["1: not an image: Comprehensive 3D SR"] * 2,
        *[SEGMENTATION] * 10,
        *[PRIVATE] * 2,  # label map segmentations, younger than the dictionary
        ONE,
    ],
    "single-images-mr": [
        "1: mosaic, several slices tiled in one image: not read by this release",
        *[ONE] * 5,
    ],
    # field strength written as 15015 gauss
    "wrist-ge-coronal": [
        "16x256x256 at 2x0.2344x0.2344 mm: echo time 11 ms at 1.5 T is neither in phase nor opposed (141 degrees)"
    ],
}


def files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def headers_of(folder: Path) -> dict[Path, InstanceHeader]:
    found = {}
    for path in files(folder):
        try:
            found[path] = header.read_file(path)
        except ReceiveError:
            continue
    return found


def line(stack: Stack) -> str:
    if stack.geometry is None:
        return f"{len(stack.instances)}: {stack.refusal}"
    shape = "x".join(map(str, stack.geometry.shape))
    spacing = "x".join(f"{distance:.4g}" for distance in stack.geometry.spacing)
    return f"{shape} at {spacing} mm: {stack.role.role or stack.role.reasons[0]}"


@pytest.mark.parametrize("folder", GOLDEN)
def test_golden_table(test_data: Path, folder: str) -> None:
    by_study: defaultdict[tuple[Path, str], list[InstanceHeader]] = defaultdict(list)
    for path, read in headers_of(test_data / folder).items():
        by_study[path.parent, read.study_instance_uid].append(read)  # one image in several encodings shares its UID
    found = [stack for study in by_study.values() for stack in stacks(study)]
    assert sorted(map(line, found)) == sorted(GOLDEN[folder])


def test_a_real_dual_echo_series_is_paired(test_data: Path) -> None:
    instances = stored(list(headers_of(test_data / "liver-dual-echo-chaos1").values()))
    assessment = assess(instances, [(plugin(), {})])
    (task,) = assessment.tasks
    assert [(chosen.role, chosen.stack.facts["EchoTime"]) for chosen in task.inputs] == [
        ("in_phase", 4.635),
        ("opposed_phase", 2.302),
    ]
    assert [verdict.outcome for verdict in assessment.verdicts] == [Outcome.PENDING]


@pytest.mark.parametrize(
    ("folder", "outcome", "reason"),
    [
        (
            "head-siemens-dual-echo-gre",
            Outcome.NOT_APPLICABLE,
            "fat_fraction: echo time 5.19 ms at 2.89 T is neither in phase nor opposed (63 degrees)",
        ),
        (
            "head-philips-elition/dual-echo-gre-classic",
            Outcome.HELD,
            "fat_fraction: no opposed_phase (in_phase is series 2001); nearest is series 2001: "
            "echo time 2.3 ms at 3 T is in phase (0 degrees)",
        ),
        (
            "head-contrast-rider-a/10-05-1904-70171/8.000000",
            Outcome.REFUSED,
            "only 2 slices: a volume needs at least 3",
        ),
        ("head-siemens-xa30-enhanced/phoenix-sr", Outcome.NOT_APPLICABLE, "not an image: Enhanced SR"),
    ],
)
def test_why_nothing_happens(test_data: Path, folder: str, outcome: Outcome, reason: str) -> None:
    assessment = assess(stored(list(headers_of(test_data / folder).values())), [(plugin(), {})])
    assert assessment.tasks == ()
    assert [(verdict.outcome, verdict.reason) for verdict in assessment.verdicts] == [(outcome, reason)]


def test_contrast_is_found_and_none_is_no_contrast(test_data: Path) -> None:
    rider = stacks(list(headers_of(test_data / "head-contrast-rider-a/10-05-1904-95938").values()))
    assert "contrast agent given: Magnevist" in rider[0].role.reasons
    flair = header.read_file(test_data / "head-ge-pd/flair-1slice/implicit_little.dcm")
    assert flair.facts["ContrastBolusAgent"] == "NONE"
    assert volume.acquisition_of(flair.facts)["ContrastBolusAgent"] == "no"


def single_slice(read: InstanceHeader) -> Geometry:
    plane = plane_of(read.facts)
    assert isinstance(plane, Plane)
    x, y, z = plane.normal
    return Geometry(
        shape=(1, *plane.size),
        origin=plane.origin,
        spacing=(1.0, *plane.spacing),
        row=plane.row,
        column=plane.column,
        normal=(float(x), float(y), float(z)),
    )


@pytest.mark.parametrize(
    ("folder", "count"),
    [("mr-transfer-syntaxes/siemens-trio-one-image", 9), ("mr-transfer-syntaxes/pydicom-mr-small", 8)],
)
def test_one_image_in_many_encodings_has_equal_pixels(test_data: Path, folder: str, count: int) -> None:
    arrays = []
    for path, read in headers_of(test_data / folder).items():
        arrays.append(volume.read([path], single_slice(read))[0])
    assert len(arrays) == count
    assert arrays[0].max() > arrays[0].min()
    for array in arrays[1:]:
        np.testing.assert_array_equal(array, arrays[0])


def test_the_philips_scale_slope_gives_radians(test_data: Path) -> None:
    found = headers_of(test_data / "head-philips-elition/dual-echo-gre-classic")
    paths = {read.sop_instance_uid: path for path, read in found.items()}
    phase = next(stack for stack in stacks(list(found.values())) if stack.role.role == "phase")
    assert phase.geometry is not None
    array, acquisition = volume.read([paths[uid] for uid in phase.instances], phase.geometry)
    assert (float(array.min()), float(array.max())) == pytest.approx((-np.pi, np.pi), abs=0.002)
    assert acquisition["Manufacturer"] == "Philips"


NAMES = {
    "chrArab.dcm": "قباني^لنزار",
    "chrFren.dcm": "Buc^Jérôme",
    "chrFrenMulti.dcm": "Buc^Jérôme",
    "chrGerm.dcm": "Äneas^Rüdiger",
    "chrGreek.dcm": "Διονυσιος",
    "chrH31.dcm": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "chrH32.dcm": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "chrHbrw.dcm": "שרון^דבורה",
    "chrI2.dcm": "Hong^Gildong=洪^吉洞=홍^길동",
    "chrJapMulti.dcm": "やまだ^たろう",
    "chrJapMultiExplicitIR6.dcm": "やまだ^たろう",
    "chrKoreanMulti.dcm": "김희중",
    "chrRuss.dcm": "Люкceмбypг",
    "chrX1.dcm": "Wang^XiaoDong=王^小東=",
    "chrX2.dcm": "Wang^XiaoDong=王^小东=",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_of_every_character_set(test_data: Path, name: str) -> None:
    read = header.read_file(test_data / "charsets-pydicom" / name)
    assert read.patient.name == NAMES[name]
    assert "UndecodableText" not in read.facts


def test_odd_files_raise_nothing_but_named_errors(test_data: Path) -> None:
    read: list[InstanceHeader] = []
    refused = []
    for path in [*files(test_data / "odd-files-pydicom"), *files(test_data / "single-images-mr")]:
        try:
            read.append(header.read_file(path))
        except DicomnodeError as error:
            refused.append(str(error))
    assert (len(read), len(refused)) == (12, 12)
    assert all(refused)
    for one in read:
        (stack,) = stacks([one])
        assert stack.refusal
        assert stack.role.reasons
