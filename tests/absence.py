"""What happens when a test's peer or data are not on this machine."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(what: str, remedy: str) -> NoReturn:
    """Skip, naming what is missing; under ``CI=true`` fail instead, because there a skip would hide a gap."""
    message = f"{what} is missing: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
