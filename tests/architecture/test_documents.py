"""The documents tell the truth: the commands, targets, keys and files they name exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from dicomnode import __version__
from dicomnode.cli.main import app
from dicomnode.settings import Settings
from tests.architecture.house import ROOT, modules

DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.*"), *ROOT.glob("config/*.toml")]
)
MARKDOWN = [path for path in DOCUMENTS if path.suffix == ".md"]
PROMISED = {
    *("serve", "demo", "send", "studies list", "studies show", "studies why", "tasks list", "tasks retry"),
    *("plugins list", "plugins run", "config check"),
}

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def _commands(group: TyperGroup, before: str = "") -> Iterator[tuple[str, TyperCommand]]:
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{before}{name} ")
        elif isinstance(command, TyperCommand):
            yield f"{before}{name}", command


WHOLE = typer.main.get_command(app)
COMMANDS = dict(_commands(WHOLE)) if isinstance(WHOLE, TyperGroup) else {}


def test_the_command_line_has_what_was_promised() -> None:
    assert set(COMMANDS) >= PROMISED


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_says_what_it_does(name: str) -> None:
    help_text = COMMANDS[name].help or ""
    assert help_text.partition("\n")[0].rstrip().endswith("."), f"{name}: {help_text!r}"


@pytest.mark.parametrize("name", sorted(name for name in COMMANDS if name.endswith((" list", " show", " why"))))
def test_what_prints_a_table_prints_json_too(name: str) -> None:
    options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert "--json" in options or name == "config show", "config show prints JSON in any case"


@every_document
def test_commands_in_documents_exist(path: Path) -> None:
    # A command is a word after the program's name in a code span, a console block or a unit.
    named = re.findall(r"(?:bin/|[`$#] ?)dicomnode ([a-z]+)(?: ([a-z]+))?", path.read_text())
    for noun, verb in named:
        wanted = f"{noun} {verb}"
        assert noun in COMMANDS or wanted in COMMANDS or any(name.startswith(f"{wanted} ") for name in COMMANDS), wanted


@every_document
def test_targets_in_documents_exist(path: Path) -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    named = re.findall(r"(?:`|\$ |&& )make (?:-C \S+ )?([a-z]+)", path.read_text())
    assert set(named) <= set(targets)


@every_document
def test_keys_in_documents_exist(path: Path) -> None:
    for section, key in re.findall(r"--set ([a-z]+)\.([a-z_]+)=", path.read_text()):
        assert key in type(getattr(Settings(), section)).model_fields


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_decision_is_listed_with_its_title() -> None:
    listed = dict(re.findall(r"\[\d{4}\]\((\S+?)\) \| (.*?) \|", (ROOT / "docs" / "adr" / "README.md").read_text()))
    records = sorted(ROOT.glob("docs/adr/[0-9]*.md"))
    titles = {path.name: path.read_text().splitlines()[0].partition(". ")[2] for path in records}
    assert listed == titles
    assert [int(path.name[:4]) for path in records] == list(range(1, len(records) + 1))


def test_the_version_has_its_entry_in_the_changelog() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_error_is_drawn_in_the_tree() -> None:
    (errors,) = (module for module in modules() if str(module) == "dicomnode/errors.py")
    drawn = re.findall(r"^ [ │├└]*[├└] (\w+)", errors.text, re.M)
    assert ["DicomnodeError", *drawn] == re.findall(r"^class (\w+)\(", errors.text, re.M)
