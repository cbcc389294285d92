"""What the console page says of each advice: words, colours, seconds; never more of the patient than its label."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dicomnode.domain.advice import Advice, AdviceKind

_WORDS = {
    None: ("waiting", "Wait", "The images are being looked at."),
    AdviceKind.MAY_BE_OMITTED: ("omit", "Contrast may be omitted", ""),
    AdviceKind.RECOMMENDED: ("contrast", "Contrast recommended", ""),
    AdviceKind.STANDARD_PROTOCOL: ("standard", "Give the protocol as ordered", ""),
    AdviceKind.RADIOLOGIST: ("radiologist", "No contrast without the radiologist", ""),
    AdviceKind.TOO_LATE: ("late", "Too late to advise", ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One exam on the page."""

    exam: int
    label: str
    colour: str
    """Class of the card's colours."""
    state: str
    kind: str
    reason: str
    cautions: tuple[str, ...]
    deadline_ms: int
    """When the protocol as ordered is advised, milliseconds since 1970; 0 when nothing counts down."""
    stated: str
    acknowledged: str


def card(advice: Advice) -> Card:
    """How an advice is shown."""
    colour, words, reason = _WORDS[advice.kind]
    if advice.kind is None and not advice.counting:
        reason = "The images needed are not complete yet."
    counts = advice.kind is None and advice.counting
    return Card(
        exam=advice.exam_id,
        label=" · ".join(advice.label) or f"Exam {advice.exam_id}",
        colour=colour,
        state=words,
        kind=advice.kind.value if advice.kind else "",
        reason=_sentence(advice.reason) or reason,
        cautions=tuple(_sentence(one) for one in advice.cautions),
        deadline_ms=int(advice.deadline.timestamp() * 1000) if counts else 0,
        stated=_clock(advice.stated),
        acknowledged=f"{advice.acknowledged_by}, {_clock(advice.acknowledged)}" if advice.acknowledged else "",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else ""


def _clock(moment: datetime | None) -> str:
    """The time of day here."""
    return f"{moment.astimezone():%H:%M:%S}" if moment else ""
