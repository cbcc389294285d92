"""An advice as ORU^R01: one observation with its reason and cautions, for the system that ordered the exam."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dicomnode.domain.advice import Advice

_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\r": " ", "\n": " "}
SYSTEM = "99DICOMNODE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom an advice is about, as the order names them."""

    patient_id: str
    issuer: str
    accession_number: str


def oru(advice: Advice, subject: Subject, words: str, now: datetime) -> str:
    """The message, segments ended by carriage returns (HL7 v2.5.1, chapter 7).

    Parameters
    ----------
    words : str
        The advice in words.

    Raises
    ------
    ValueError
        When nothing is stated yet.
    """
    if advice.kind is None or advice.stated is None:
        raise ValueError("an advice that is awaited is not sent")
    control = f"{advice.exam_id}-{advice.kind.value}-{advice.stated:%Y%m%d%H%M%S%f}"
    stated = _time(advice.stated)
    named = f"CONTRAST_ADVICE^Advice on contrast^{SYSTEM}"
    order = f"OBR|1||{_text(subject.accession_number)}|{named}|||{stated}"
    lines = [
        f"MSH|^~\\&|DICOMNODE||||{_time(now)}||ORU^R01^ORU_R01|{control}|P|2.5.1|||AL|NE||UNICODE UTF-8",
        f"PID|1||{_text(subject.patient_id)}^^^{_text(subject.issuer)}",
        f"{order}|||||||||||||||{stated}||MR|F",
        f"OBX|1|CWE|{named}||{advice.kind.value}^{_text(words)}^{SYSTEM}||||||F|||{stated}",
        *(
            f"OBX|{number}|TX|{code}^{name}^{SYSTEM}||{_text(said)}||||||F|||{stated}"
            for number, (code, name, said) in enumerate(_said(advice), start=2)
        ),
        "NTE|1||Research: not for diagnostic use. It is advice; a person decides.",
    ]
    return "\r".join(lines) + "\r"


def _said(advice: Advice) -> list[tuple[str, str, str]]:
    cautions = [("CAUTION", "Caution", one) for one in advice.cautions]
    return [("REASON", "Reason", advice.reason), *cautions]


def _text(text: str) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text)


def _time(moment: datetime) -> str:
    return f"{moment:%Y%m%d%H%M%S%z}"
