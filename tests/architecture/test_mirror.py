"""The tests mirror the house."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.house import ROOT

TESTS = ROOT / "tests"


def _test_files(folder: str) -> list[Path]:
    """Paths below ``tests``."""
    return [path.relative_to(TESTS) for path in sorted((TESTS / folder).rglob("test_*.py"))]


@pytest.mark.parametrize("path", _test_files("unit"), ids=str)
def test_a_unit_test_stands_where_its_module_stands(path: Path) -> None:
    tested = ROOT.joinpath("dicomnode", *path.parts[1:-1], path.name.removeprefix("test_"))
    package = tested.with_suffix("") / "__init__.py"
    assert tested.is_file() or package.is_file(), f"{tested.relative_to(ROOT)} does not exist"


def test_a_plugin_test_stands_under_its_plugin() -> None:
    plugins = {path.parent.name for path in (ROOT / "plugins" / "dicomnode_plugins").glob("*/__init__.py")}
    assert {path.parts[1] for path in _test_files("plugins")} <= plugins


def test_every_test_file_is_collected() -> None:
    rooms = {"architecture", "unit", "property", "integration", "plugins", "e2e"}
    strays = [path for path in _test_files(".") if path.parts[0] not in rooms]
    assert not strays
