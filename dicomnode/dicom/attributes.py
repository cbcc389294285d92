"""Which attributes a header is read from."""

from __future__ import annotations

from pydicom.datadict import tag_for_keyword

_ATTRIBUTES = {
    "study": "StudyDate StudyTime StudyDescription StudyID AccessionNumber BodyPartExamined Laterality ImageLaterality",
    "series": "Modality SeriesDescription SeriesNumber SeriesDate SeriesTime ProtocolName PatientPosition "
    "FrameOfReferenceUID ImagesInAcquisition Manufacturer ManufacturerModelName SoftwareVersions DeviceSerialNumber "
    "StationName ContributingEquipmentSequence",
    "image": "InstanceNumber ImageType FrameType AcquisitionNumber AcquisitionDateTime AcquisitionDate AcquisitionTime "
    "ContentDate ContentTime ImageComments DerivationDescription BurnedInAnnotation QualityControlImage "
    "LossyImageCompression",
    "physics": "ScanningSequence SequenceVariant ScanOptions MRAcquisitionType SequenceName PulseSequenceName EchoTime "
    "EchoNumbers EffectiveEchoTime RepetitionTime InversionTime InversionTimes FlipAngle EchoTrainLength "
    "NumberOfAverages MagneticFieldStrength ImagingFrequency ImagedNucleus TriggerTime TemporalPositionIdentifier "
    "NumberOfTemporalPositions DiffusionBValue DiffusionGradientOrientation AcquisitionMatrix ReceiveCoilName "
    "ComplexImageComponent AcquisitionContrast PixelBandwidth RescaleType",
    "enhanced": "EchoPulseSequence EchoPlanarPulseSequence SteadyStatePulseSequence Spoiling InversionRecovery "
    "SpectrallySelectedExcitation SpectrallySelectedSuppression TransmitterFrequency ResonantNucleus "
    "RFEchoTrainLength GradientEchoTrainLength MRAcquisitionFrequencyEncodingSteps "
    "MRAcquisitionPhaseEncodingStepsInPlane FrameAcquisitionDateTime TemporalPositionIndex "
    "NominalCardiacTriggerDelayTime DiffusionDirectionality VolumetricProperties",
    "contrast": "ContrastBolusAgent ContrastBolusRoute ContrastBolusVolume ContrastBolusStartTime "
    "ContrastBolusIngredient ContrastBolusAgentSequence ContrastBolusAgentAdministered",
    "patient": "Allergies PregnancyStatus",
    "grid": "ImagePositionPatient ImageOrientationPatient PixelSpacing SliceThickness SpacingBetweenSlices "
    "SliceLocation Rows Columns NumberOfFrames NumberOfSlices ConcatenationUID InConcatenationTotalNumber "
    "SamplesPerPixel PhotometricInterpretation BitsAllocated",
    "segmentation": "SegmentationType SegmentsOverlap",
}
PRIVATE = {
    "PhilipsNumberOfSlices": (0x20010010, "Philips Imaging DD 001", 0x20011018, "SL"),
    "GELocationsInAcquisition": (0x00210010, "GEMS_RELA_01", 0x0021104F, "SS"),
}
"""Private attributes: where their creator stands, its name, their tag and VR; scanners put these blocks at 0x10."""
KEYWORDS = (*(keyword for names in _ATTRIBUTES.values() for keyword in names.split()), *PRIVATE)
"""Keywords of the attributes that become facts of an instance."""
INSIDE = {"ContributingEquipmentSequence": "Manufacturer", "ContrastBolusAgentSequence": "CodeMeaning"}
"""What is read of every item of a sequence; the fact is the list of these values."""

PATIENT = {
    "PatientID": "patient_id",
    "IssuerOfPatientID": "issuer",
    "PatientName": "name",
    "PatientBirthDate": "birth_date",
    "PatientSex": "sex",
}
"""Attributes of the patient, by keyword."""
_IDENTITY = ("SpecificCharacterSet", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
WANTED: dict[int, str] = {
    tag: keyword for keyword in (*_IDENTITY, *PATIENT, *KEYWORDS) if (tag := tag_for_keyword(keyword)) is not None
}
CREATORS = {keyword: f"{keyword}Creator" for keyword in PRIVATE}
WANTED |= {creator: CREATORS[keyword] for keyword, (creator, _, _, _) in PRIVATE.items()}
WANTED |= {tag: keyword for keyword, (_, _, tag, _) in PRIVATE.items()}
"""Tags and keywords of the attributes a header is read from."""
FACTS = frozenset(KEYWORDS)
IDENTIFIERS = tuple(tag for tag, keyword in WANTED.items() if keyword in _IDENTITY[1:])
"""Tags of the UIDs of SOP class, instance, study and series, in this order."""
PERSON: dict[int, str] = {
    tag: keyword for tag, keyword in WANTED.items() if keyword in ("SpecificCharacterSet", *PATIENT)
}
"""Tags and keywords of what tells who the patient is."""
NAMED = frozenset({*IDENTIFIERS, *PERSON})
"""Tags of the elements that tell whose instance it is."""
IN_FRAMES = {tag: keyword for tag, keyword in WANTED.items() if keyword in FACTS}
"""Those that functional groups may hold."""

LONGEST_VALUE = 16384
"""Bytes; a longer value of any of these attributes is absurd and not looked at further."""
