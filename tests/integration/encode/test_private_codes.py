"""Every private code a plugin writes is in the published table, with the same meaning."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
WRITTEN = re.compile(r'(?:Code\(\s*"([^"]+)",\s*(?:codes\.)?PRIVATE_SCHEME|private\(\s*"([^"]+)"),\s*"([^"]+)"')
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+?) \|", re.MULTILINE)


def test_every_private_code_is_published() -> None:
    sources = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "dicomnode").rglob("*.py")]
    found = [code for path in sources for code in WRITTEN.findall(path.read_text(encoding="utf-8"))]
    written = {(value or short, meaning) for value, short, meaning in found}
    published = ROW.findall((ROOT / "docs" / "private-codes.md").read_text(encoding="utf-8"))
    assert written
    assert written == set(published)
    assert len({value for value, _ in published}) == len(published)
    assert all(re.fullmatch(r"[A-Z0-9_]{1,16}", value) for value, _ in published)
