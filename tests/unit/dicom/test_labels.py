"""Labels of received segmentations: on the grid of the images, voxel for voxel, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highdicom.seg import SegmentAlgorithmTypeValues, SegmentationTypeValues, SegmentDescription
from highdicom.seg import Segmentation as HighdicomSegmentation
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes

from dicomnode.dicom import header, labels
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.stack import Geometry
from dicomnode.errors import GeometryError
from dicomnode.sdk.codes import TISSUE, Code
from tests.builders import grid, mr_series, uid
from tests.drawn import Structure, draw

GRID = grid((5, 12, 14), orientation=((0.98, 0.17, 0.0), (-0.17, 0.98, 0.05)))
TWO = (Structure(), Structure(label="Focus", category=TISSUE, type=Code("52988006", "SCT", "Lesion")))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return mr_series(tmp_path_factory.mktemp("images"), geometry=GRID)


def blocks() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Two blocks without any symmetry; the first slice and one in the middle of the first block are empty."""
    array = np.zeros(GRID.shape, np.uint8)
    array[1:4, 2:7, 3:9] = 1
    array[2] = 0
    array[2:, 8:11, 5:7] = 2
    return array


def turned(geometry: Geometry, axes: tuple[int, int, int], flips: tuple[int, ...]) -> Geometry:
    """The same voxels with the array axes exchanged and then reversed."""
    ways = (geometry.normal, geometry.column, geometry.row)
    steps = [np.array(ways[a]) * geometry.spacing[a] for a in axes]
    origin = np.array(geometry.origin)
    for flip in flips:
        origin += steps[flip] * (geometry.shape[axes[flip]] - 1)
        steps[flip] = -steps[flip]
    normal, column, row = (tuple(float(x) for x in step / np.linalg.norm(step)) for step in steps)
    return Geometry(
        shape=tuple(geometry.shape[a] for a in axes),  # type: ignore[arg-type]
        origin=tuple(float(x) for x in origin),  # type: ignore[arg-type]
        spacing=tuple(geometry.spacing[a] for a in axes),  # type: ignore[arg-type]
        row=row,  # type: ignore[arg-type]
        column=column,  # type: ignore[arg-type]
        normal=normal,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("empty_frames", [True, False])
def test_frames_in_any_order_and_without_the_empty_ones(
    images: tuple[Path, ...], tmp_path: Path, kind: Any, empty_frames: bool
) -> None:
    file = draw(
        tmp_path / "s.dcm", images, GRID, blocks(), structures=TWO, kind=kind, empty_frames=empty_frames, seed=5
    )
    array, segments = labels.read(file, GRID)
    np.testing.assert_array_equal(array, blocks())
    assert [segment.label for segment in segments] == ["Liver", "Focus"]


@pytest.mark.parametrize("kind", [SegmentationTypeValues.BINARY, SegmentationTypeValues.LABELMAP])
def test_what_highdicom_writes(images: tuple[Path, ...], tmp_path: Path, kind: SegmentationTypeValues) -> None:
    described = [
        SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.Organ,
            segmented_property_type=organ,
            algorithm_type=SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, (name, organ) in enumerate((("a", codes.SCT.Liver), ("b", codes.SCT.Spleen)), start=1)
    ]
    HighdicomSegmentation(
        source_images=[dcmread(image) for image in images],
        pixel_array=blocks(),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=uid("s"),
        series_number=9,
        sop_instance_uid=uid("i"),
        instance_number=1,
        manufacturer="m",
        manufacturer_model_name="m",
        software_versions="1",
        device_serial_number="1",
    ).save_as(tmp_path / "s.dcm")
    array, segments = labels.read(tmp_path / "s.dcm", GRID)
    np.testing.assert_array_equal(array, blocks())
    assert [(one.type.value, one.maker) for one in segments] == [("10200004", "MANUAL"), ("78961009", "MANUAL")]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    axes=st.permutations((0, 1, 2)).map(tuple),
    flips=st.sets(st.integers(0, 2)).map(sorted).map(tuple),
    seed=st.integers(0, 99),
)
def test_however_the_grid_is_turned_the_labels_stay_where_they_are(
    tmp_path_factory: pytest.TempPathFactory, axes: Any, flips: tuple[int, ...], seed: int
) -> None:
    parity = np.linalg.det(np.eye(3)[list(axes)]) * (-1) ** len(flips)
    if parity < 0:  # a mirrored grid: rows, columns and normal are right-handed by definition
        flips = tuple(sorted({*flips} ^ {0}))
    folder = tmp_path_factory.mktemp("turned")
    images = mr_series(folder, geometry=GRID)
    wanted = blocks()
    seen = np.ascontiguousarray(np.flip(np.transpose(wanted, axes), flips))
    file = draw(folder / "s.dcm", images, turned(GRID, axes, flips), seen, structures=TWO, seed=seed)
    np.testing.assert_array_equal(labels.read(file, GRID)[0], wanted)


