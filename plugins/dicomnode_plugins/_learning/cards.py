"""The card of a model that a site has trained: drafted after the training, given its cut-offs by the calibration."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from dicomnode.sdk import Unsuitable

CARD = "card.toml"


def draft(folder: Path, record: Mapping[str, Any], *, plugin: str, slot: str, networks: Sequence[str]) -> None:
    """Write the card of a finished training: status research, no cut-offs yet, the node's default domain."""
    counted = record["data"]
    exams = ", ".join(
        f"{part} {counted[part]['exams']} exams of {counted[part]['patients']} patients, {counted[part]['positive']} "
        "positive"
        for part in ("training", "validation")
    )
    taught = ""
    if teacher := record.get("teacher"):
        unlabelled = max(said["exams"]["training"]["unlabelled"] for said in record["models"].values())
        taught = f" taught by {teacher['model']} ({teacher['digest']}), on {unlabelled} exams without label alone;"
    card = {
        "id": f"{plugin.replace('_', '-')}-{counted['digest'][:8]}",
        "version": f"seed-{record['recipe']['seed']}{'-taught' if taught else ''}",
        "plugin": plugin,
        "slot": slot,
        "architecture": record["architecture"],
        "status": "research",
        "statement": f"Trained by this site;{taught} {exams}; data {counted['digest']}. "
        "Say here who the patients were.",
        "weights": {
            name: {"file": record["models"][name]["file"], "sha256": record["models"][name]["sha256"]}
            for name in networks
        },
    }
    _write(folder / CARD, card)


def freeze(folder: Path, report: Mapping[str, Any], rule: str) -> None:
    """Write the cut-offs of a calibration into the card beside it, and take an approval of other cut-offs away.

    Parameters
    ----------
    rule : str
        What they were chosen by, in words.

    Raises
    ------
    Unsuitable
        When there is no card.
    """
    file = folder / CARD
    try:
        card = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Unsuitable(f"{CARD} beside the models cannot be read: {error}") from error
    card["cutoffs"] = dict(report["cutoffs"])
    card["calibration"] = {
        "digest": report["digest"],
        "cases": report["calibration"]["exams"],
        "rule": rule,
    }
    if card.pop("approval", None) is not None:
        card["status"] = "research"
    _write(file, card)


def _write(file: Path, card: Mapping[str, Any]) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(tomli_w.dumps(card), encoding="utf-8")
    fresh.replace(file)
