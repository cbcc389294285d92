"""All inputs of a task must be of one patient, and those that are no priors of one study."""

from __future__ import annotations

from collections.abc import Iterable

from dicomnode.domain.instance import InstanceHeader

_COMPARED = {
    "patient_id": "patient ID",
    "issuer": "issuer of the patient ID",
    "birth_date": "patient's birth date",
    "sex": "patient's sex",
}


def different_studies(headers: Iterable[InstanceHeader]) -> str:
    """What is wrong with inputs that must be of one study; empty when they are."""
    return "the inputs are of different studies" if len({header.study_instance_uid for header in headers}) > 1 else ""


def contradiction(segmentation: InstanceHeader, image: InstanceHeader) -> str:
    """What a segmentation says otherwise of the patient than an image, without saying any value; empty when nothing.

    A workstation that leaves something out contradicts nobody.
    """
    for attribute, meaning in _COMPARED.items():
        theirs, ours = getattr(segmentation.patient, attribute), getattr(image.patient, attribute)
        if theirs and ours and theirs != ours:
            return f"a segmentation that disagrees with the images on the {meaning}"
    return ""


def different_patients(headers: Iterable[InstanceHeader]) -> str:
    """What headers do not agree on, without saying any value; empty when they are of one patient.

    Patient's Name is not compared: spelling and character set differ between systems of one hospital.
    """
    everyone = list(headers)
    for attribute, meaning in _COMPARED.items():
        if len({getattr(header.patient, attribute) for header in everyone}) > 1:
            return f"the inputs disagree on the {meaning}"
    return ""
