"""What crosses the borders of the house: the SDK's names out, no plugin land in."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from types import ModuleType

import pytest

import dicomnode.sdk
from tests.architecture.house import PACKAGES, ROOT


def _imported_by(statement: str) -> set[str]:
    """Top-level modules in ``sys.modules`` of a fresh interpreter after a statement."""
    roots = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": roots},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("statement", ["import dicomnode.node", "import dicomnode.cli.serve"])
def test_the_node_process_never_enters_plugin_land(statement: str) -> None:
    assert not {"torch", "scipy", "SimpleITK", "dicomnode_plugins"} & _imported_by(statement)


def test_the_sdk_costs_a_plugin_little() -> None:
    heavy = {"pydicom", "pynetdicom", "highdicom", "sqlalchemy", "dbos", "pydantic", "torch", "scipy", "SimpleITK"}
    assert not heavy & _imported_by("import dicomnode.sdk")


def test_a_plugin_specification_loads_without_its_libraries() -> None:
    names = sorted(path.parent.name for path in PACKAGES[1].glob("[a-z]*/__init__.py"))
    assert names, "no plugin was found"
    loaded = _imported_by("\n".join(f"import dicomnode_plugins.{name}" for name in names))
    assert not {"torch", "scipy", "SimpleITK"} & loaded


def test_what_the_sdk_exports_is_what_it_has() -> None:
    public = {
        name
        for name, value in vars(dicomnode.sdk).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(dicomnode.sdk.__all__)
    assert list(dicomnode.sdk.__all__) == sorted(dicomnode.sdk.__all__, key=lambda name: (not name.isupper(), name))


def test_every_kind_of_finding_is_exported() -> None:
    tree = ast.parse((ROOT / "dicomnode" / "sdk" / "findings.py").read_text())
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")}
    assert classes <= set(dicomnode.sdk.__all__)
