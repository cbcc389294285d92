"""A fact of a patient that a site has told the node."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One fact as a feed tells it; names and values are those of ``dicomnode.sdk.facts``."""

    patient_id: str
    issuer: str = ""
    """Issuer of Patient ID; empty when the feed does not say: then the Patient ID alone must fit."""
    accession_number: str = ""
    """Of the order it belongs to; empty for what is true of the patient."""
    name: str
    value: float | str
    source: str
    """``hl7``, ``csv``."""
    observed: datetime | None = None
