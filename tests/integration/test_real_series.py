"""What the node makes of real series of six vendors; every line was read against the header it comes from."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dicomnode.assemble.assess import assess
from dicomnode.dicom import header, volume
from dicomnode.dicom.counts import counts
from dicomnode.dicom.geometry import Plane, plane_of
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.exam import Outcome
from dicomnode.domain.instance import InstanceHeader
from dicomnode.domain.stack import Geometry, Stack
from dicomnode.errors import DicomnodeError, ReceiveError
from tests.slices import plugin, stored

GOLDEN = tomllib.loads((Path(__file__).parent / "golden.toml").read_text())
"""Every series by its folder: its stacks, what each is or why it is refused, and why that is right."""

SETS = (
    *("abdomen-philips-enhanced", "head-canon-dwi", "head-contrast-rider-a", "head-ge-pd", "head-philips-elition"),
    *("head-siemens-dual-echo-gre", "head-siemens-repositioned", "head-siemens-xa30-enhanced", "head-uih-dwi"),
    *("liver-dual-echo-chaos1", "mr-transfer-syntaxes", "noise-pixels-real-headers", "philips-private-and-pr"),
    *("seg-pm-pydicom", "seg-sr-highdicom", "seg-sr-pm-dcmqi", "single-images-mr", "wrist-ge-coronal"),
)

_ONE_IMAGE_OFTEN = ("mr-transfer-syntaxes", "noise-pixels-real-headers")
"""Sets in which one image, and its UID, comes in several encodings."""


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
    role, what = stack.role, stack.role.role or stack.role.reasons[0]
    if role.role and role.score < 1:
        what += f" ({role.score:.2f})"
    if stack.geometry is None:
        refused = f"{len(stack.instances)}: {stack.refusal}"
        return refused if what == stack.refusal else f"{refused}; {what}"
    shape = "x".join(map(str, stack.geometry.shape))
    spacing = "x".join(f"{distance:.4g}" for distance in stack.geometry.spacing)
    return f"{shape} at {spacing} mm: {what}"


def golden(data: Path) -> dict[str, list[str]]:
    """What is found in each folder of images; a study is judged as a whole, as the node does it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for top in SETS:
        studies: defaultdict[tuple[str, str], list[InstanceHeader]] = defaultdict(list)
        folders = {}
        for path, read in headers_of(data / top).items():
            folder = str(path.parent.relative_to(data))
            apart = folder if top in _ONE_IMAGE_OFTEN else top
            studies[apart, read.study_instance_uid].append(read)
            folders[apart, read.sop_instance_uid] = folder
        for (apart, _), study in studies.items():
            for stack in stacks(study):
                found[folders[apart, stack.instances[0]]].append(line(stack))
    return {folder: sorted(lines) for folder, lines in sorted(found.items())}


@pytest.fixture(scope="module")
def seen(test_data: Path) -> dict[str, list[str]]:
    return golden(test_data)


def test_no_series_is_left_out(seen: dict[str, list[str]]) -> None:
    assert list(seen) == sorted(GOLDEN)
    assert [folder for folder, row in GOLDEN.items() if not row["why"]] == []


@pytest.mark.parametrize("folder", GOLDEN)
def test_golden_table(seen: dict[str, list[str]], folder: str) -> None:
    assert seen[folder] == GOLDEN[folder]["stacks"]


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
            Outcome.NOT_APPLICABLE,
            "fat_fraction: a phase image (Image Type PHASE MAP)",  # both magnitudes are in phase: no dual echo
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


def test_classic_and_enhanced_images_of_one_scan_are_equal_volumes(test_data: Path) -> None:
    volumes: list[dict[tuple[object, bool], tuple[object, Geometry]]] = []
    for kind in ("classic", "enhanced"):
        found = headers_of(test_data / f"head-philips-elition/dual-echo-gre-{kind}")
        paths = {read.sop_instance_uid: path for path, read in found.items()}
        volumes.append({})
        for stack in stacks(list(found.values())):
            assert stack.geometry is not None
            array, _ = volume.read([paths[uid] for uid in stack.instances], stack.geometry, stack.frames)
            volumes[-1][stack.facts["EchoTime"], stack.role.role == "phase"] = array, stack.geometry
    classic, enhanced = volumes
    assert len(classic) == len(enhanced) == 4  # magnitude and phase of two echoes
    for key, (array, geometry) in classic.items():
        np.testing.assert_array_equal(enhanced[key][0], array)
        assert enhanced[key][1].farthest_corner(geometry) < 1e-3


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


SUBSETS = {
    "head-ge-pd InstanceNumber 3/1": "one slice of a FLAIR, its third, is in the data set",
    "single-images-mr InstanceNumber 2/1": "one slice of a series, its second, is in the data set",
    "head-philips-elition InstanceNumber 2761/164": "two volumes of a long diffusion series are in the data set",
    "head-philips-elition PhilipsNumberOfSlices 170/120": "120 of 170 slices are in the data set",
    "head-uih-dwi NumberOfSlices 17/4": "4 of 17 volumes are in the data set",
    "noise-pixels-real-headers/philips-dti-002 InstanceNumber 45/12": "12 of at least 45 images are in the data set",
    "philips-private-and-pr PhilipsNumberOfSlices 32/1": "one slice of 32 is in the data set",
}
"""Series that are called incomplete, and why that is true of them."""


def test_no_complete_series_is_called_incomplete(test_data: Path) -> None:
    found = set()
    for top in SETS:
        by_series: defaultdict[tuple[str, str], list[InstanceHeader]] = defaultdict(list)
        for path, read in headers_of(test_data / top).items():
            place = str(path.parent.relative_to(test_data)) if top in _ONE_IMAGE_OFTEN else top
            by_series[place, read.series_instance_uid].append(read)
        for (place, _), headers in by_series.items():
            lacking = (count for count in counts(headers, stacks(headers)) if count.announced > count.there)
            found |= {f"{place} {count.name} {count.announced}/{count.there}" for count in lacking}
    assert found == SUBSETS.keys()
