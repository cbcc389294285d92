"""Networks that outline: exams with masks, the level frozen on exams no network has seen, agreement with the masks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from dicomnode.sdk import Context, Unsuitable
from dicomnode.sdk.cohort import Assignment, Example
from dicomnode_plugins._learning import cards
from dicomnode_plugins._learning.agreement import Spacing, agreement, dice, mean
from dicomnode_plugins._learning.course import counts, digest, read_run, scored
from dicomnode_plugins._learning.examples import having, outlined, sequences_of, with_masks
from dicomnode_plugins._learning.freezing import CALIBRATION, refuse_seen, shares
from dicomnode_plugins._learning.nasopharynx import CROPS as GRIDS
from dicomnode_plugins._learning.networks import CROPS

LEVEL = "level"
"""The cut-off of a network that outlines: voxels at or above it are of the proposal."""
FEWEST = 30
"""Exams with an outline that a calibration needs: with fewer the interval of the mean DSC is wider than 0.1."""
_LEVELS = np.round(np.arange(0.1, 0.91, 0.05), 2)

Maps = npt.NDArray[np.floating[Any]]
Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How the proposals of a number of exams agree with the outlines of experts; intervals are of 95 %."""

    dice: dict[str, float]
    """Mean DSC with its interval over the exams that have an outline; 0 where nothing was proposed."""
    mean_distance: dict[str, float]
    """ASSD, mm, over those with an outline and a proposal; empty where these are fewer than two."""
    far_distance: dict[str, float]
    """HD95, mm, over the same."""
    met: dict[str, Any]
    """Of the exams with an outline, those whose proposal shares a voxel with it."""
    silent: dict[str, Any]
    """Of the exams without one, those in which nothing is proposed; empty where there are none."""


def calibrate(assignment: Assignment, context: Context, outline: str) -> None:
    """Freeze the level at which the mean DSC on the calibration set is largest; a test set chooses nothing.

    Leaves ``calibration.json`` in the output folder, which is that of the training, and writes the level into its card.

    Parameters
    ----------
    outline : str
        Role of the segmentations that outline what is looked for.

    Raises
    ------
    Unsuitable
        When the training has not ended, an exam was trained on, or too few have an outline.
    """
    record = read_run(assignment.output)
    if not record["models"]:
        raise Unsuitable("the training has not ended: there is no network")
    (name,) = record["models"]
    architecture = record["architecture"]
    known = outlined(having(assignment.examples, architecture, sequences_of(name)), architecture, outline)
    refuse_seen(known, record)
    chosen = [example for example in known if example.part == "calibration"]
    if (drawn := sum(example.positive is True for example in chosen)) < FEWEST:
        raise Unsuitable(f"calibration needs {FEWEST} exams with an outline; there are {drawn}")
    spacing = GRIDS[CROPS[architecture]].spacing
    context.progress(0.1, f"outlining {len(chosen)} calibration exams")
    maps, masks = expit(scored(assignment.output, record, name, chosen)), _masks(chosen, record, name, outline)
    level = best_level(maps, masks)
    report: dict[str, Any] = {
        "digest": digest(chosen),
        "cutoffs": {LEVEL: level},
        "left_out": {"incomplete": len(assignment.examples) - len(known)},
        "calibration": {**counts(chosen), **asdict(judged(maps >= level, masks, spacing))},
        "test": None,
    }
    best = words(report["calibration"], "calibration")
    if unseen := [example for example in known if example.part == "test"]:
        context.progress(0.6, f"outlining {len(unseen)} test exams, which choose nothing")
        found = expit(scored(assignment.output, record, name, unseen)) >= level
        judgement = asdict(judged(found, _masks(unseen, record, name, outline), spacing))
        report["test"] = {"digest": digest(unseen), **counts(unseen), **judgement}
        best = words(report["test"], "test")
    (assignment.output / CALIBRATION).write_text(json.dumps(report, indent=1), encoding="utf-8")
    cards.freeze(assignment.output, report, "largest mean DSC")
    context.progress(1.0, f"level {level:.2f}; {best}")


def best_level(maps: Maps, masks: Masks) -> float:
    """The level with the largest mean DSC over the exams that have an outline; of several the lowest.

    Parameters
    ----------
    maps : (n, z, y, x)
        Probabilities.
    masks : (n, z, y, x)
        Where the experts outlined something.
    """
    ill = masks.any((1, 2, 3))
    means = [np.mean([dice(a, b) for a, b in zip(maps[ill] >= level, masks[ill], strict=True)]) for level in _LEVELS]
    return float(_LEVELS[int(np.argmax(np.round(means, 6)))])


def judged(proposals: Masks, masks: Masks, spacing: Spacing) -> Judged:
    """Hold proposals against outlines, both (n, z, y, x); ``spacing`` is (z, y, x), mm.

    Raises
    ------
    ValueError
        For fewer than two exams with an outline.
    """
    ill = masks.any((1, 2, 3))
    pairs = list(zip(proposals[ill], masks[ill], strict=True))
    both = [agreement(said, drawn, spacing) for said, drawn in pairs if said.any()]
    silent = np.array([not said.any() for said in proposals[~ill]], np.bool_)
    return Judged(
        dice=_mean([dice(said, drawn) for said, drawn in pairs]),
        mean_distance=_mean([one.mean_distance for one in both]) if len(both) > 1 else {},
        far_distance=_mean([one.far_distance for one in both]) if len(both) > 1 else {},
        met=shares(np.array([(said & drawn).any() for said, drawn in pairs])),
        silent=shares(silent) if len(silent) else {},
    )


def words(said: Mapping[str, Any], part: str) -> str:
    """A judgement in one line."""
    figures = [f"DSC {_interval(said['dice'], 3)}"]
    for name, key in (("ASSD", "mean_distance"), ("HD95", "far_distance")):
        figures += [f"{name} {_interval(said[key], 1)} mm"] if said[key] else []
    met, silent = said["met"], said["silent"]
    figures += [f"met {met['hits']}"]
    figures += [f"silent on {silent['hits']} of {silent['cases']} without"] if silent else []
    return f"on {met['cases']} {part} exams with an outline: {', '.join(figures)}"


def _interval(found: Mapping[str, float], digits: int) -> str:
    return f"{found['value']:.{digits}f} ({found['low']:.{digits}f}-{found['high']:.{digits}f})"


def _mean(values: Sequence[float]) -> dict[str, float]:
    return asdict(mean(np.array(values, np.float64)))


def _masks(examples: Sequence[Example], record: Mapping[str, Any], name: str, outline: str) -> Masks:
    inside: Masks = with_masks(examples, record["architecture"], sequences_of(name), outline)[:, -1] > 0
    return inside
