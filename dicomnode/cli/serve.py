"""``dicomnode serve``: the node."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import nullcontext
from typing import Annotated

import typer

from dicomnode.cli.options import ConfigOption, SetOption, read_settings
from dicomnode.node import Node
from dicomnode.observe import logging as observe
from dicomnode.web.application import Sources
from dicomnode.web.server import serving

_NAP_S = 0.5

app = typer.Typer(add_completion=False)


@app.command()
def serve(
    config: ConfigOption = None,
    overrides: SetOption = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="One JSON object a log line.")] = False,
) -> None:
    """Run the node until SIGTERM or Ctrl-C."""
    observe.configure(json=log_json)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = read_settings(config, overrides)
    node = Node(settings)
    try:
        node.start()
        pages = Sources(board=node.advice, check=node.check, metrics=node.metrics.render)
        with serving(settings.web, pages) if settings.web.enabled else nullcontext():
            # The system may give the signal to any thread; then the main one, which has to handle it, would sleep on.
            while not stop.wait(_NAP_S):
                pass
    finally:
        if not node.stop():
            os._exit(0)
