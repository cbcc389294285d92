"""What every section of the settings is made of: its form, and kinds of values with their bounds."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _ae_title(value: str) -> str:
    """PS3.5 Table 6.2-1, VR AE; leading and trailing spaces carry no meaning and are refused here."""
    if not re.fullmatch(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?", value):
        raise ValueError("an AE title has 1 to 16 printable ASCII characters, no backslash, no outer spaces")
    return value


def _fingerprint(value: str) -> str:
    digits = value.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits, with or without colons")
    return digits


AETitleText = Annotated[str, AfterValidator(_ae_title)]
Fingerprint = Annotated[str, AfterValidator(_fingerprint)]
Hours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=366 * 86400)]
Days = Annotated[float, Field(ge=0, le=36600)]


class Section(BaseModel):
    """Frozen; unknown keys are refused, and every key explains itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class MatchSettings(Section):
    """One condition on a volume."""

    keyword: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,64}$")]
    """A DICOM keyword, for example ``ProtocolName``, or ``Role`` for what the node recognised."""
    op: Literal["eq", "ne", "in", "contains", "excludes", "ge", "le", "present", "absent"] = "eq"
    """How the attribute must relate to the value; ``contains`` and ``excludes`` look among several values."""
    value: float | int | str | bool | tuple[float | int | str | bool, ...] = ""
    """The value, or several for ``in``, ``contains`` and ``excludes``; text compares without regard to case."""
