"""A browser without a window: Chromium, driven by Playwright."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Locator, sync_playwright

from tests.peers.tools import require_tool

# It renders in software and calls nobody: its maker's services would be looked up at every start.
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running Chromium, or a skip that says how to get one."""
    program = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(program), args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def pixels(element: Locator) -> np.ndarray:
    """What an element of a page looks like: (rows, columns, 3) uint8."""
    return np.asarray(Image.open(io.BytesIO(element.screenshot())).convert("RGB"))
