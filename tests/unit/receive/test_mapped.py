"""Files as memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomnode.receive.mapped import mapped


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)) * 999])
def test_the_bytes_are_those_of_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert bytes(mapped(path)) == content
