"""In which character set a result goes to a destination."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dicomnode.dicom.recoding import UNICODE, unsayable
from dicomnode.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How the text of an object is sent."""

    character_set: str
    """The one it is written in anew; empty leaves it as it is, in ISO_IR 192."""
    remark: str
    """Why it is not the one that the destination wants most; empty where it is."""


def choose(file: Path, character_sets: Sequence[str]) -> Wording:
    """The first of a destination's character sets that loses nothing.

    Raises
    ------
    Refused
        When there is none; attributes are named, what they say is not.
    """
    lost: list[str] = []
    for character_set in character_sets:
        keywords = unsayable(file, character_set)
        if not keywords:
            remark = f"written in {character_set}: {'; '.join(lost)}" if lost else ""
            return Wording(character_set="" if character_set == UNICODE else character_set, remark=remark)
        lost.append(f"{', '.join(keywords)} cannot be written in {character_set}")
    raise Refused("; ".join(lost))
