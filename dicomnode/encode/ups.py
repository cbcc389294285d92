"""An advice as a work item: the data set by which a Unified Procedure Step is created (PS3.4 CC.2.5)."""

from __future__ import annotations

from datetime import datetime

from pydicom import Dataset

from dicomnode.encode import uids
from dicomnode.sdk.codes import Code

_EMPTY_SEQUENCES = (
    "ScheduledProcessingParametersSequence",
    "ScheduledStationNameCodeSequence",
    "ScheduledStationClassCodeSequence",
    "ScheduledStationGeographicLocationCodeSequence",
    "ScheduledHumanPerformersSequence",
    "InputInformationSequence",
    "IssuerOfPatientIDQualifiersSequence",
    "OtherPatientIDsSequence",
    "IssuerOfAdmissionIDSequence",
    "AdmittingDiagnosesCodeSequence",
    "ProcedureStepProgressInformationSequence",
    "UnifiedProcedureStepPerformedProcedureSequence",
)
"""Type 2 in Table CC.2.5-3, and nothing is known for them."""
_EMPTY = (
    "TransactionUID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AdmissionID",
    "AdmittingDiagnosesDescription",
)
_LONGEST_LABEL, _LONGEST_COMMENT = 64, 10240  # VR LO and LT, PS3.5 Table 6.2-1
_WORKLIST = "MR contrast advice"


def workitem(
    *, study: str, patient_id: str, issuer: str, accession_number: str, what: Code, comment: str, begins: datetime
) -> Dataset:
    """Make the attributes of Table CC.2.5-3 that the user of N-CREATE has to give: all of type 1 and 2.

    Whom it is about is said by Patient ID and Accession Number, as the order says it; never by name.

    Parameters
    ----------
    what : Code
        What is to be done; its meaning is the label.
    begins : datetime
        From when on it may be done, with a time zone.

    Returns
    -------
    Dataset
        With a SOP Instance UID (PS3.18 11.4.1.1) that follows from study and code: it can be created only once.
    """
    made = Dataset()
    made.SpecificCharacterSet = "ISO_IR 192"
    made.SOPInstanceUID = uids.workitem(study, what.value)
    for keyword in _EMPTY:
        setattr(made, keyword, "")
    for keyword in _EMPTY_SEQUENCES:
        setattr(made, keyword, [])
    made.ScheduledProcedureStepPriority, made.ProcedureStepState = "HIGH", "SCHEDULED"
    made.InputReadinessState = "READY"
    made.ProcedureStepLabel, made.WorklistLabel = what.meaning[:_LONGEST_LABEL], _WORKLIST
    made.ScheduledProcedureStepStartDateTime = f"{begins:%Y%m%d%H%M%S%z}"
    made.CommentsOnTheScheduledProcedureStep = comment[:_LONGEST_COMMENT]
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = what.value, what.scheme, what.meaning
    made.ScheduledWorkitemCodeSequence = [code]
    made.StudyInstanceUID = study
    made.PatientID, made.IssuerOfPatientID = patient_id, issuer
    made.ReferencedRequestSequence = [_request(study, accession_number)]
    return made


def _request(study: str, accession_number: str) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID, item.AccessionNumber = study, accession_number
    item.RequestedProcedureID = item.RequestedProcedureDescription = ""
    for keyword in (
        "IssuerOfAccessionNumberSequence",
        "OrderPlacerIdentifierSequence",
        "OrderFillerIdentifierSequence",
        "RequestedProcedureCodeSequence",
    ):
        setattr(item, keyword, [])
    return item
