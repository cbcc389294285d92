"""What is known of a patient's safety and order: from headers, the site's rules and its feed; the graver one counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dicomnode.advice_settings import FactSettings
from dicomnode.assemble.conditions import holds
from dicomnode.domain.instance import Facts
from dicomnode.errors import SettingsError
from dicomnode.sdk.facts import FACTS, FactValue, checked
from dicomnode.sdk.spec import Match

_AGENT = re.compile(r"GADO|GADOL|GD-|GBCA|CONTRAST|DOTAREM|GADAVIST|PRIMOVIST|EOVIST|MAGNEVIST|OMNISCAN|PROHANCE", re.I)
_PREGNANCY = {1: "no", 2: "possible", 3: "yes", 4: "unknown"}
"""Pregnancy Status (0010,21C0): defined terms of PS3.3 C.7.2.2."""
_GRAVER: Mapping[str, tuple[str, ...]] = {
    "contrast-reaction": ("none", "mild", "unspecified", "severe"),
    "pregnancy": ("no", "unknown", "possible", "yes"),
    "acute-kidney-injury": ("no", "yes"),
    "dialysis": ("no", "yes"),
    "contrast-demanded": ("no", "yes"),
    "npc-follow-up": ("yes", "no"),
}


def check(rules: Sequence[FactSettings]) -> None:
    """Hold the site's rules against the facts there are.

    Raises
    ------
    SettingsError
        For a rule whose fact does not exist or cannot say this.
    """
    for number, rule in enumerate(rules):
        try:
            checked(rule.name, rule.value)
        except ValueError as error:
            raise SettingsError(f"facts.{number}: {error}") from error


def gathered(
    headers: Sequence[Facts], told: Mapping[str, FactValue], rules: Sequence[FactSettings] = ()
) -> dict[str, FactValue]:
    """Every known fact by name.

    Parameters
    ----------
    headers : sequence of Facts
        Of one instance of each series of a study.
    told : Mapping
        What the site's feed says.
    rules : sequence of FactSettings
        What this site takes from headers: a rule whose conditions one series meets says its fact.
    """
    known = {name: value for name, value in told.items() if name in FACTS}
    for name, value in [*_of_headers(headers), *_of_rules(headers, rules)]:
        known[name] = _graver(name, known[name], value) if name in known else value
    return known


def _of_headers(headers: Sequence[Facts]) -> list[tuple[str, FactValue]]:
    found: list[tuple[str, FactValue]] = []
    for facts in headers:
        allergies = facts.get("Allergies", [])
        text = "\\".join(map(str, allergies)) if isinstance(allergies, list) else str(allergies)
        if _AGENT.search(text):
            found.append(("contrast-reaction", "unspecified"))
        status = facts.get("PregnancyStatus")
        if isinstance(status, (int, float)) and int(status) in _PREGNANCY:
            found.append(("pregnancy", _PREGNANCY[int(status)]))
    return found


def _of_rules(headers: Sequence[Facts], rules: Sequence[FactSettings]) -> list[tuple[str, FactValue]]:
    return [
        (rule.name, checked(rule.name, rule.value))
        for rule in rules
        for facts in headers
        if all(holds(facts, Match(keyword=one.keyword, op=one.op, value=one.value)) for one in rule.match)
    ]


def _graver(name: str, one: FactValue, other: FactValue) -> FactValue:
    order = _GRAVER.get(name)
    if order is None:  # a number: eGFR, the lower one
        return min(float(one), float(other))
    return max(str(one), str(other), key=order.index)