def test_a_coarser_grid_gives_each_voxel_its_nearest_label(images: tuple[Path, ...], tmp_path: Path) -> None:
    rows, columns = GRID.spacing[1:]
    along = np.array(GRID.column) * rows / 2 + np.array(GRID.row) * columns / 2
    x, y, z = (float(value) for value in np.array(GRID.origin) + along)
    coarse = Geometry(
        shape=(5, 6, 7),
        origin=(x, y, z),
        spacing=(GRID.spacing[0], 2 * rows, 2 * columns),
        row=GRID.row,
        column=GRID.column,
        normal=GRID.normal,
    )
    small = np.zeros(coarse.shape, np.uint8)
    small[2, 1:3, 2:5] = 1
    array, _ = labels.read(draw(tmp_path / "s.dcm", images, coarse, small), GRID)
    wanted = np.zeros(GRID.shape, np.uint8)
    wanted[2, 2:6, 4:10] = 1
    np.testing.assert_array_equal(array, wanted)


def test_a_stated_gap_that_is_no_distance_of_slices_loses_nothing(images: tuple[Path, ...], tmp_path: Path) -> None:
    """Old GE systems state the gap between slices, and positions are written rounded."""
    x, y, z = (float(o + 0.08 * n) for o, n in zip(GRID.origin, GRID.normal, strict=True))
    off = Geometry(
        shape=GRID.shape, origin=(x, y, z), spacing=GRID.spacing, row=GRID.row, column=GRID.column, normal=GRID.normal
    )
    file = draw(tmp_path / "s.dcm", images, off, blocks(), structures=TWO)
    image = dcmread(file)
    image.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices = 0.1
    image.save_as(file)
    np.testing.assert_array_equal(labels.read(file, GRID)[0], blocks())


def test_one_frame_is_one_slice(images: tuple[Path, ...], tmp_path: Path) -> None:
    one = np.where(np.arange(5)[:, None, None] == 3, blocks(), 0).astype(np.uint8)
    file = draw(tmp_path / "s.dcm", images, GRID, one, structures=TWO)
    np.testing.assert_array_equal(labels.read(file, GRID)[0], one)


def test_a_segment_without_a_voxel_is_described_and_empty(images: tuple[Path, ...], tmp_path: Path) -> None:
    only_first = np.where(blocks() == 1, blocks(), 0).astype(np.uint8)
    array, segments = labels.read(draw(tmp_path / "s.dcm", images, GRID, only_first, structures=TWO), GRID)
    assert (len(segments), int(array.max())) == (2, 1)


def edited(change: Callable[[Dataset], None]) -> Callable[[Path], None]:
    def edit(file: Path) -> None:
        image = dcmread(file)
        change(image)
        image.save_as(file)

    return edit


def other_segment(image: Dataset) -> None:
    for frame in image.PerFrameFunctionalGroupsSequence:
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 7


def same_segment(image: Dataset) -> None:
    for frame in image.PerFrameFunctionalGroupsSequence:
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 1


def lost_frame(image: Dataset) -> None:
    del image.PerFrameFunctionalGroupsSequence[0]


def uncoded(image: Dataset) -> None:
    del image.SegmentSequence[0].SegmentedPropertyTypeCodeSequence


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_segment, "shows a segment that is not described"),
        (same_segment, "two of its frames show the same segment at the same place"),
        (lost_frame, "it describes 4 frames and holds 5"),
        (uncoded, "its segment 1 is not described by codes"),
    ],
)
def test_frames_that_contradict_their_descriptions(
    images: tuple[Path, ...], tmp_path: Path, change: Callable[[Dataset], None], reason: str
) -> None:
    file = draw(tmp_path / "s.dcm", images, GRID, blocks(), structures=TWO)
    edited(change)(file)
    with pytest.raises(GeometryError, match=reason):
        labels.read(file, GRID)


