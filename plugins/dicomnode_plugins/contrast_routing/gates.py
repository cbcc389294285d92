"""What must hold before a score is asked for at all; each gate that fails is a sentence."""

from __future__ import annotations

from collections.abc import Mapping

from dicomnode.sdk import FactValue, Volume
from dicomnode.sdk.model import Domain
from dicomnode_plugins._learning.domain import outside


def failed(volumes: Mapping[str, Volume], domain: Domain, facts: Mapping[str, FactValue]) -> tuple[str, ...]:
    """Every reason why no model may speak about this exam."""
    return (*_indication(facts), *outside(domain, volumes, unenhanced=tuple(volumes)))


def _indication(facts: Mapping[str, FactValue]) -> tuple[str, ...]:
    follow_up = facts.get("npc-follow-up")
    if follow_up == "yes":
        return ()
    if follow_up == "no":
        return ("the exam is no follow-up of treated nasopharyngeal carcinoma",)
    return ("whether the exam is follow-up of treated nasopharyngeal carcinoma is not known",)
