"""``python -m dicomnode.catalog.probe ENTRY...``: load plugin specifications and print them as JSON lines.

Runs in a process of its own, so that third-party code never enters the node.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from dicomnode.sdk.spec import PluginSpec


def probe(entry: str) -> dict[str, object]:
    """The specification at ``module:attribute``, or what is wrong with it."""
    module, _, attribute = entry.partition(":")
    try:
        imported = importlib.import_module(module)
        spec = getattr(imported, attribute)
    except Exception as error:  # noqa: BLE001 - the last border: whatever a plugin's import raises is its problem
        return {"entry": entry, "problem": f"{type(error).__name__}: {error}"}
    if not isinstance(spec, PluginSpec):
        return {"entry": entry, "problem": f"{attribute} is a {type(spec).__name__}, not a PluginSpec"}
    folder = str(Path(imported.__file__).parent) if imported.__file__ else ""
    return {"entry": entry, "spec": spec.to_json(), "folder": folder}


def main() -> None:
    """Answer for each entry point named on the command line, one line each, at once."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a plugin prints while it is imported is no answer
        for entry in sys.argv[1:]:
            print(json.dumps(probe(entry)), file=answers, flush=True)


if __name__ == "__main__":
    main()
