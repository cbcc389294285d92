"""What dciodvfy says about a file, line by line, and which of it is news."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from pydicom import dcmread

from tests.integration.dciodvfy_allowed import ALLOWED, SIDE_UNKNOWN

Complaint = tuple[str, str]
"""Keyword of the attribute, and message."""

_LINE = re.compile(r"(?:Error|Warning) - (?:<(?P<path>[^>]*)> - )?(?P<text>.*)")


def complaints(program: Path, file: Path) -> set[Complaint]:
    """Every error and warning about a file."""
    done = subprocess.run([program, "-new", file], capture_output=True, text=True, timeout=120, check=False)
    matches = map(_LINE.match, done.stderr.splitlines())
    return {(_keyword(match["path"] or ""), match["text"]) for match in matches if match}


def news(program: Path, file: Path) -> set[Complaint]:
    """Complaints that the allow-list of the file's SOP class does not explain."""
    sop_class = str(dcmread(file, specific_tags=["SOPClassUID"]).SOPClassUID)
    return complaints(program, file) - ALLOWED.get(sop_class, frozenset())


def unexpected(program: Path, file: Path, source: Path) -> set[Complaint]:
    """Complaints that neither the allow-list nor the source image itself explains."""
    return news(program, file) - complaints(program, source) - {SIDE_UNKNOWN}


def _keyword(path: str) -> str:
    return path.rsplit("/", 1)[-1].split("(", 1)[0]
