"""A content tree becomes an SR document: flags and evidence around it (PS3.3 A.35, C.17).

highdicom's own documents copy the whole tree twice and walk it once for every piece of evidence.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom import Dataset

from dicomnode.encode.references import by_series

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"


def report(root: Dataset, evidence: Iterable[Dataset], replaces: Dataset | None = None) -> Dataset:
    """A Comprehensive 3D SR that nobody has verified (PS3.3 A.35.13).

    Parameters
    ----------
    root : Dataset
        The root content item.
    evidence : iterable of Dataset
        All instances the content speaks of or was made from.
    replaces : Dataset, optional
        The report that this one takes the place of (PS3.3 C.17.2, Predecessor Documents Sequence).
    """
    dataset = _document(COMPREHENSIVE_3D_SR, "SR", root, evidence)
    if replaces is not None:
        dataset.PredecessorDocumentsSequence = [_study(replaces.StudyInstanceUID, [replaces])]
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    dataset.PreliminaryFlag = "PRELIMINARY"
    dataset.PerformedProcedureCodeSequence = []
    return dataset


def selection(root: Dataset, evidence: Iterable[Dataset]) -> Dataset:
    """A Key Object Selection Document (PS3.3 A.35.4)."""
    return _document(KEY_OBJECT_SELECTION, "KO", root, evidence)


def _document(sop_class: str, modality: str, root: Dataset, evidence: Iterable[Dataset]) -> Dataset:
    dataset = Dataset()
    dataset.SOPClassUID = sop_class
    dataset.Modality = modality
    dataset.ReferencedPerformedProcedureStepSequence = []
    dataset.update(root)
    instances = list(evidence)
    here = instances[0].StudyInstanceUID
    dataset.CurrentRequestedProcedureEvidenceSequence = [
        _study(here, [instance for instance in instances if instance.StudyInstanceUID == here])
    ]
    others = dict.fromkeys(instance.StudyInstanceUID for instance in instances if instance.StudyInstanceUID != here)
    if others:
        dataset.PertinentOtherEvidenceSequence = [
            _study(uid, [instance for instance in instances if instance.StudyInstanceUID == uid]) for uid in others
        ]
    return dataset


def _study(uid: str, instances: Iterable[Dataset]) -> Dataset:
    """Hierarchical SOP Instance Reference macro (PS3.3 Table C.17-3)."""
    item = Dataset()
    item.StudyInstanceUID = uid
    item.ReferencedSeriesSequence = by_series(instances, "ReferencedSOPSequence")
    return item
