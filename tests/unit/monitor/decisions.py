"""Readable builders for ledger entries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dicomnode.domain.decision import LedgerEntry, Model
from dicomnode.domain.identity import AETitle, StudyInstanceUID
from tests.values import at, digest

BY = Model(plugin="triage", model="darndest", version="1", digest=digest("weights"))


def entry(number: int, **changes: Any) -> LedgerEntry:
    """A decision on a study of its own."""
    made = LedgerEntry(
        number=number,
        decided=at(number),
        task_id=digest(f"task {number}"),
        study_instance_uid=StudyInstanceUID(f"1.2.{number}"),
        accession_number=f"A{number}",
        plugin_version="0.1.0",
        by=BY,
        tier="negative",
        positive=False,
        scores={"t1": 0.25},
        features={"t1_noise": 0.5},
        inputs={"t1": {"EchoTime": 12.0, "FatSaturation": "no"}},
        sender=AETitle("SCANNER"),
    )
    return replace(made, **changes)
