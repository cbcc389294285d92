"""Was a contrast agent given before these images? Evidence that must not contradict itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dicomnode.dicom.physics import contrast_agent, number, text_of, words
from dicomnode.domain.instance import Facts

_AFTER = re.compile(
    r"(?<![A-Z])(POST|GAD|GD|KM|CE|HBP|HEPATOBIL\w*|ARTERIAL|ART|PORTAL|VENOUS|DELAYED)(?![A-Z])|\+ ?[CK]M?(?![A-Z])"
)
_BEFORE = re.compile(
    r"(?<![A-Z])(PRE|NATIVE?|NATIV|W/?O|WITHOUT|UNENHANCED)(?![A-Z])|(?<![A-Z0-9])- ?[CK]M?(?![A-Z0-9])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """What the header says about a contrast agent."""

    given: bool
    reasons: tuple[str, ...] = ()
    contradiction: str = ""
    """What speaks both ways, in words; then ``given`` means nothing."""


def contrast(facts: Facts) -> Contrast:
    """The evidence of contrast agent in a header.

    The agent's name alone suffices; without it a volume or a time of injection and a label together do. An agent called
    "NONE" is none. Consoles copy the agent to images acquired before it, and forget it on later ones: what then
    contradicts it is a contradiction and no choice.
    """
    agent, text = contrast_agent(facts), text_of(facts)
    after, before = _AFTER.search(text), _BEFORE.search(text)
    not_given = words(facts, "ContrastBolusAgentAdministered") == ("NO",)
    denied = not agent and ("ContrastBolusAgent" in facts or not_given)
    measured = [
        f"{meaning} stated"
        for keyword, meaning in (("ContrastBolusVolume", "volume"), ("ContrastBolusStartTime", "start of injection"))
        if facts.get(keyword) and number(facts, keyword) != 0
    ]
    if agent:
        reasons = (f"contrast agent given: {agent}", *measured, *([f"labelled {after[0]}"] if after else []))
        if is_before_injection(facts):
            return Contrast(given=True, contradiction=f"contrast agent {agent}, but acquired before its injection")
        if before and not after:
            return Contrast(given=True, contradiction=f"contrast agent {agent}, but labelled {before[0].strip()}")
        return Contrast(given=True, reasons=reasons)
    if after and not before:
        if measured and not denied:
            return Contrast(given=True, reasons=(f"labelled {after[0].strip()}", *measured))
        said = "no contrast agent in the header"
        if denied:
            said = "contrast agent not given" if not_given else f"contrast agent called {facts['ContrastBolusAgent']}"
        return Contrast(given=False, contradiction=f"{said}, but labelled {after[0].strip()}")
    return Contrast(given=False, reasons=("no contrast agent in the header",))


_EARLIER = 12 * 60.0
"""Minutes, of a day: an acquisition that much after the injection was before it."""


def minutes_after(facts: Facts) -> float | None:
    """From the start of the injection to the acquisition; over midnight too."""
    start, end = (_seconds(facts.get(keyword)) for keyword in ("ContrastBolusStartTime", "AcquisitionTime"))
    return None if start is None or end is None else (end - start) % 86400 / 60


def is_before_injection(facts: Facts) -> bool:
    """Whether the acquisition was before the start of the injection."""
    minutes = minutes_after(facts)
    return minutes is not None and minutes > _EARLIER


def _seconds(time: object) -> float | None:
    """Of a DICOM time (VR TM)."""
    found = re.fullmatch(r"(\d\d)(\d\d)(\d\d(?:\.\d*)?)", str(time or "").strip())
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None
