"""Every distribution that this one brings along is pinned, installed as pinned, and free to go with our licence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.architecture.house import ROOT


def _pins() -> dict[str, Version]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def _declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    return [Requirement(line) for group in (*groups, *project["dependency-groups"].values()) for line in group]


def _brought_along() -> Iterator[str]:
    """Canonical names of all that is declared, and of what that requires in turn, on this machine."""
    waiting = [(requirement.name, tuple(requirement.extras)) for requirement in _declared()]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        yield canonicalize_name(name)
        for line in metadata.requires(name) or ():
            requirement = Requirement(line)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                waiting.append((requirement.name, tuple(requirement.extras)))


def test_what_is_brought_along_is_pinned() -> None:
    assert set(_brought_along()) <= set(_pins())


def test_what_is_installed_is_what_is_pinned() -> None:
    pins = _pins()
    wrong = {
        name: metadata.version(name)
        for name in set(_brought_along())
        if Version(metadata.version(name)).public != pins[name].public
    }
    assert not wrong


@pytest.mark.parametrize("requirement", _declared(), ids=str)
def test_a_pin_is_in_the_declared_range(requirement: Requirement) -> None:
    assert requirement.specifier.contains(_pins()[canonicalize_name(requirement.name)])


def test_nothing_under_the_gpl_comes_along() -> None:
    texts = {}
    for name in set(_brought_along()):
        about = metadata.metadata(name)
        texts[name] = " ".join([*(about.get_all("License-Expression") or ()), *(about.get_all("Classifier") or ())])
    # The LGPL lets an unmodified library be used, as psycopg is.
    gpl = {name for name, text in texts.items() if re.search(r"(?<!L)GPL|(?<!Lesser )General Public", text)}
    assert not gpl
    assert "pylibjpeg-libjpeg" not in _pins()