def test_overlap_that_only_the_voxels_show(images: tuple[Path, ...], tmp_path: Path) -> None:
    file = draw(tmp_path / "s.dcm", images, GRID, blocks(), structures=TWO, empty_frames=True)
    image = dcmread(file)
    size = image.Rows * image.Columns * image.NumberOfFrames // 8
    image.PixelData = b"\xff" * (size + 1 + (size + 1) % 2)
    image.save_as(file)
    with pytest.raises(GeometryError, match="its segments overlap"):
        labels.read(file, GRID)


def test_nothing_labelled(images: tuple[Path, ...], tmp_path: Path) -> None:
    file = draw(tmp_path / "s.dcm", images, GRID, np.zeros(GRID.shape, np.uint8))
    with pytest.raises(GeometryError, match="it labels no voxel"):
        labels.read(file, GRID)


def test_a_label_outside_the_images(images: tuple[Path, ...], tmp_path: Path) -> None:
    x, y, z = GRID.origin
    away = Geometry(
        shape=GRID.shape, origin=(x + 9.0, y, z), spacing=GRID.spacing, row=GRID.row, column=GRID.column,
        normal=GRID.normal,
    )  # fmt: skip
    with pytest.raises(GeometryError, match="lie outside the images"):
        labels.read(draw(tmp_path / "s.dcm", images, away, blocks(), structures=TWO), GRID)


def test_a_label_map_with_a_value_nobody_described(images: tuple[Path, ...], tmp_path: Path) -> None:
    strange = blocks()
    strange[3, 3, 3] = 9
    file = draw(tmp_path / "s.dcm", images, GRID, strange, structures=TWO, kind="LABELMAP")
    with pytest.raises(GeometryError, match="a label that is not described"):
        labels.read(file, GRID)


def test_frames_between_the_slices_that_do_not_say_how_far_apart(images: tuple[Path, ...], tmp_path: Path) -> None:
    uneven = grid((5, 12, 14), orientation=((0.98, 0.17, 0.0), (-0.17, 0.98, 0.05)), spacing=(3.1, *GRID.spacing[1:]))
    file = draw(tmp_path / "s.dcm", images, uneven, blocks(), structures=TWO)
    image = dcmread(file)
    del image.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SpacingBetweenSlices
    image.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].SliceThickness = 4.3
    image.save_as(file)
    with pytest.raises(GeometryError, match="does not say how far they are apart"):
        labels.read(file, GRID)


def test_pixels_that_are_no_pixels(images: tuple[Path, ...], tmp_path: Path) -> None:
    file = draw(tmp_path / "s.dcm", images, GRID, blocks(), structures=TWO)
    image = dcmread(file)
    image.PixelData = b"\0\0"
    image.save_as(file)
    with pytest.raises(GeometryError, match=r"cannot be decoded \(ValueError\)"):
        labels.read(file, GRID)


@pytest.mark.parametrize("name", ["label.seg", "sparse-labelmap-noppv.dcm", "sparse-labelmap-ppv5.dcm"])
def test_real_files_of_another_maker_on_the_images_they_were_made_on(test_data: Path, name: str) -> None:
    folder = test_data / "seg-sr-pm-dcmqi" / "segmentations"
    images = [header.read_file(path) for path in sorted((folder / "24x38x3" / "image").iterdir())]
    (stack,) = stacks(images)
    assert stack.geometry is not None
    path = next(folder.rglob(name))
    array, (segment,) = labels.read(path, stack.geometry)
    assert (segment.type.value, segment.type.scheme) == ("10200004", "SCT")
    file = dcmread(path)
    background = {0, int(file.get("PixelPaddingValue", 0))} if file.SegmentationType == "LABELMAP" else {0}
    drawn = {
        float(frame.PlanePositionSequence[0].ImagePositionPatient[2]): np.isin(plane, list(background), invert=True)
        for frame, plane in zip(file.PerFrameFunctionalGroupsSequence, file.pixel_array, strict=True)
    }
    for number, plane in enumerate(array):
        height = stack.geometry.origin[2] + number * stack.geometry.spacing[0] * stack.geometry.normal[2]
        wanted = next(
            (mask for place, mask in drawn.items() if abs(place - height) < 0.01), np.zeros(plane.shape, bool)
        )
        np.testing.assert_array_equal(plane > 0, wanted)
    assert array.any()
