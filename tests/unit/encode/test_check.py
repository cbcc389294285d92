"""Negative controls: every fault the check is there for must fail it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from dicomnode.domain.task import ResultObject
from dicomnode.encode import Work, encode, sources, times
from dicomnode.encode.check import check
from dicomnode.encode.contents import sort
from dicomnode.encode.context import Context, coded
from dicomnode.encode.encode import wanted
from dicomnode.encode.series import plan
from dicomnode.errors import CheckFailed
from dicomnode.sdk import Finding
from tests import builders, cases
from tests.unit.encode.written import name, nodes

SHAPE = (5, 70, 64)
FINDINGS = cases.findings(SHAPE)
Change = Callable[[Dataset], None]


def proven(results: tuple[ResultObject, ...], work: Work, findings: Sequence[Finding] = FINDINGS) -> None:
    headers = sources.read(work)
    context = Context(work=work, sources=headers, moment=times.newest(headers.every()))
    contents = sort(findings, work, headers)
    check(results, contents, context, wanted(plan(work, contents.forms(work.spec.title)), work.kinds))


def changed(results: tuple[ResultObject, ...], kind: str, change: Change) -> tuple[ResultObject, ...]:
    place = next(number for number, result in enumerate(results) if result.kind == kind)
    dataset = dcmread(BytesIO(results[place].content))
    change(dataset)
    buffer = BytesIO()
    dataset.save_as(buffer)
    return (*results[:place], replace(results[place], content=buffer.getvalue()), *results[place + 1 :])


def first_frame(dataset: Dataset) -> Dataset:
    frame: Dataset = dataset.PerFrameFunctionalGroupsSequence[0]
    return frame


def shared(dataset: Dataset) -> Dataset:
    groups: Dataset = dataset.SharedFunctionalGroupsSequence[0]
    return groups


def remove(keyword: str) -> Change:
    return lambda dataset: delattr(dataset, keyword)


def give(keyword: str, value: object) -> Change:
    return lambda dataset: setattr(dataset, keyword, value)


def swap_left_and_right(dataset: Dataset) -> None:
    plane = shared(dataset).PlaneOrientationSequence[0] if "SharedFunctionalGroupsSequence" in dataset else dataset
    row = [-value for value in plane.ImageOrientationPatient[:3]]
    plane.ImageOrientationPatient = [*row, *plane.ImageOrientationPatient[3:]]


def move(dataset: Dataset) -> None:
    plane = first_frame(dataset).PlanePositionSequence[0] if "PerFrameFunctionalGroupsSequence" in dataset else dataset
    x, y, z = plane.ImagePositionPatient
    plane.ImagePositionPatient = [float(x) + 0.02, y, z]


def move_a_little(dataset: Dataset) -> None:
    plane = first_frame(dataset).PlanePositionSequence[0] if "PerFrameFunctionalGroupsSequence" in dataset else dataset
    x, y, z = plane.ImagePositionPatient
    plane.ImagePositionPatient = [float(x) + 0.005, y, z]


def stretch(dataset: Dataset) -> None:
    shared(dataset).PixelMeasuresSequence[0].PixelSpacing = [2.001, 1.5]


def mirror_mask(dataset: Dataset) -> None:
    frames = dataset.pixel_array[..., ::-1]
    dataset.PixelData = np.packbits(frames.ravel(), bitorder="little").tobytes()


def wrong_segment(dataset: Dataset) -> None:
    frame = first_frame(dataset)
    frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 2


def rename_segment(dataset: Dataset) -> None:
    dataset.SegmentSequence[0].SegmentLabel = "Spleen"


def give_a_side(dataset: Dataset) -> None:
    kind = dataset.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    kind.SegmentedPropertyTypeModifierCodeSequence = [coded("7771000", "SCT", "Left")]


def foreign_source(dataset: Dataset) -> None:
    dataset.SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"


def wrong_class(dataset: Dataset) -> None:
    dataset.SourceImageSequence[0].ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"


def other_value(dataset: Dataset) -> None:
    values = np.frombuffer(dataset.FloatPixelData, "<f4").copy()
    values[-1] += 0.5
    dataset.FloatPixelData = values.tobytes()


def other_slope(dataset: Dataset) -> None:
    shared(dataset).RealWorldValueMappingSequence[0].RealWorldValueSlope = 0.1


def other_pixel(dataset: Dataset) -> None:
    dataset.PixelData = bytes([dataset.PixelData[0] ^ 1]) + dataset.PixelData[1:]


def other_number(dataset: Dataset) -> None:
    number = next(node for node in nodes(dataset) if name(node) == "Fat fraction")
    number.MeasuredValueSequence[0].NumericValue = "21.35"


def other_unit(dataset: Dataset) -> None:
    number = next(node for node in nodes(dataset) if name(node) == "Fat fraction")
    number.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue = "1"


def other_count(dataset: Dataset) -> None:
    counts = np.frombuffer(dataset.PixelData, "<u2").copy()
    counts[-1] ^= 2
    dataset.PixelData = counts.tobytes()


def other_label(dataset: Dataset) -> None:
    pixels = bytearray(dataset.PixelData)
    pixels[pixels.index(1)] = 2
    dataset.PixelData = bytes(pixels)


def other_line(dataset: Dataset) -> None:
    number = next(node for node in nodes(dataset) if name(node) == "Volume")
    number.MeasuredValueSequence[0].NumericValue = "1431"


def line_of_another_structure(dataset: Dataset) -> None:
    labels = [node for node in nodes(dataset) if name(node) == "Tracking Identifier"]
    labels[0].TextValue, labels[1].TextValue = labels[1].TextValue, labels[0].TextValue


def other_key_image(dataset: Dataset) -> None:
    del dataset.ContentSequence[-1]


def lose_number(dataset: Dataset) -> None:
    group = next(node for node in nodes(dataset) if name(node) == "Measurement Group")
    group.ContentSequence = [node for node in group.ContentSequence if name(node) != "Volume"]


def wrong_reference(dataset: Dataset) -> None:
    reference = next(node for node in nodes(dataset) if name(node) == "Referenced Segment")
    reference.ReferencedSOPSequence[0].ReferencedSegmentNumber = 2


def planar_item(dataset: Dataset, title: str) -> Dataset:
    item: Dataset = next(node for node in nodes(dataset) if name(node) == title).ReferencedSOPSequence[0]
    return item


def frame_of_another_segment(dataset: Dataset) -> None:
    planar_item(dataset, "Referenced Segmentation Frame").ReferencedFrameNumber = 1


def frame_that_is_not(dataset: Dataset) -> None:
    planar_item(dataset, "Referenced Segmentation Frame").ReferencedFrameNumber = 5


def slice_of_another_frame(dataset: Dataset) -> None:
    item = planar_item(dataset, "Source Image for Segmentation")
    item.ReferencedSOPInstanceUID = builders.uid("instance", "study", "in-phase", 2)


def first_contour(dataset: Dataset) -> Dataset:
    contour: Dataset = dataset.ROIContourSequence[0].ContourSequence[0]
    return contour


def lift_contour(dataset: Dataset) -> None:
    points = np.add(np.reshape(first_contour(dataset).ContourData, (-1, 3)).astype(float), (0, 0, 0.02))
    first_contour(dataset).ContourData = [f"{value:.4f}" for value in points.ravel()]


def lose_contour(dataset: Dataset) -> None:
    del dataset.ROIContourSequence[0].ContourSequence[0]


def contour_of_another_slice(dataset: Dataset) -> None:
    first_contour(dataset).ContourImageSequence = dataset.ROIContourSequence[0].ContourSequence[1].ContourImageSequence


def rename_region(dataset: Dataset) -> None:
    dataset.StructureSetROISequence[0].ROIName = "Spleen"


def region_elsewhere(dataset: Dataset) -> None:
    dataset.StructureSetROISequence[0].ReferencedFrameOfReferenceUID = "1.2.3"


def other_paper(dataset: Dataset) -> None:
    dataset.EncapsulatedDocument = dataset.EncapsulatedDocument.replace(b"/Width 1240", b"/Width 1241")


FAULTS = [
    ("SEG", remove("SegmentSequence"), "SegmentSequence is missing"),
    ("SEG", give("PatientID", "TEST-2"), "PatientID is not that of the source"),
    ("PM", remove("IssuerOfPatientID"), "IssuerOfPatientID is not"),
    ("SC", give("PatientName", "Phantom^Other"), "PatientName is not"),
    ("SR", give("PatientBirthDate", "19700103"), "PatientBirthDate is not"),
    ("SR", give("PatientSex", "F"), "PatientSex is not"),
    ("SC", give("AccessionNumber", "A124"), "AccessionNumber is not"),
    ("SEG", give("StudyInstanceUID", "1.2.3"), "StudyInstanceUID is not"),
    ("SEG", give("SeriesInstanceUID", "1.2.3"), "not in its own series"),
    ("SEG", give("SOPInstanceUID", "1.2.3"), "do not name the same SOP instance"),
    ("SC", give("SOPClassUID", "1.2.3"), "do not name the same SOP class"),
    ("SR", remove("CompletionFlag"), "CompletionFlag is missing"),
    ("PM", give("ContentCreatorName", None), "ContentCreatorName is missing"),
    ("SEG", foreign_source, "neither a source nor a result"),
    ("SC", wrong_class, "wrong SOP class"),
    ("SEG", swap_left_and_right, "SEG: a frame lies .* mm off"),
    ("PM", swap_left_and_right, "OT: a frame lies .* mm off"),
    ("SC", swap_left_and_right, "SC: a frame lies .* mm off"),
    ("SEG", move, "SEG: a frame lies 0.020 mm off"),
    ("SC", move, "SC: a frame lies 0.020 mm off"),
    ("PM", stretch, "OT: a frame lies .* mm off"),
    ("SC", give("FrameOfReferenceUID", "1.2.3"), "frame of reference"),
    ("SEG", mirror_mask, "mask does not read back"),
    ("SEG", wrong_segment, "mask does not read back"),
    ("SEG", rename_segment, "segment numbers, labels or tracking"),
    ("SEG", give_a_side, "sides of the segments do not read back"),
    ("PM", other_value, "values do not read back"),
    ("PM", other_slope, "real-world value mapping"),
    ("SC", other_pixel, "picture does not read back"),
    ("SR", other_number, "numbers do not read back"),
    ("SR", other_unit, "numbers do not read back"),
    ("SR", lose_number, "numbers do not read back"),
    ("SR", wrong_reference, "refers to another segment"),
    ("SR", frame_of_another_segment, "does not refer to the one frame"),
    ("SR", frame_that_is_not, "does not refer to the one frame"),
    ("SR", slice_of_another_frame, "names another slice than its frame"),
    ("RTSTRUCT", lift_contour, "RTSTRUCT: a contour lies 0.020 mm off"),
    ("RTSTRUCT", contour_of_another_slice, "RTSTRUCT: a contour lies 5.000 mm off"),
    ("RTSTRUCT", lose_contour, "RTSTRUCT: the mask does not read back"),
    ("RTSTRUCT", rename_region, "RTSTRUCT: numbers or names"),
    ("RTSTRUCT", region_elsewhere, "RTSTRUCT: a frame of reference"),
    ("PDF", other_paper, "PDF: the document does not read back"),
    ("LABELMAP", other_label, "mask does not read back"),
    ("LABELMAP", swap_left_and_right, "SEG: a frame lies .* mm off"),
    ("LABELMAP", remove("PixelPaddingValue"), "LABELMAP: PixelPaddingValue is missing"),
    ("PM16", other_count, "PM16: the values do not read back"),
    ("PM16", move, "OT: a frame lies 0.020 mm off"),
    ("PM16", other_slope, "PM16: the values do not read back"),
    ("SR-VIEWER", other_line, "SR-VIEWER: the numbers do not read back"),
    ("SR-VIEWER", line_of_another_structure, "SR-VIEWER: the structures are not those"),
    ("KOS", other_key_image, "KOS: the selection does not name"),
    ("KOS", remove("IssuerOfPatientID"), "KOS: IssuerOfPatientID is not"),
]


@pytest.mark.parametrize(("kind", "change", "message"), FAULTS, ids=[f"{kind}-{text}" for kind, _, text in FAULTS])
def test_a_faulty_object_is_not_sent(kind: str, change: Change, message: str, task: Work) -> None:
    work = replace(task, kinds=cases.EVERY_KIND)
    results = encode(FINDINGS, work)
    with pytest.raises(CheckFailed, match=message):
        proven(changed(results, kind, change), work)


@pytest.mark.parametrize("kind", ["SEG", "PM", "SC"])
def test_rounding_of_positions_is_no_fault(kind: str, task: Work) -> None:
    proven(changed(encode(FINDINGS, task), kind, move_a_little), task)


def test_a_missing_or_foreign_object_is_noticed(task: Work) -> None:
    results = encode(FINDINGS, task)
    for wrong in (results[1:], (*results, results[0])):
        with pytest.raises(CheckFailed, match="SOP Instance UIDs derived"):
            proven(wrong, task)


def test_bytes_that_are_no_file_are_noticed(task: Work) -> None:
    results = encode(FINDINGS, task)
    with pytest.raises(CheckFailed, match="not a DICOM file"):
        proven((replace(results[0], content=b"\0" * 200), *results[1:]), task)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientID", "TEST-2"), ("IssuerOfPatientID", "OTHER"), ("PatientName", "Phantom^Other"), ("PatientSex", "F"),
     ("PatientBirthDate", "19700103"), ("AccessionNumber", "A124"), ("StudyInstanceUID", "1.2.3")],
)  # fmt: skip
def test_inputs_of_two_patients_are_refused(keyword: str, value: str, task: Work, tmp_path: Path) -> None:
    other = builders.mr_series(
        tmp_path / "other", geometry=task.geometry["in-phase"], series="opposed", attributes={keyword: value}
    )
    with pytest.raises(CheckFailed, match=f"input images differ in {keyword}") as failure:
        encode(FINDINGS, replace(task, inputs={**task.inputs, "opposed-phase": other}))
    assert value not in str(failure.value)


def test_trailing_delimiters_of_a_name_do_not_make_another_patient(task: Work, tmp_path: Path) -> None:
    other = builders.mr_series(
        tmp_path / "other",
        geometry=task.geometry["in-phase"],
        series="opposed",
        attributes={"PatientName": "Phantom^Test^^"},
    )
    assert encode(FINDINGS, replace(task, inputs={**task.inputs, "opposed-phase": other}))


def test_images_in_the_wrong_order_are_refused(task: Work) -> None:
    turned = {role: paths[::-1] for role, paths in task.inputs.items()}
    with pytest.raises(CheckFailed, match=r"image 1 of input 'in-phase' lies 20.00 mm off its grid"):
        encode(FINDINGS, replace(task, inputs=turned))


def test_images_that_do_not_fill_the_grid_are_refused(task: Work) -> None:
    fewer = {role: paths[1:] for role, paths in task.inputs.items()}
    with pytest.raises(CheckFailed, match="4 images for 5 slices"):
        encode(FINDINGS, replace(task, inputs=fewer))
    smaller = {role: replace(grid, shape=(5, 70, 63)) for role, grid in task.geometry.items()}
    with pytest.raises(CheckFailed, match="rows and columns"):
        encode(FINDINGS, replace(task, geometry=smaller))


def test_two_images_that_changed_places_are_refused(task: Work) -> None:
    first, second, third, *rest = task.inputs["in-phase"]
    inputs = {**task.inputs, "in-phase": (first, third, second, *rest)}
    with pytest.raises(CheckFailed, match=r"image 2 of input 'in-phase' lies 5.00 mm above or below its place"):
        encode(FINDINGS, replace(task, inputs=inputs))


def test_a_grid_that_is_mirrored_against_its_images_is_refused(task: Work) -> None:
    mirrored = {role: replace(grid, row=tuple(-v for v in grid.row)) for role, grid in task.geometry.items()}
    with pytest.raises(CheckFailed, match=r"image 1 of input 'in-phase' lies 189.00 mm off its grid"):
        encode(FINDINGS, replace(task, geometry=mirrored))


def test_a_stack_that_leans_as_far_as_a_volume_may_is_taken(task: Work, tmp_path: Path) -> None:
    """Slice centres 0.9 degrees off the normal: the grid room takes that for a volume, frames stay on their slices."""
    grid = task.geometry["in-phase"]
    lean = np.asarray(grid.normal) + np.tan(np.radians(0.9)) * np.asarray(grid.row)
    x, y, z = (float(value) for value in lean)
    files = builders.mr_series(tmp_path / "lean", geometry=replace(grid, normal=(x, y, z)))
    assert encode(FINDINGS, cases.work(dict.fromkeys(task.inputs, files), task.geometry))
