"""A plugin's decisions become ledger entries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dicomnode.dicom.frames import classic
from dicomnode.dicom.physics import fat_saturation, number
from dicomnode.dicom.segment_facts import CLASSES
from dicomnode.domain.decision import Freeze, LedgerEntry, Model, Tags
from dicomnode.domain.instance import Facts
from dicomnode.domain.task import Input, Task
from dicomnode.sdk.findings import Decision, Finding

TEXTS = ("Manufacturer", "ManufacturerModelName", "SoftwareVersions", "ProtocolName", "ScanningSequence")
NUMBERS = ("MagneticFieldStrength", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "SliceThickness")


def entries(
    task: Task, findings: Sequence[Finding], now: datetime, freezes: Sequence[Freeze] = ()
) -> tuple[LedgerEntry, ...]:
    """One entry for each decision among a task's findings, in their order."""
    images = [entry for entry in task.inputs if entry.instances[0].header.sop_class_uid not in CLASSES]
    inputs = {entry.role: tags(entry) for entry in images}
    first = images[0].instances[0]
    made = []
    for decision in findings:
        if isinstance(decision, Decision):
            by = Model(plugin=task.plugin, model=decision.model, version=decision.version, digest=decision.digest)
            entry = LedgerEntry(
                number=0,
                decided=now,
                task_id=task.task_id,
                study_instance_uid=task.study_instance_uid,
                accession_number=_text(first.header.facts, "AccessionNumber"),
                plugin_version=task.version,
                by=by,
                tier=decision.tier,
                positive=decision.positive,
                scores=dict(decision.scores),
                features=dict(decision.features),
                inputs=inputs,
                sender=first.calling_aet,
                shadow=decision.shadow,
                withheld=not decision.shadow and bool(frozen(freezes, by)),
            )
            made.append(entry)
    return tuple(made)


def frozen(freezes: Sequence[Freeze], by: Model) -> str:
    """Why a model may not speak, in words; empty when it may."""
    for freeze in freezes:
        if freeze.plugin == by.plugin and freeze.model in ("", by.model):
            what = f"model {freeze.model}" if freeze.model else f"plugin {freeze.plugin}"
            return f"{what} by {freeze.by}: {freeze.reason}"
    return ""


def tags(entry: Input) -> Tags:
    """How an input was acquired, by the header of its first slice: scanner, field, sequence, times, fat saturation."""
    header = entry.instances[0].header
    frame = header.frames[entry.frames[0] - 1] if entry.frames and header.frames else {}
    facts = classic({**header.facts, **frame})
    found: dict[str, str | float] = {"FatSaturation": "yes" if fat_saturation(facts) else "no"}
    found |= {keyword: text for keyword in TEXTS if (text := _text(facts, keyword))}
    found |= {keyword: value for keyword in NUMBERS if (value := number(facts, keyword)) is not None}
    found["SliceSpacing"] = round(entry.geometry.spacing[0], 3)
    return found


def _text(facts: Facts, keyword: str) -> str:
    value = facts.get(keyword, "")
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value)
