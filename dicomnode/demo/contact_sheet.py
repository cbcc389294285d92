"""STAND-IN until the real one arrives."""
from pathlib import Path
from collections.abc import Sequence
def write(path: Path, files: Sequence[Path]) -> Path:
    path.write_bytes(b""); return path
