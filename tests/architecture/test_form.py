"""The house rules that no linter knows: size, names, one duty a module, no silent failure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.house import Module, modules

LONGEST_MODULE = 400
LONGEST_FUNCTION = 60
LONGEST_DUTY = 120
MEANINGLESS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}

# The only places that may catch everything without raising it again: the last borders of a thread or of a duty.
LAST_BORDERS = {
    ("dicomnode/deliver/send.py", "attempt"): "whatever went wrong, the parcels wait with a reason",
    ("dicomnode/catalog/probe.py", "probe"): "whatever a plugin's import raises is what is wrong with that plugin",
    ("dicomnode/dimse/normalized.py", "answer"): "whatever went wrong, the peer gets its answer and asks again",
    ("dicomnode/dimse/storing.py", "answer"): "whatever went wrong, the sender must be told to keep its copy",
    ("dicomnode/dimse/storing.py", "released"): "a lost hint costs time, not the association's thread",
    ("dicomnode/dimse/transport/connection.py", "run"): "one connection's fault must not show on the others",
    ("dicomnode/execute/child.py", "answer"): "everything a plugin raises becomes words, never a pickle",
    ("dicomnode/engine/direct.py", "_begun"): "the queue holds the work still and does it again",
    ("dicomnode/execute/forkserver.py", "_load"): "one plugin's broken module must not stop the others",
    ("dicomnode/execute/forkserver.py", "_warm"): "one plugin's broken model must not stop the others",
    ("dicomnode/hl7v2/mllp.py", "_taken"): "whatever went wrong, the sender must be told to keep its message",
    ("dicomnode/node.py", "loop"): "a fault of one round must not end a duty for ever",
    ("dicomnode/pipeline.py", "execute"): "a fault of ours must end the task as failed, not leave it running",
    ("dicomnode/sdk/testing.py", "_behaviour"): "whatever a plugin raises is what is wrong with that plugin",
    ("dicomnode/receive/admit.py", "_set_aside"): "a refusal keeps its own status even when quarantine fails",
}

every_module = pytest.mark.parametrize("module", modules(), ids=str)


@every_module
def test_a_module_says_its_duty_in_one_line(module: Module) -> None:
    docstring = ast.get_docstring(module.tree) or ""
    duty = docstring.partition("\n")[0]
    assert duty, f"{module} has no docstring"
    assert duty.endswith("."), f"{module}: the first line of the docstring is one sentence: {duty!r}"
    assert len(duty) <= LONGEST_DUTY


@every_module
def test_a_module_is_a_room_not_a_hall(module: Module) -> None:
    assert len(module.text.splitlines()) <= LONGEST_MODULE


@every_module
def test_a_function_fits_on_a_page(module: Module) -> None:
    too_long = {
        function.name: length
        for function in module.functions()
        if (length := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
    }
    # A generated migration is a list of tables and has no parts to take apart.
    assert not too_long or "/migrations/versions/" in str(module), f"{module}: {too_long}"


@every_module
def test_names_say_something(module: Module) -> None:
    names = set(module.path.with_suffix("").parts[-3:])
    names |= {node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    words = {word for name in names for word in name.lower().strip("_").split("_")}
    assert not words & MEANINGLESS
    classes = [node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    assert not [name for name in classes if name.endswith(("Utils", "Helper", "Manager", "Base"))]


@every_module
def test_there_is_no_global_statement(module: Module) -> None:
    assert not [node.lineno for node in ast.walk(module.tree) if isinstance(node, ast.Global)]


@every_module
def test_nothing_is_caught_wholesale_but_at_the_last_borders(module: Module) -> None:
    caught = set(_wholesale(module.tree))
    allowed = {function for path, function in LAST_BORDERS if path == str(module)}
    assert caught == allowed, "allow a new last border with its reason, or drop one that is gone"


def _wholesale(node: ast.AST, function: str = "") -> Iterator[str]:
    """Functions with a handler for everything that does not raise again."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        function = node.name
    if isinstance(node, ast.ExceptHandler) and _catches_everything(node) and not isinstance(node.body[-1], ast.Raise):
        yield function
    for child in ast.iter_child_nodes(node):
        yield from _wholesale(child, function)


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")) for kind in kinds
    )


@pytest.mark.parametrize(
    ("source", "caught"),
    [
        ("def f():\n try: pass\n except: pass", ["f"]),
        ("def f():\n try: pass\n except Exception: pass", ["f"]),
        ("def f():\n try: pass\n except (OSError, BaseException) as e: print(e)", ["f"]),
        ("def f():\n try: pass\n except Exception as e: raise ValueError from e", []),
        ("def f():\n try: pass\n except OSError: pass", []),
    ],
)
def test_the_search_for_wholesale_handlers_finds_them(source: str, caught: list[str]) -> None:
    assert list(_wholesale(ast.parse(source))) == caught


def test_every_last_border_is_a_module_of_the_house() -> None:
    assert {path for path, _ in LAST_BORDERS} <= set(map(str, modules()))
