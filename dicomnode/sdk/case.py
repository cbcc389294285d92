"""What a plugin is given: volumes by role and parameters. No names, no UIDs, no headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from dicomnode.errors import Unsuitable
from dicomnode.sdk.facts import FactValue
from dicomnode.sdk.labels import Labels
from dicomnode.sdk.model import Model
from dicomnode.sdk.spec import ParameterValue
from dicomnode.sdk.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: the volumes that fill the plugin's input roles."""

    volumes: Mapping[str, Volume]
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    facts: Mapping[str, FactValue] = field(default_factory=dict)
    """What is known of the patient, of what the plugin asks for; what has no entry is unknown, not normal."""
    models: Mapping[str, Model] = field(default_factory=dict)
    """By slot."""
    segmentations: Mapping[str, Labels] = field(default_factory=dict)
    """Received segmentations by role, each on the grid of the input it was made on."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Optional roles whose segmentation came and cannot be used, with the reason, in words for the report."""
    candidates: Mapping[str, Model] = field(default_factory=dict)
    """By slot: models on trial beside those that speak. What they say is a ``Decision`` with ``shadow``."""

    def volume(self, role: str) -> Volume:
        """The volume in an input role.

        Raises
        ------
        KeyError
            When the role is optional and nothing fills it; ask ``role in case.volumes`` first.
        """
        return self.volumes[role]

    def model(self, slot: str) -> Model:
        """The model in a slot.

        Raises
        ------
        Unsuitable
            When nothing fills it.
        """
        if slot not in self.models:
            raise Unsuitable(f"no model fills the slot {slot!r}")
        return self.models[slot]

    def every(self, role: str) -> tuple[Volume, ...]:
        """All volumes in an input role of many, in the order of the series; empty when nothing fills it."""
        names = [name for name in self.volumes if name.rpartition(".")[0] == role]
        return tuple(self.volumes[name] for name in sorted(names, key=lambda name: int(name.rpartition(".")[2])))


class Context(Protocol):
    """What a running plugin may ask of the node."""

    @property
    def threads(self) -> int:
        """How many threads the plugin may use."""
        ...

    def progress(self, fraction: float, step: str) -> None:
        """Say how far the work has come, 0 to 1, and what is being done."""
        ...
