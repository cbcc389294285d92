"""Values of the domain are frozen, slotted, built by keyword, and cost the standard library only."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import sys
from enum import Enum

import pytest

from tests.architecture.house import Module, modules

DOMAIN = [module for module in modules() if str(module).startswith("dicomnode/domain/")]


@pytest.mark.parametrize("module", DOMAIN, ids=str)
def test_every_class_is_a_frozen_value_or_an_enumeration(module: Module) -> None:
    loaded = importlib.import_module(str(module).removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    for node in module.tree.body:
        if isinstance(node, ast.ClassDef):
            value = getattr(loaded, node.name)
            if not issubclass(value, Enum):
                assert dataclasses.is_dataclass(value), f"{node.name} is no dataclass"
                assert vars(value)["__dataclass_params__"].frozen, f"{node.name} can be changed"
                assert "__slots__" in vars(value), f"{node.name} takes attributes it does not have"
                assert all(field.kw_only for field in dataclasses.fields(value)), f"{node.name} counts its arguments"


@pytest.mark.parametrize("module", DOMAIN, ids=str)
def test_the_domain_imports_the_standard_library_only(module: Module) -> None:
    names = {
        alias.name.partition(".")[0]
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    names |= {
        (node.module or "").partition(".")[0] for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom)
    }
    assert names - sys.stdlib_module_names <= {"dicomnode"}
