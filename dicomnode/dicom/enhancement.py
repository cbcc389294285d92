"""Fat-saturated T1 volumes before a contrast agent and in its hepatobiliary phase."""

from __future__ import annotations

import re

from dicomnode.dicom.contrast import minutes_after
from dicomnode.dicom.evidence import decided
from dicomnode.dicom.physics import contrast_agent, number, text_of, words
from dicomnode.domain.instance import Facts
from dicomnode.domain.stack import RoleDecision

_LONGEST = 10.0, 3.0
"""Repetition and echo time, ms, of a T1-weighted volume acquired in one breath-hold."""
_DELAYS = {
    **dict.fromkeys(("GADOXET", "PRIMOVIST", "EOVIST"), (10, 45)),
    **dict.fromkeys(("GADOBEN", "MULTIHANCE"), (45, 120)),
}
"""Minutes after the bolus in which liver cells hold the agent, by the beginning of its name."""
_LATE = re.compile(r"(?<![A-Z])HBP|HEPATOBIL|(?<!\d)(15|20|25|30) ?MIN")
_AFTER = re.compile(r"(?<![A-Z])(HBP|HEPATOBIL|POST|ART(ERIAL)?|PORTAL|VENOUS|DELAYED|KM|GD)(?![A-Z])|(?<!\d)\d+ ?MIN")


def decide_enhancement(facts: Facts, saturation: str) -> RoleDecision:
    """What a fat-saturated gradient echo is.

    Parameters
    ----------
    facts : Facts
        Of the stack.
    saturation : str
        The Scan Options value that says fat was saturated.

    Returns
    -------
    RoleDecision
        ``precontrast-fat-sat-t1``, ``hepatobiliary-phase``, or no role where the header contradicts itself, says too
        little, or tells of another phase.
    """
    evidence = f"fat-saturated (Scan Options {saturation})"
    repetition, echo = number(facts, "RepetitionTime"), number(facts, "EchoTime")
    if words(facts, "MRAcquisitionType") != ("3D",) or not repetition or not echo:
        return decided("", f"{evidence}, so neither in phase nor opposed")
    evidence += f" 3D gradient echo, TR {repetition:.4g} ms, TE {echo:.4g} ms"
    if repetition > _LONGEST[0] or echo > _LONGEST[1]:
        return decided("", f"unknown: {evidence}: not a T1-weighted breath-hold volume")
    text = text_of(facts)
    agent = contrast_agent(facts)
    if agent:
        return _after(facts, evidence, agent, text)
    if label := _AFTER.search(text):
        return decided("", f"ambiguous: no contrast agent in the header, but labelled {label[0]}", evidence)
    return decided("precontrast-fat-sat-t1", evidence, "no contrast agent in the header")


def _after(facts: Facts, evidence: str, agent: str, text: str) -> RoleDecision:
    limits = next((limits for name, limits in _DELAYS.items() if name in agent.upper()), None)
    if limits is None:
        return decided("ce-t1", f"{evidence}: T1-weighted", f"contrast agent given: {agent}")
    minutes = minutes_after(facts)
    if minutes is not None:
        if limits[0] <= minutes <= limits[1]:
            return decided("hepatobiliary-phase", evidence, f"{minutes:.0f} min after {agent}")
        late = f"{minutes:.0f} min after {agent}, not its hepatobiliary phase"
        return decided("ce-t1", f"{evidence}: T1-weighted", late)
    if label := _LATE.search(text):
        return decided("hepatobiliary-phase", evidence, f"labelled {label[0]}", f"contrast agent given: {agent}")
    return decided("", f"ambiguous: after {agent}, but neither times nor labels say how long", evidence)
