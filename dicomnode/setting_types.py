"""Kinds of values that settings hold, each with its bounds."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field


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
