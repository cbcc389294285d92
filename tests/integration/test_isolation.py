"""Plugins that hang, crash, leak and lie end their own task and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from dicomnode.errors import BadFinding, BrokenPlugin, PluginCrashed, PluginFailed, PluginTimedOut, Unsuitable
from dicomnode.execute.run import run
from dicomnode.execute.workers import Workers
from dicomnode.sdk import Measurement, wire
from dicomnode.sdk.running import PROGRESS, TRACEBACK
from tests import plugin_zoo
from tests.unit.sdk.test_wire import case


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    pool = Workers(processes=1, preload=["numpy"])
    yield pool
    pool.stop()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    wire.write_case(tmp_path, case().volumes, {})
    return tmp_path


def _works(workers: Workers, directory: Path) -> None:
    (finding,) = run(workers, plugin_zoo.spec("mean"), directory)
    assert isinstance(finding, Measurement)
    assert finding.value == 11.5


def test_a_good_plugin(workers: Workers, directory: Path) -> None:
    _works(workers, directory)
    assert (directory / PROGRESS).read_text() == '{"fraction": 0.5, "step": "half"}'


@pytest.mark.parametrize(("lane", "more"), [("express", 0), ("normal", 5)])
def test_what_nobody_waits_for_lets_others_go_first(workers: Workers, directory: Path, lane: str, more: int) -> None:
    (finding,) = run(workers, plugin_zoo.spec("how_nice", lane=lane), directory)
    assert isinstance(finding, Measurement)
    assert finding.value == min(os.nice(0) + more, 19)


@pytest.mark.parametrize(
    ("function", "error", "says"),
    [
        ("unsuitable", Unsuitable, "^this image is too small$"),
        ("unsuitable_in_its_own_words", Unsuitable, "^24 voxels, at least 100 are needed$"),
        ("leaves_politely", PluginFailed, "^SystemExit: 3$"),
        ("raises", PluginFailed, "^ZeroDivisionError: a bug$"),
        ("raises_unpicklable", PluginFailed, "^UnpicklableError: unpicklable$"),
        ("crashes", PluginCrashed, "killed by SIGSEGV"),
        ("exits", PluginCrashed, "left without an answer"),
        ("nonsense", BadFinding, "finding 0 is a str"),
        ("undeclared", BadFinding, "returned Recommendation, which its specification does not declare"),
        ("eats_memory", PluginFailed, "MemoryError|more than 1024 MiB"),
        ("not_there", BrokenPlugin, "entry point tests.plugin_zoo:not_there cannot be imported"),
    ],
)
def test_a_bad_plugin_is_named_and_the_next_call_works(
    workers: Workers, directory: Path, function: str, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        run(workers, plugin_zoo.spec(function), directory)
    _works(workers, directory)


def test_a_bug_leaves_its_traceback_in_the_case_directory(workers: Workers, directory: Path) -> None:
    with pytest.raises(PluginFailed):
        run(workers, plugin_zoo.spec("raises"), directory)
    assert "plugin_zoo.py" in (directory / TRACEBACK).read_text()


def test_findings_of_an_earlier_run_do_not_count(workers: Workers, directory: Path) -> None:
    _works(workers, directory)
    with pytest.raises(PluginCrashed):
        run(workers, plugin_zoo.spec("exits"), directory)
    assert not (directory / wire.FINDINGS).exists()


def test_what_a_plugin_leaves_running_is_killed(workers: Workers, directory: Path) -> None:
    (finding,) = run(workers, plugin_zoo.spec("leaves_a_child"), directory)
    assert isinstance(finding, Measurement)
    until(lambda: not plugin_zoo.child_of(int(finding.value)))


def test_a_timeout_kills_the_plugin_and_what_it_started(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = directory / "note"
    script = (
        "import sys; from pathlib import Path\n"
        "from dicomnode.execute.workers import Workers\n"
        "from dicomnode.execute.run import run\n"
        "from dicomnode.errors import PluginTimedOut\n"
        "from tests import plugin_zoo\n"
        "if __name__ == '__main__':\n"
        "    workers = Workers(processes=1)\n"
        "    try:\n"
        "        run(workers, plugin_zoo.spec('hangs_with_a_child', timeout_s=2.0), Path(sys.argv[1]))\n"
        "    except PluginTimedOut as error:\n"
        "        print(error)\n"
        "    workers.stop()\n"
    )
    done = _python(script, directory, note)
    assert done.communicate(timeout=60)[0].decode().strip() == "it ran longer than 2 s and was killed"
    until(lambda: not plugin_zoo.child_of(int(note.read_text())))


@pytest.mark.parametrize("function", ["hangs_with_a_child", "hangs_and_lets_nobody_else_run"])
def test_a_plugin_and_what_it_started_die_with_the_node(directory: Path, function: str) -> None:
    note = directory / "note"
    script = (
        "import sys; from pathlib import Path\n"
        "from dicomnode.execute.workers import Workers\n"
        "from dicomnode.execute.run import run\n"
        "from tests import plugin_zoo\n"
        "if __name__ == '__main__':\n"
        f"    run(Workers(processes=1), plugin_zoo.spec('{function}'), Path(sys.argv[1]))\n"
    )
    node = _python(script, directory, note)
    until(lambda: note.exists() and bool(note.read_text()))
    started = int(note.read_text())
    family = {started, *_group_of(started)}
    assert node.pid not in family
    killed = time.monotonic()
    node.send_signal(signal.SIGKILL)
    node.communicate()
    until(lambda: not any(map(plugin_zoo.child_of, family)), seconds=5)
    assert time.monotonic() - killed < 2


def _group_of(pid: int) -> list[int]:
    """Every process of a process's group."""
    group = os.getpgid(pid)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(ProcessLookupError):
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
    return found


def _python(script: str, directory: Path, note: Path) -> subprocess.Popen[bytes]:
    path = directory / "script.py"
    path.write_text(script)
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join([root, str(Path(root) / "plugins")])
    environment = {**os.environ, "ZOO_NOTE": str(note), "PYTHONPATH": paths}
    return subprocess.Popen([sys.executable, str(path), str(directory)], stdout=subprocess.PIPE, env=environment)


def test_a_timeout_is_named(workers: Workers, directory: Path) -> None:
    with pytest.raises(PluginTimedOut, match=r"longer than 0\.5 s"):
        workers.run(time.sleep, 30, timeout_s=0.5, memory_mib=256)
    _works(workers, directory)
