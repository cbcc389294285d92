"""A gross tumour volume proposed to a radiation oncologist, where a model for it fills its slot; or why none is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from dicomnode.sdk import Case, Finding, Measurement, Model, QualitativeEvaluation, Segment, Segmentation, Volume
from dicomnode.sdk.codes import CAUTION, CUBIC_CENTIMETER, NO_UNITS, VOLUME
from dicomnode_plugins._imaging.resampling import resampled
from dicomnode_plugins._learning import domain
from dicomnode_plugins._learning.examples import sequences_of
from dicomnode_plugins._learning.landmark import NotFound
from dicomnode_plugins._learning.nasopharynx import NotPrepared, Prepared, prepare
from dicomnode_plugins._learning.outlining import LEVEL
from dicomnode_plugins._learning.scoring import crop_of, outline
from dicomnode_plugins._learning.tiers import Tier
from dicomnode_plugins.recurrence_triage import NETWORK, OUTLINE, codes
from dicomnode_plugins.recurrence_triage.report import DEMONSTRATION
from dicomnode_plugins.recurrence_triage.verdict import Verdict

LABEL = "GTV proposal"
_COLOUR = (255, 90, 60)
_CUBIC_CENTIMETER = 1000.0  # mm3
_WARNING = "The GTV is a proposal of a network, not for treatment planning. A person outlines."


def findings(case: Case, prepared: Prepared, verdict: Verdict) -> list[Finding]:
    """The proposal, for an exam that is not negative; empty where nothing fills the slot.

    Raises
    ------
    dicomnode_plugins._learning.scoring.UnknownArchitecture, dicomnode_plugins._learning.weights.WeightsRefused
        When the model in the slot is not what its card says.
    """
    model = case.models.get(OUTLINE)
    if model is None:
        return []
    if verdict.tier is Tier.NEGATIVE:
        return [_said(model, "None: the exam is negative.")]
    seen = {name: case.volume(name) for name in sequences_of(NETWORK)}
    if reasons := domain.outside(model.domain, seen, tuple(seen)):
        return [_said(model, f"None: {'; '.join(reasons)}"[:1024])]
    try:
        crops = _on_its_crop(model, prepared, seen)
    except (NotFound, NotPrepared) as error:
        return [_said(model, f"None: {error}")]
    found = outline(model, NETWORK, np.stack([crops.volumes[name] for name in seen]))
    return _proposed(on_t1(found, crops, case.volume("t1")) >= model.cutoffs[LEVEL], case.volume("t1"), model)


def _on_its_crop(model: Model, prepared: Prepared, seen: Mapping[str, Volume]) -> Prepared:
    """The exam as this model sees it; what was prepared for the triage where both see the same crop."""
    crop = crop_of(model)
    same = next(iter(prepared.volumes.values())).shape == crop.shape
    return prepared if same else prepare(seen, crop)


def on_t1(found: npt.NDArray[np.float32], prepared: Prepared, t1: Volume) -> npt.NDArray[np.float32]:
    """Probabilities of a crop on the grid of the T1, (z, y, x); 0 outside the crop."""
    return resampled(Volume(array=found, affine=prepared.affine), t1.affine, t1.array.shape, np.eye(4))


def _proposed(inside: npt.NDArray[np.bool_], t1: Volume, model: Model) -> list[Finding]:
    if not inside.any():
        return [_said(model, f"None: no voxel reaches the level of {model.cutoffs[LEVEL]:.2f}.")]
    segment = Segment(label=LABEL, category=codes.ABNORMAL, type=codes.GTV, colour=_COLOUR, proposes="GTV")
    volume = float(inside.sum()) * t1.voxel_volume / _CUBIC_CENTIMETER
    return [
        Segmentation(on="t1", labels=inside.astype(np.uint8), segments=(segment,)),
        Measurement(name=VOLUME, value=volume, unit=CUBIC_CENTIMETER, of=LABEL),
        Measurement(name=codes.LEVEL, value=model.cutoffs[LEVEL], unit=NO_UNITS, of=LABEL),
        QualitativeEvaluation(name=CAUTION, value=_WARNING, of=LABEL),
        _said(model, "Proposed, not for treatment planning."),
    ]


def _said(model: Model, words: str) -> QualitativeEvaluation:
    """Whether there is a proposal, and the model that made it or would not."""
    marked = f" {DEMONSTRATION}." if model.status == "demonstration" else ""
    return QualitativeEvaluation(name=codes.PROPOSAL, value=f"{words} {model.name}; status {model.status}.{marked}")
