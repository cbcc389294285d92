"""highdicom's faults that ``dicomnode.encode`` mends: a test here fails when upstream has mended one itself.

Then the mend named in the test goes, and the test with it.
"""

from __future__ import annotations

from typing import Any

import highdicom
import numpy as np
import pytest
from highdicom.sr import CodedConcept, ImageLibrary, QualitativeEvaluation
from pydicom import Dataset, dcmread

from dicomnode.encode import Work
from dicomnode.sdk import codes


def images(task: Work) -> list[Dataset]:
    return [dcmread(path) for path in task.inputs["in-phase"]]


def common() -> dict[str, Any]:
    return {
        "series_instance_uid": "1.2.3",
        "series_number": 1,
        "sop_instance_uid": "1.2.3.4",
        "instance_number": 1,
        "manufacturer": "m",
        "manufacturer_model_name": "m",
        "software_versions": "1",
        "device_serial_number": "1",
    }


def segmentation(sources: list[Dataset]) -> highdicom.seg.Segmentation:
    liver = CodedConcept(codes.LIVER.value, codes.LIVER.scheme, codes.LIVER.meaning)
    described = highdicom.seg.SegmentDescription(1, "Liver", liver, liver, "MANUAL")
    mask = np.ones((len(sources), sources[0].Rows, sources[0].Columns), np.uint8)
    return highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=mask,
        segmentation_type="BINARY",
        segment_descriptions=[described],
        **common(),
    )


def parametric_map(sources: list[Dataset]) -> highdicom.pm.ParametricMap:
    percent = CodedConcept("%", "UCUM", "Percent")
    return highdicom.pm.ParametricMap(
        source_images=sources,
        pixel_array=np.zeros((len(sources), sources[0].Rows, sources[0].Columns), np.float32),
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[highdicom.pm.RealWorldValueMapping("l", "e", percent, (0.0, 1.0))],
        voi_lut_transformations=[highdicom.VOILUTTransformation(1.0, 1.0)],
        **common(),
    )


def test_dimension_organization_uids_are_random(task: Work) -> None:
    """Mend: ``finalize.pin_dimension_organization``."""
    one, other = (segmentation(images(task)).DimensionIndexSequence[0].DimensionOrganizationUID for _ in range(2))
    assert one != other


def test_it_stamps_itself_with_the_wall_clock(task: Work) -> None:
    """Mend: ``context.stamp``."""
    dataset = segmentation(images(task))
    assert "InstanceCreationTime" in dataset
    assert "ContributionDateTime" in dataset.ContributingEquipmentSequence[-1]
    assert dataset.ContributingEquipmentSequence[-1].ManufacturerModelName == "highdicom"


def test_several_character_sets_crash_it(task: Work) -> None:
    """Mend: ``sources.in_unicode``."""
    sources = images(task)
    for source in sources:
        source.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    with pytest.raises(ValueError, match="is not a valid SpecificCharacterSetValues"):
        segmentation(sources)


def test_identity_it_does_not_like_stops_it(task: Work) -> None:
    """Mend: ``grid.carriers`` keep identity away from it, ``context.stamp`` writes it as the source has it."""
    sources = images(task)
    for source in sources:
        source.PatientSex = "W"
    with pytest.raises(ValueError, match="'W' is not a valid PatientSexValues"):
        segmentation(sources)


def test_images_whose_orientation_differs_in_the_last_digit_stop_it(task: Work) -> None:
    """Mend: ``grid.carriers``; ``check`` proves that every frame still lies on its slice."""
    sources = images(task)
    sources[1].ImageOrientationPatient[0] = float(sources[1].ImageOrientationPatient[0]) + 1e-9
    with pytest.raises(ValueError, match="must have a shared orientation"):
        segmentation(sources)


def test_a_map_has_no_content_creator_and_no_laterality(task: Work) -> None:
    """Mends: ``content_creator_name`` in ``pm.build``, ``context.body_part``."""
    dataset = parametric_map(images(task))
    assert "ContentCreatorName" not in dataset
    assert not {"BodyPartExamined", "Laterality"} & set(dataset.dir())


def test_an_institution_is_not_copied(task: Work) -> None:
    """Mend: ``context.stamp``."""
    sources = images(task)
    for source in sources:
        source.InstitutionName = "Clinic"
    assert "InstitutionName" not in segmentation(sources)


def test_an_evaluation_must_be_a_code() -> None:
    """Mend: ``sr._statement``."""
    with pytest.raises(TypeError):
        QualitativeEvaluation(CodedConcept("1", "99X", "Name"), "words")


