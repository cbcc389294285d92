"""The linters pass: style, form, types, layers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

LINTERS = {
    "style": ["ruff", "check", "--no-cache", "."],
    "form": ["ruff", "format", "--check", "--no-cache", "."],
    "types": ["mypy"],
    "layers": ["lint-imports", "--no-cache"],
}


@pytest.mark.parametrize("what", LINTERS)
def test_linter(what: str) -> None:
    program, *arguments = LINTERS[what]
    roots = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": roots},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
