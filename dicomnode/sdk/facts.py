"""What a plugin may know of the patient besides images: named facts of a closed list, none of which says who it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

FactValue = float | str
"""A number in the unit of its kind, or one of the words of its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactKind:
    """What one fact may say: a number between two bounds, or one word of several."""

    description: str
    words: tuple[str, ...] = ()
    unit: str = ""
    """UCUM code; facts of words have none."""
    minimum: float = 0.0
    maximum: float = 0.0


_YES_NO = ("yes", "no")

FACTS: Mapping[str, FactKind] = MappingProxyType(
    {
        "contrast-reaction": FactKind(
            description="worst documented reaction to a gadolinium-based contrast agent",
            words=("none", "mild", "severe", "unspecified"),
        ),
        "egfr": FactKind(
            description="estimated glomerular filtration rate, the last one known",
            unit="mL/min/{1.73_m2}",
            maximum=250.0,
        ),
        "acute-kidney-injury": FactKind(description="acute kidney injury", words=_YES_NO),
        "dialysis": FactKind(description="treated by dialysis", words=_YES_NO),
        "pregnancy": FactKind(description="Pregnancy Status (0010,21C0)", words=("no", "possible", "yes", "unknown")),
        "contrast-demanded": FactKind(description="the order demands contrast explicitly", words=_YES_NO),
        "npc-follow-up": FactKind(description="follow-up of treated nasopharyngeal carcinoma", words=_YES_NO),
    }
)
"""Every fact there is. One that is not known has no entry in a case: unknown is never normal."""


def checked(name: str, value: FactValue) -> FactValue:
    """The value of a fact as its kind writes it.

    Raises
    ------
    ValueError
        For an unknown fact, a word that is not one of its kind, a number that is none or out of bounds.
    """
    kind = FACTS.get(name)
    if kind is None:
        raise ValueError(f"there is no fact {name!r}; there are {', '.join(FACTS)}")
    if kind.words:
        word = str(value).strip().lower()
        if word not in kind.words:
            raise ValueError(f"{name} is one of {', '.join(kind.words)}, not {value!r:.40}")
        return word
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if isinstance(value, bool) or not kind.minimum <= number <= kind.maximum:
        raise ValueError(f"{name} lies in [{kind.minimum:g}, {kind.maximum:g}] {kind.unit}, not {value!r:.40}")
    return number