def test_its_image_library_repeats_every_descriptor_for_every_image(task: Work) -> None:
    """Mend: ``library.build``."""
    library = ImageLibrary(images(task))
    entries = [item for item in library[0].ContentSequence[0].ContentSequence if item.ValueType == "IMAGE"]
    assert [len(entry.ContentSequence) for entry in entries] == [17] * 5


def test_a_label_map_describes_its_background(task: Work) -> None:
    """Mend: ``seg.build``; viewers shift their colours by it."""
    sources = images(task)
    liver = CodedConcept(codes.LIVER.value, codes.LIVER.scheme, codes.LIVER.meaning)
    dataset = highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=np.ones((len(sources), sources[0].Rows, sources[0].Columns), np.uint8),
        segmentation_type="LABELMAP",
        segment_descriptions=[highdicom.seg.SegmentDescription(1, "Liver", liver, liver, "MANUAL")],
        **common(),
    )
    assert [item.SegmentNumber for item in dataset.SegmentSequence] == [0, 1]


def test_a_reference_to_a_frame_names_the_segment_too() -> None:
    """PS3.3 Table 10-3 allows one of the two. Mend: ``sr._segment_frame``."""
    source = highdicom.sr.SourceImageForSegmentation("1.2.840.10008.5.1.4.1.1.4", "1.2.3")
    reference = highdicom.sr.ReferencedSegmentationFrame("1.2.840.10008.5.1.4.1.1.66.4", "1.2.4", 1, 1, source)
    item = reference[0].ReferencedSOPSequence[0]
    assert {"ReferencedFrameNumber", "ReferencedSegmentNumber"} <= set(item.dir())


def palette() -> highdicom.PaletteColorLUTTransformation:
    return highdicom.PaletteColorLUTTransformation.from_combined_lut(np.zeros((256, 3), np.uint16))


def test_a_pseudo_colour_state_takes_no_window(task: Work) -> None:
    """Mend: ``pr.build`` sets Softcopy VOI LUT Sequence itself."""
    with pytest.raises(TypeError, match="isinstance"):
        highdicom.pr.PseudoColorSoftcopyPresentationState(
            images(task),
            palette_color_lut_transformation=palette(),
            voi_lut_transformations=[highdicom.pr.SoftcopyVOILUTTransformation(100.0, 200.0)],
            content_label="X",
            **common(),
        )


def test_a_blending_has_no_frame_of_reference(task: Work) -> None:
    """Mend: ``pr.build``."""
    sources = images(task)
    blended = highdicom.pr.AdvancedBlending(sources, 1, palette_color_lut_transformation=palette())
    shown = highdicom.pr.BlendingDisplay("EQUAL", [highdicom.pr.BlendingDisplayInput(1)])
    state = highdicom.pr.AdvancedBlendingPresentationState(sources, [blended], [shown], content_label="X", **common())
    assert "FrameOfReferenceUID" not in state


def test_a_presentation_state_takes_all_pixels_for_squares(task: Work) -> None:
    """Mend: ``pr._displayed``."""
    sources = images(task)
    assert sources[0].PixelSpacing[0] != sources[0].PixelSpacing[1]
    state = highdicom.pr.GrayscaleSoftcopyPresentationState(sources, content_label="X", **common())
    assert state.DisplayedAreaSelectionSequence[0].PresentationPixelAspectRatio == [1, 1]


def test_a_selection_and_a_capture_lose_the_issuer(task: Work) -> None:
    """Mend: ``context.identify``; without issuer a result lands on the wrong patient where clinics share a PACS."""
    sources = images(task)
    selected = highdicom.ko.KeyObjectSelection(CodedConcept("113000", "DCM", "Of Interest"), sources)
    place = {
        key: value
        for key, value in common().items()
        if key not in ("manufacturer_model_name", "software_versions", "device_serial_number")
    }
    document = highdicom.ko.KeyObjectSelectionDocument(evidence=sources, content=selected, **place)
    pixels = np.zeros((sources[0].Rows, sources[0].Columns, 3), np.uint8)
    capture = highdicom.sc.SCImage.from_ref_dataset(
        sources[0], pixels, "RGB", 8, "PATIENT", patient_orientation=("L", "P"), **place
    )
    assert sources[0].IssuerOfPatientID
    assert "IssuerOfPatientID" not in document
    assert "IssuerOfPatientID" not in capture
