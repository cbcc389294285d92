"""What stands in each kind of object, seen through pydicom alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

import dicomnode
from dicomnode.assemble.assess import OWN_MANUFACTURER
from dicomnode.dicom import header
from dicomnode.domain.identity import IMPLEMENTATION_CLASS_UID
from dicomnode.encode import Work, encode
from dicomnode.encode.burn import mark
from dicomnode.errors import CheckFailed, EncodingError
from dicomnode.sdk import ParametricMap, SecondaryCapture, Segmentation, codes
from tests import builders, cases
from tests.drawn import BINARY, Structure, draw
from tests.unit.encode.written import name, nodes, of_kind, read

SHAPE = (5, 70, 64)
FINDINGS = cases.findings(SHAPE)


def one(work: Work, kind: str) -> Dataset:
    return of_kind(encode(FINDINGS, work), kind)[0]


def test_every_object_carries_patient_study_and_equipment(task: Work) -> None:
    results = encode(FINDINGS, task)
    assert [result.kind for result in results] == [*["SC"] * 5, "PM", "SEG", "SR"]
    for result in results:
        dataset = read(result)
        makers = header.read(*header.data_set_of(result.content)).facts["ContributingEquipmentSequence"]
        assert makers == ["Example", OWN_MANUFACTURER], "an archive coerces the manufacturer, not this"
        assert (dataset.PatientID, dataset.IssuerOfPatientID, dataset.PatientName) == (
            "TEST-1",
            "CLINIC",
            "Phantom^Test",
        )
        assert (dataset.PatientBirthDate, dataset.PatientSex, dataset.PatientWeight) == ("19700102", "O", 70)
        assert dataset.StudyInstanceUID == builders.uid("study", "study")
        assert (dataset.AccessionNumber, dataset.StudyID, dataset.StudyDescription) == ("A123", "4711", "MRI abdomen")
        assert dataset.ReferringPhysicianName == ""
        assert (dataset.ContentDate, dataset.ContentTime) == ("20240229", "082200")
        assert (dataset.SeriesDate, dataset.SeriesTime) == ("20240229", "082200")
        assert "InstanceCreationDate" not in dataset
        assert dataset.Manufacturer == "dicomnode"
        assert dataset.SoftwareVersions == [dicomnode.__version__, "fat_fraction 1.2.0"]
        acquired, processed = dataset.ContributingEquipmentSequence
        assert (acquired.Manufacturer, acquired.ManufacturerModelName) == ("Example", "Scanner 1.5")
        assert acquired.PurposeOfReferenceCodeSequence[0].CodeValue == "109101"
        assert processed.PurposeOfReferenceCodeSequence[0].CodeValue == "109102"
        assert processed.ContributionDescription == "Plugin fat_fraction 1.2.0"
        assert dataset.SeriesDescription == result.description
        assert dataset.SeriesDescription.endswith("(not for diagnostic use)")
        assert dataset.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID


def test_each_kind_has_its_own_series(task: Work) -> None:
    datasets = [read(result) for result in encode(FINDINGS, task)]
    series = {(dataset.SeriesInstanceUID, dataset.SeriesNumber) for dataset in datasets}
    assert len(series) == len({uid for uid, _ in series}) == len({number for _, number in series}) == 4


def test_the_segmentation_holds_only_frames_with_something_in_them(task: Work) -> None:
    segmentation = one(task, "SEG")
    assert segmentation.SegmentationType == "BINARY"
    assert segmentation.NumberOfFrames == 3 + 1
    assert [item.SegmentLabel for item in segmentation.SegmentSequence] == ["Liver", "Focus"]
    algorithm = segmentation.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("fat_fraction", "1.2.0")
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"
    assert "minimum" in algorithm.AlgorithmParameters
    assert "5.0 %" in algorithm.AlgorithmParameters
    assert segmentation.FrameOfReferenceUID == builders.uid("frame", "study")


def test_a_structure_is_tracked_over_tasks_of_one_patient_but_not_over_patients(task: Work, tmp_path: Path) -> None:
    write = partial(builders.mr_series, geometry=task.geometry["in-phase"])
    later = cases.work({"in-phase": write(tmp_path / "b", study="later")}, task.geometry, task_id="1" * 64)
    nameless = [
        cases.work({"in-phase": write(tmp_path / study, study=study, patient="")}, task.geometry)
        for study in ("c", "d")
    ]
    other = cases.work({"in-phase": write(tmp_path / "e", patient="TEST-2")}, task.geometry)
    findings = cases.findings(SHAPE, other="in-phase")
    tracked = [
        of_kind(encode(findings, work), "SEG")[0].SegmentSequence[0].TrackingUID
        for work in (task, later, other, *nameless)
    ]
    assert tracked[0] == tracked[1]
    assert len(set(tracked)) == 4


def test_the_map_holds_values_unit_and_padding(task: Work) -> None:
    parametric_map = one(task, "PM")
    finding = FINDINGS[1]
    assert isinstance(finding, ParametricMap)
    frames = np.frombuffer(parametric_map.FloatPixelData, "<f4").reshape(SHAPE)
    heights = [
        f.PlanePositionSequence[0].ImagePositionPatient[2] for f in parametric_map.PerFrameFunctionalGroupsSequence
    ]
    values = frames[np.argsort(np.asarray(heights, float))]
    missing = np.isnan(finding.array)
    np.testing.assert_array_equal(values[~missing], finding.array[~missing])
    assert set(values[missing]) == {np.float32(parametric_map.FloatPixelPaddingValue)}
    assert parametric_map.FloatPixelPaddingValue <= min(0, np.nanmin(finding.array)) - 1
    assert not np.isnan(values).any()
    mapping = parametric_map.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.DoubleFloatRealWorldValueFirstValueMapped == np.nanmin(finding.array)
    assert mapping.DoubleFloatRealWorldValueLastValueMapped == np.nanmax(finding.array)
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "%"
    assert mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0].CodeValue == "129100"
    window = parametric_map.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence[0]
    assert (window.WindowCenter, window.WindowWidth) == (25, 50)
    assert parametric_map.ContentQualification == "RESEARCH"
    series = {item.SeriesInstanceUID for item in parametric_map.ReferencedSeriesSequence}
    assert series == {builders.uid("series", "study", role) for role in ("in-phase", "opposed")}


def test_padding_stays_below_large_and_negative_values(task: Work) -> None:
    for offset in (0.0, -1000.0, 1e8, -1e8):
        finding = replace(
            FINDINGS[1], array=FINDINGS[1].array + np.float32(offset), value_range=(offset, offset + 50.0)
        )
        parametric_map = of_kind(encode([finding], task), "PM")[0]
        assert parametric_map.FloatPixelPaddingValue < min(np.nanmin(finding.array), offset)


def test_pictures_lie_on_their_source_slices(task: Work) -> None:
    images = of_kind(encode(FINDINGS, task), "SC")
    finding = FINDINGS[2]
    assert isinstance(finding, SecondaryCapture)
    for number, image in enumerate(images):
        sources = [item.ReferencedSOPInstanceUID for item in image.SourceImageSequence]
        assert sources == [builders.uid("instance", "study", role, number) for role in ("in-phase", "opposed")]
        grid = task.geometry["in-phase"]
        place = np.asarray(grid.affine()) @ (0, 0, number, 1)
        np.testing.assert_allclose(np.asarray(image.ImagePositionPatient, float), place[:3], atol=1e-5)
        np.testing.assert_allclose(np.asarray(image.ImageOrientationPatient, float), (*grid.row, *grid.column))
        assert (image.PixelSpacing, image.SliceThickness) == ([2.0, 1.5], 5)
        assert image.PatientOrientation == ["LP", "PRH"]
        assert image.BurnedInAnnotation == "YES"
        np.testing.assert_array_equal(image.pixel_array, mark(finding.frames[number]))


def test_a_free_standing_picture_has_no_place(task: Work) -> None:
    frames = np.zeros((1, 100, 151, 3), np.uint8)
    finding = SecondaryCapture(derived_from=("in-phase",), frames=frames, title="Overview")
    (image,) = of_kind(encode([finding], task), "SC")
    assert not {"FrameOfReferenceUID", "ImagePositionPatient", "PixelSpacing"} & set(image.dir())
    assert len(image.SourceImageSequence) == 5


def test_in_clinical_mode_nothing_is_burned_in_and_the_wording_changes(task: Work) -> None:
    results = encode(FINDINGS, replace(task, mode="clinical"))
    image = of_kind(results, "SC")[0]
    finding = FINDINGS[2]
    assert isinstance(finding, SecondaryCapture)
    np.testing.assert_array_equal(image.pixel_array, finding.frames[0])
    assert image.BurnedInAnnotation == "NO"
    assert all(result.description.endswith("(AI)") for result in results)
    assert not any(b"DIAGNOSTIC USE" in result.content for result in results)
    assert of_kind(results, "PM")[0].ContentQualification == "PRODUCT"


def test_the_report_says_everything_and_who_says_it(task: Work) -> None:
    report = one(task, "SR")
    assert report.ConceptNameCodeSequence[0].CodeValue == "126000"
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "COMPLETE",
        "UNVERIFIED",
        "PRELIMINARY",
    )
    texts = [(name(node), node.TextValue) for node in nodes(report) if node.ValueType == "TEXT"]
    assert ("Device Observer Name", "Dual-echo signal fat fraction") in texts
    assert ("Algorithm Parameters", "minimum = 5.0 %") in texts
    advised = texts.index(("Recommendation", "Compare with the in-phase image."))
    assert texts[advised + 1 : advised + 3] == [("Comment", "The echoes differ."), ("Caution", "not known: eGFR")]
    assert ("Fold-over possible", "two points cannot tell above 50 %") in texts
    assert any("NOT FOR DIAGNOSTIC USE" in text for name_, text in texts if name_ == "Comment")
    groups = [node for node in nodes(report) if name(node) == "Measurement Group"]
    numbers = [
        [str(node.MeasuredValueSequence[0].NumericValue) for node in group.ContentSequence if node.ValueType == "NUM"]
        for group in groups
    ]
    assert [[float(number) for number in group] for group in numbers] == [[12.35, 1430], [-1.5], [18.3]]
    assert [group.ContentTemplateSequence[0].TemplateIdentifier for group in groups] == ["1411", "1410", "1501"]


def test_a_segment_on_one_slice_is_reported_as_planar_and_named_by_its_frame(task: Work) -> None:
    results = encode(FINDINGS, task)
    segmentation, report = of_kind(results, "SEG")[0], of_kind(results, "SR")[0]
    frames = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in segmentation.PerFrameFunctionalGroupsSequence
    ]
    (planar,) = [node for node in nodes(report) if name(node) == "Referenced Segmentation Frame"]
    (source,) = [node for node in nodes(report) if name(node) == "Source Image for Segmentation"]
    reference = planar.ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
    assert reference.ReferencedFrameNumber == 1 + frames.index(2)
    assert "ReferencedSegmentNumber" not in reference
    assert source.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == builders.uid("instance", "study", "in-phase", 1)
    assert "ReferencedFrameNumber" not in source.ReferencedSOPSequence[0]


def test_the_reports_evidence_is_every_input_and_the_segmentation(task: Work) -> None:
    results = encode(FINDINGS, task)
    report = of_kind(results, "SR")[0]
    evidence = {
        instance.ReferencedSOPInstanceUID
        for study in report.CurrentRequestedProcedureEvidenceSequence
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    inputs = {builders.uid("instance", "study", role, n) for role in ("in-phase", "opposed") for n in range(5)}
    assert evidence == inputs | {str(result.sop_instance_uid) for result in results if result.kind == "SEG"}


def test_no_finding_still_makes_a_report(task: Work) -> None:
    (result,) = encode([], task)
    report = read(result)
    assert result.kind == "SR"
    assert any(node.get("TextValue", "").startswith("The algorithm reported no") for node in nodes(report))


def test_two_maps_of_one_title_become_two_objects(task: Work) -> None:
    results = encode([FINDINGS[1], FINDINGS[1]], task)
    one, other = of_kind(results, "PM")
    assert one.SOPInstanceUID != other.SOPInstanceUID
    assert one.SeriesNumber != other.SeriesNumber


def test_the_side_of_a_paired_body_part_is_stated_or_stated_unknown(task: Work, tmp_path: Path) -> None:
    for part, side, expected in (("KNEE", "R", "R"), ("KNEE", None, ""), ("BRAIN", None, "absent")):
        attributes = {"BodyPartExamined": part, "Laterality": side}
        files = builders.mr_series(tmp_path / part, geometry=task.geometry["in-phase"], attributes=attributes)
        image = of_kind(encode([FINDINGS[2]], cases.work(dict.fromkeys(task.inputs, files), task.geometry)), "SC")[0]
        assert image.BodyPartExamined == part
        assert image.get("Laterality", "absent") == expected


def test_a_lossy_past_is_carried_on(task: Work, tmp_path: Path) -> None:
    attributes = {
        "LossyImageCompression": "01",
        "LossyImageCompressionRatio": 10,
        "LossyImageCompressionMethod": "ISO_10918_1",
    }
    files = builders.mr_series(tmp_path / "lossy", geometry=task.geometry["in-phase"], attributes=attributes)
    results = encode(FINDINGS, cases.work(dict.fromkeys(task.inputs, files), task.geometry))
    for kind in ("SEG", "PM", "SC"):
        assert of_kind(results, kind)[0].LossyImageCompression == "01"


def test_the_task_decides_the_uids_and_the_bytes(task: Work) -> None:
    assert encode(FINDINGS, task) == encode(FINDINGS, task)
    other = encode(FINDINGS, replace(task, task_id="2" * 64))
    assert not {r.sop_instance_uid for r in other} & {r.sop_instance_uid for r in encode(FINDINGS, task)}


@pytest.mark.parametrize("keyword", ["FrameOfReferenceUID"])
def test_without_a_frame_of_reference_nothing_is_placed(keyword: str, task: Work, tmp_path: Path) -> None:
    files = builders.mr_series(tmp_path / "x", geometry=task.geometry["in-phase"], without=[keyword])
    work = cases.work(dict.fromkeys(task.inputs, files), task.geometry)
    for finding in FINDINGS[:3]:
        with pytest.raises(EncodingError, match="no Frame of Reference UID"):
            encode([finding], work)


def test_a_missing_thickness_becomes_the_slice_distance(task: Work, tmp_path: Path) -> None:
    files = builders.mr_series(tmp_path / "x", geometry=task.geometry["in-phase"], attributes={"SliceThickness": None})
    results = encode(FINDINGS, cases.work(dict.fromkeys(task.inputs, files), task.geometry))
    assert of_kind(results, "SC")[0].SliceThickness == 5
    measures = of_kind(results, "SEG")[0].SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert measures.SliceThickness == 5
    assert codes.VOLUME.value in {
        node.ConceptNameCodeSequence[0].CodeValue for node in nodes(of_kind(results, "SR")[0])
    }


@pytest.mark.parametrize("shape", [(1, 5, 7), (2, 3, 5), (3, 61, 67)])
@pytest.mark.parametrize("orientation", [builders.AXIAL, builders.CORONAL, builders.SAGITTAL])
@pytest.mark.parametrize("upwards", [True, False])
def test_any_grid_will_do(
    shape: tuple[int, int, int], orientation: builders.Directions, upwards: bool, tmp_path: Path
) -> None:
    """``encode`` proves masks, values and places itself; odd sizes and slices against row x column are its trials."""
    grid = builders.grid(shape, orientation=orientation)
    if not upwards:
        x, y, z = grid.normal
        grid = replace(grid, normal=(-x, -y, -z))
    files = builders.mr_series(tmp_path, geometry=grid)
    segmentation, *others = cases.findings(shape, other="in-phase")
    assert isinstance(segmentation, Segmentation)
    labels = np.zeros(shape, np.uint8)
    labels[0, :2, :3], labels[-1, 2:, 3:] = 1, 2
    work = cases.work({"in-phase": files}, {"in-phase": grid}, mode="clinical")
    results = encode([replace(segmentation, labels=labels), *others], work)
    assert of_kind(results, "SEG")[0].NumberOfFrames == 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientBirthDate", "1996.06.11"), ("PatientSex", "W"), ("PatientID", "x" * 80), ("StudyTime", "8:15")],
)
def test_identity_is_copied_even_where_the_source_breaks_the_rules(
    keyword: str, value: str, task: Work, tmp_path: Path
) -> None:
    files = builders.mr_series(tmp_path / "x", geometry=task.geometry["in-phase"], attributes={keyword: value})
    results = encode(FINDINGS, cases.work(dict.fromkeys(task.inputs, files), task.geometry))
    assert {str(read(result)[keyword].value) for result in results} == {value}


def test_what_the_library_refuses_is_an_encoding_error(task: Work) -> None:
    segmentation = FINDINGS[0]
    assert isinstance(segmentation, Segmentation)
    faulty = replace(segmentation, segments=(replace(cases.LIVER, colour=(300, 0, 0)), cases.FOCUS))
    with pytest.raises(EncodingError, match=r"the findings of fat_fraction cannot be written: .*RGB"):
        encode([faulty], task)


def drawn(task: Work, folder: Path, **odd: object) -> Work:
    labels = cases.labels(SHAPE)
    geometry = task.geometry["in-phase"]
    two = (Structure(), Structure(label="Focus"))
    file = draw(folder / "drawn.dcm", task.inputs["in-phase"], geometry, labels, structures=two, attributes=odd)
    return replace(task, segmentations={"mask": file})


def test_a_received_segmentation_that_was_used_is_in_the_image_library_and_the_evidence(
    task: Work, tmp_path: Path
) -> None:
    report = one(drawn(task, tmp_path), "SR")
    library = next(item for item in nodes(report) if name(item) == "Image Library")
    *_, group = library.ContentSequence
    assert [item.ConceptCodeSequence[0].CodeValue for item in group.ContentSequence if name(item) == "Modality"] == [
        "SEG"
    ]
    (source,) = (item for item in group.ContentSequence if item.ValueType == "IMAGE")
    reference = source.ReferencedSOPSequence[0]
    drawn_uid = builders.uid("instance", builders.uid("study", "study"), "drawn")
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (BINARY, drawn_uid)
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    listed = {
        item.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert drawn_uid in listed
    assert report.ContentTime == "120000", "the result is as new as what was drawn"
    assert drawn_uid not in str(one(task, "SR"))


def test_a_segmentation_of_somebody_else_is_never_a_source(task: Work, tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="a segmentation differs from the input images in PatientBirthDate"):
        encode(FINDINGS, drawn(task, tmp_path, PatientBirthDate="19991231"))


def test_the_side_of_a_segment_is_in_the_segmentation_and_in_its_measurements(task: Work) -> None:
    left = [
        replace(f, segments=(replace(cases.LIVER, side="L"), *f.segments[1:])) if isinstance(f, Segmentation) else f
        for f in FINDINGS
    ]
    results = encode(left, task)
    (image,) = of_kind(results, "SEG")
    first, second = (item.SegmentedPropertyTypeCodeSequence[0] for item in image.SegmentSequence)
    assert first.SegmentedPropertyTypeModifierCodeSequence[0].CodeValue == "7771000"
    assert "SegmentedPropertyTypeModifierCodeSequence" not in second
    (site,) = (item for item in nodes(of_kind(results, "SR")[0]) if name(item) == "Finding Site")
    assert site.ConceptCodeSequence[0].CodeValue == codes.LIVER.value
    assert site.ContentSequence[0].ConceptCodeSequence[0].CodeValue == "7771000"
