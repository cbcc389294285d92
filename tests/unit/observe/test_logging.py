"""Nothing that identifies a patient leaves through a log line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from dicomnode.observe.logging import configure


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_only_allow_listed_keys_are_written() -> None:
    stream = io.StringIO()
    configure(json=True, stream=stream)
    extra = {"port": 104, "patient_name": "ZZPHI^NAME", "sop_instance_uid": "1.2.3"}
    logging.getLogger("dicomnode.test").info("listening", extra=extra)
    line = json.loads(stream.getvalue())
    assert (line["event"], line["port"], line["level"], line["logger"]) == ("listening", 104, "info", "dicomnode.test")
    assert set(line) <= {"event", "port", "level", "logger", "timestamp"}


def test_an_exception_leaves_its_type_and_place_but_not_its_text() -> None:
    stream = io.StringIO()
    configure(json=True, stream=stream)
    try:
        raise ValueError("ZZPHI^NAME")
    except ValueError:
        logging.getLogger("dicomnode.test").exception("failed")
    line = json.loads(stream.getvalue())
    assert "ZZPHI" not in stream.getvalue()
    assert line["exc_type"] == "ValueError"
    assert line["where"].startswith(f"{__name__}:") or "test_logging:" in line["where"]


def test_control_characters_of_a_hostile_title_are_made_visible() -> None:
    stream = io.StringIO()
    configure(json=False, stream=stream)
    logging.getLogger("dicomnode.test").warning("rejected", extra={"aet": "A\x1b[31m\nB"})
    assert "\x1b" not in stream.getvalue()
    assert stream.getvalue().count("\n") == 1
