"""Distillation: a teacher that sees contrast explains exams, labelled or not, to a student that does not see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dicomnode.sdk import Model, Unsuitable
from dicomnode_plugins._learning.densenet import DenseNet3D
from dicomnode_plugins._learning.examples import sequences_of
from dicomnode_plugins._learning.networks import CROPS
from dicomnode_plugins._learning.scoring import UnknownArchitecture, loaded
from dicomnode_plugins._learning.training import Cases, cross_entropy
from dicomnode_plugins._learning.weights import WeightsRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """How much of a teacher a student takes (Hinton 2015 for the soft term, FitNets 2015 for the hint)."""

    temperature: float = 2.0
    """Divides the logits of both before they are compared."""
    soft: float = 0.5
    """Weight of what the teacher says, 0 to 1; the rest is that of the label."""
    hint: float = 5.0
    """Weight of the difference between the student's features, projected, and the teacher's."""
    dropout: float = 0.2
    """Share of exams from which the student is shown no T2; the teacher always is."""


def loss(
    student: Tensor, positive: Tensor, teacher: Tensor, features: Tensor, taught: Tensor, settings: Distillation
) -> Tensor:
    """(1 - a) BCE(s, y) + a T^2 BCE(sigmoid(s/T), sigmoid(t/T)) + b |P f_s / |P f_s| - f_t / |f_t||^2.

    Mean over exams, the last term over features too. For an exam without label a is 1: the teacher alone speaks.

    Parameters
    ----------
    student, teacher : (n,) float32
        Logits s and t.
    positive : (n,) float32
        Classes y; NaN where the class is not known.
    features, taught : (n, width) float32
        Features P f_s of the student, projected to the width of the teacher's, and f_t.
    """
    heat = settings.temperature
    known = ~positive.isnan()
    hard = functional.binary_cross_entropy_with_logits(
        student, torch.where(known, positive, 0.0), reduction="none"
    )  # finite everywhere, so that a weight of nothing leaves no gradient
    soft = functional.binary_cross_entropy_with_logits(student / heat, torch.sigmoid(teacher / heat), reduction="none")
    share = torch.where(known, settings.soft, 1.0)
    apart = functional.normalize(features) - functional.normalize(taught)
    return ((1 - share) * hard + share * heat**2 * soft).mean() + settings.hint * apart.square().mean()


class Committee(nn.Module):
    """Trained networks that teach together: the mean of their logits, and their features side by side.

    Frozen: nothing of it learns, and its normalisation keeps the statistics it was trained with.
    """

    def __init__(self, members: Sequence[tuple[DenseNet3D, Sequence[int]]]) -> None:
        super().__init__()
        self.members = nn.ModuleList(network for network, _ in members)
        self._channels = [list(channels) for _, channels in members]
        self.width = sum(network.width for network, _ in members)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Committee:  # noqa: ARG002 - signature
        """Stay as it is."""
        return super().train(False)

    def forward(self, volumes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n,) and features (n, width) from volumes (n, sequences, z, y, x)."""
        logits, features = [], []
        with torch.no_grad():
            for network, channels in zip(self.members, self._channels, strict=True):
                assert isinstance(network, DenseNet3D)
                found = network.embed(volumes[:, channels])
                features.append(found)
                logits.append(network.class_layers(found).squeeze(1))
            return torch.stack(logits).mean(0), torch.cat(features, 1)


class Distilled(nn.Module):
    """What a trainer lowers when there is a teacher; it holds the projection P, which learns with the student."""

    def __init__(self, student: DenseNet3D, teacher: Committee, settings: Distillation, dropped: int | None) -> None:
        """``dropped`` is the student's channel that is withheld at times, if any."""
        super().__init__()
        self.teacher, self.settings, self._dropped = teacher, settings, dropped
        self.project = nn.Linear(student.width, teacher.width, bias=False)

    @property
    def said(self) -> dict[str, Any]:
        """What a training that is gone on with must share."""
        return asdict(self.settings)

    def forward(self, network: nn.Module, volumes: Tensor, positive: Tensor, random: torch.Generator) -> Tensor:
        """The loss of one step; of the volumes (n, sequences, z, y, x) the student's come first."""
        assert isinstance(network, DenseNet3D)
        seen = self._shown(volumes[:, : network.layout.inputs], random)
        features = network.embed(seen)
        scores = network.class_layers(features).squeeze(1)
        said, taught = self.teacher(volumes)
        return loss(scores, positive, said, self.project(features), taught, self.settings)

    def judge(self, network: nn.Module, cases: Cases) -> float:
        """By the classes alone, whatever the teacher says."""
        return cross_entropy(network, cases)

    def _shown(self, volumes: Tensor, random: torch.Generator) -> Tensor:
        if self._dropped is None or not self.settings.dropout:
            return volumes
        kept = torch.rand(len(volumes), generator=random, device=volumes.device) >= self.settings.dropout
        shown = volumes.clone()
        shown[:, self._dropped] *= kept[:, None, None, None]  # 0 is the mean of a prepared volume
        return shown


def committee(
    model: Model, architecture: str, student: Sequence[str], known: Sequence[str]
) -> tuple[Committee, tuple[str, ...]]:
    """The teacher that a model's card describes, and the sequences whose volumes it is shown, the student's first.

    Parameters
    ----------
    architecture : str
        Of the student.
    student, known : sequence of str
        Sequences that the student sees, and all that are prepared of an exam.

    Raises
    ------
    Unsuitable
        When the model cannot teach this student; the text names it and says why.
    """
    name = f"teacher {model.id}/{model.version}"
    if CROPS.get(model.architecture, "") != CROPS[architecture]:
        raise Unsuitable(
            f"{name} is a {model.architecture}, which does not see the crop that a {architecture} sees: "
            "take one of the same architecture"
        )
    seen = {network: sequences_of(network) for network in sorted(model.files)}
    if foreign := sorted({sequence for sequences in seen.values() for sequence in sequences} - set(known)):
        raise Unsuitable(f"{name} sees {', '.join(foreign)}; there is only {', '.join(known)} of an exam")
    shown = (*student, *(s for s in known if s not in student and any(s in sequences for sequences in seen.values())))
    try:
        members = [
            (loaded(model, network, len(sequences)), [shown.index(sequence) for sequence in sequences])
            for network, sequences in seen.items()
        ]
    except (UnknownArchitecture, WeightsRefused, OSError) as error:
        raise Unsuitable(f"{name}: {error}") from error
    return Committee(members), shown
