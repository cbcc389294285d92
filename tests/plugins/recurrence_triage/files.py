"""A phantom exam and a model of random weights as a hospital has them: DICOM files, and a card with weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydicom import dcmwrite

from dicomnode.sdk import Model, Volume
from tests.plugins.fusion.files import ROOT, image_of
from tests.plugins.recurrence_triage.exams import FACTS, a_model, an_outliner

_COMMON: dict[str, Any] = {
    "Manufacturer": "SIEMENS",
    "ScanningSequence": "SE",
    "SequenceVariant": "SK",
    "FlipAngle": 90.0,
    "MRAcquisitionType": "2D",
    "MagneticFieldStrength": 1.5,
    "BodyPartExamined": "NECK",
}


def write_exam(folder: Path, volumes: Mapping[str, Volume], study: int = 1, **changes: Any) -> list[Path]:
    """All series of one study in one frame of reference."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, (name, volume) in enumerate(volumes.items(), start=1):
        facts = {**_COMMON, **FACTS[name], "FrameOfReferenceUID": f"{ROOT}.{study}.0.1", **changes}
        facts["ContrastBolusAgent"] = "Gd-DTPA" if name == "t1c" else None
        facts["SeriesDescription"] = {"t1": "AX T1 SE", "t2": "AX T2 TSE", "t1c": "AX T1 SE +C"}[name]
        for position in range(volume.array.shape[0]):
            image = image_of(volume, position, number, study, facts)
            if facts["ContrastBolusAgent"] is None:
                del image.ContrastBolusAgent
            path = folder / f"{study}-{number}-{position:03}.dcm"
            dcmwrite(path, image, enforce_file_format=True)
            paths.append(path)
    return paths


def write_model(folder: Path, status: str = "research") -> Path:
    """A card and random weights beside it; below its second cut-off lies no score."""
    folder.mkdir(parents=True, exist_ok=True)
    return _write_card(folder / "card.toml", a_model(folder), "triage", status)


def write_outliner(folder: Path) -> Path:
    """Another card, of random weights that propose a volume."""
    folder.mkdir(parents=True, exist_ok=True)
    return _write_card(folder / "outline.toml", an_outliner(folder, id="random-outline"), "outline", "research")


def _write_card(card: Path, model: Model, slot: str, status: str) -> Path:
    lines = [f'id = "{model.id}"', 'version = "1"', 'plugin = "recurrence_triage"', f'slot = "{slot}"']
    lines += [f'architecture = "{model.architecture}"', f'status = "{status}"', 'statement = "nothing: random weights"']
    for name, entry in model.files.items():
        lines += [f"[weights.{name}]", f'file = "{entry.path.name}"', f'sha256 = "{entry.sha256}"']
    lines += ["[cutoffs]", *(f"{name} = {value}" for name, value in model.cutoffs.items())]
    lines += ["[domain]", "pixel_spacing = 2.0", "field_strength = [1.0, 2.0]", 'body_parts = ["NECK"]']
    lines += ["fat_saturated = { t1 = false, t2 = false }"]
    card.write_text("\n".join(lines))
    return card
