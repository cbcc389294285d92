"""Calls in processes of their own: what goes in, what comes out, and what no call can do to another or to the node."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dicomnode.domain.task import ResultObject
from dicomnode.errors import DeliveryError, GeometryError, PluginCrashed, PluginFailed, PluginTimedOut, Stopped
from dicomnode.execute.workers import Workers
from dicomnode.sdk import Model
from tests.values import result

_state: list[int] = []
_taken: list[str] = []


def echo(value: Any) -> Any:
    return value


def remember(value: int) -> list[int]:
    _state.append(value)
    return _state


def take_models(models: Mapping[str, Model]) -> None:
    _taken.extend(f"{slot}: {model.name}" for slot, model in models.items())


def models_taken() -> list[str]:
    return _taken


def a_geometry_error() -> None:
    raise GeometryError("no volume")


class Lost(DeliveryError):
    """A class the house does not know."""


def an_error_of_its_own() -> None:
    raise Lost("lost")


def objects(count: int, size: int) -> list[ResultObject]:
    return [result(f"1.2.{n}", content=bytes(size)) for n in range(count)]


def an_array() -> Any:
    return np.zeros(3)


def a_lambda() -> Any:
    return lambda: 1


class Malice:
    """Would run code where it is read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def malice() -> Malice:
    return Malice()


def variables() -> dict[str, str]:
    return {name: os.environ[name] for name in ("OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")}


def value_of(module: str, name: str) -> Any:
    return getattr(sys.modules[module], name)


def loaded(module: str) -> bool:
    return module in sys.modules


def sleep(note: str) -> None:
    Path(note).write_text(str(os.getpid()))
    time.sleep(600)


def use(mebibytes: int) -> int:
    return len(bytearray(mebibytes << 20))


def die_with_open_answer() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def begun(note: Path) -> int:
    """The process of a call of :func:`sleep`, once it has begun."""
    until(lambda: note.exists() and bool(note.read_text()))
    return int(note.read_text())


@pytest.fixture
def workers() -> Iterator[Workers]:
    pool = Workers(processes=2, preload=[__name__])
    yield pool
    pool.stop()


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def call(workers: Workers, function: Callable[..., Any], *arguments: Any, timeout_s: float = 30.0) -> Any:
    return workers.run(function, *arguments, timeout_s=timeout_s, memory_mib=512)


def sleeping(workers: Workers, background: ThreadPoolExecutor, note: Path) -> tuple[Future[Any], int]:
    """A call that hangs, and its process."""
    future = background.submit(call, workers, sleep, str(note))
    return future, begun(note)


def test_values_go_in_and_come_out(workers: Workers) -> None:
    value = {"a": [1, 2.5, "Größe", None, True], "b": (b"\0" * 9, Path("/x"))}
    assert call(workers, echo, value) == value
    assert call(workers, echo, None) is None


def test_large_requests_and_answers_pass(workers: Workers) -> None:
    made = call(workers, objects, 20, 1 << 18)
    assert [entry.sop_instance_uid for entry in made] == [f"1.2.{n}" for n in range(20)]
    assert call(workers, echo, made) == made


def test_a_call_leaves_no_state_behind(workers: Workers) -> None:
    assert [call(workers, remember, n) for n in (1, 2)] == [[1], [2]]
    assert call(workers, os.getpid) != call(workers, os.getpid)
    assert _state == []


def test_errors_of_the_house_come_out_as_they_are(workers: Workers) -> None:
    with pytest.raises(GeometryError, match=r"^no volume$"):
        call(workers, a_geometry_error)


def test_an_error_of_another_class_comes_out_as_the_nearest_of_the_house(workers: Workers) -> None:
    with pytest.raises(DeliveryError, match=r"^lost$") as raised:
        call(workers, an_error_of_its_own)
    assert type(raised.value) is DeliveryError


@pytest.mark.parametrize(
    ("function", "says"),
    [(an_array, "numpy.* may not enter"), (malice, "posix.system may not enter"), (a_lambda, "PicklingError|pickle")],
)
def test_an_answer_makes_the_node_load_nothing(workers: Workers, function: Callable[..., Any], says: str) -> None:
    with pytest.raises(PluginFailed, match=says):
        call(workers, function)


def test_numerical_libraries_are_told_their_threads() -> None:
    pool = Workers(processes=1, threads=3)
    assert call(pool, variables) == {"OMP_NUM_THREADS": "3", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "3"}
    pool.stop()


def test_modules_are_loaded_ahead_and_a_broken_one_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken_module.py").write_text("raise SystemError('at import')")
    (tmp_path / "tables.py").write_text("READ = []\ndef read(): READ.append(1)")
    monkeypatch.syspath_prepend(str(tmp_path))
    pool = Workers(processes=1, preload=["broken_module", "not_there", "wave:there_is_no_such", "wave", "tables:read"])
    assert call(pool, loaded, "wave")
    assert call(pool, value_of, "tables", "READ") == [1]
    pool.stop()
    said = capfd.readouterr().err
    assert "broken_module cannot be loaded ahead of time: SystemError" in said
    assert "not_there cannot be loaded ahead of time: ModuleNotFoundError" in said
    assert "wave:there_is_no_such cannot be loaded ahead of time: AttributeError" in said


def test_models_are_loaded_once_before_the_calls_that_find_them(capfd: pytest.CaptureFixture[str]) -> None:
    model = Model(id="npc", version="1", status="research", architecture="a", digest="0" * 64, files={})
    warm = [
        ("not_there:warm", "{}"),
        (f"{__name__}:take_models", json.dumps({"main": model.to_json()})),
    ]
    pool = Workers(processes=1, warm=warm)
    assert call(pool, models_taken) == [f"main: {model.name}"]
    assert call(pool, models_taken) == [f"main: {model.name}"]
    pool.stop()
    assert "the models of not_there:warm cannot be loaded ahead of time: BrokenPlugin" in capfd.readouterr().err


def test_the_memory_cap_is_the_calls_own(workers: Workers) -> None:
    with pytest.raises(PluginFailed, match="MemoryError: more than 128 MiB were needed"):
        workers.run(use, 192, timeout_s=30, memory_mib=128)
    assert workers.run(use, 192, timeout_s=30, memory_mib=512) == 192 << 20


def test_calls_run_side_by_side_and_outlive_each_others_ends(
    workers: Workers, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    other, process = sleeping(workers, background, tmp_path / "note")
    with pytest.raises(PluginCrashed, match="killed by SIGKILL"):
        call(workers, die_with_open_answer)
    with pytest.raises(PluginTimedOut):
        call(workers, time.sleep, 60, timeout_s=0.1)
    assert alive(process)
    assert not other.done()
    os.kill(process, signal.SIGTERM)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(PluginCrashed):
        other.result(10)


def test_no_more_calls_run_than_there_are_turns(background: ThreadPoolExecutor, tmp_path: Path) -> None:
    pool = Workers(processes=1, preload=[__name__])
    first, process = sleeping(pool, background, tmp_path / "first")
    second = background.submit(call, pool, echo, 7)
    assert not second.done()
    os.kill(process, signal.SIGKILL)
    with pytest.raises(PluginCrashed):
        first.result(10)
    assert second.result(10) == 7
    pool.stop()


def test_a_timeout_is_kept_and_leaves_no_process(workers: Workers, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(PluginTimedOut, match=r"longer than 0\.5 s"):
        call(workers, sleep, str(tmp_path / "note"), timeout_s=0.5)
    assert 0.5 <= time.monotonic() - began < 3
    assert not alive(int((tmp_path / "note").read_text()))


def test_stopping_frees_those_who_wait(background: ThreadPoolExecutor, tmp_path: Path) -> None:
    pool = Workers(processes=1, preload=[__name__])
    running, process = sleeping(pool, background, tmp_path / "note")
    waiting = background.submit(call, pool, echo, 7)
    began = time.monotonic()
    pool.stop()
    for future in (running, waiting):
        with pytest.raises(Stopped):
            future.result(10)
    assert time.monotonic() - began < 3
    until(lambda: not alive(process))
    with pytest.raises(Stopped):
        call(pool, echo, 7)


def test_a_killed_fork_server_takes_its_calls_along_and_is_replaced(
    workers: Workers, background: ThreadPoolExecutor, tmp_path: Path
) -> None:
    running, process = sleeping(workers, background, tmp_path / "note")
    workers._server.process.kill()
    with pytest.raises(PluginCrashed, match="fork server"):
        running.result(10)
    until(lambda: not alive(process))
    assert call(workers, echo, 7) == 7


def test_many_threads_share_a_server() -> None:
    pool = Workers(processes=8, preload=[__name__])
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(lambda n: call(pool, echo, n), range(64))) == list(range(64))
    pool.stop()
    assert threading.active_count() < 16


def test_a_call_leaves_no_descriptor_open(workers: Workers) -> None:
    def open_descriptors() -> tuple[int, int]:
        server = workers._server.process.pid
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), sum(1 for _ in Path(f"/proc/{server}/fd").iterdir())

    call(workers, echo, 1)
    before = open_descriptors()
    for _ in range(5):
        call(workers, echo, 1)
        with pytest.raises(PluginCrashed):
            call(workers, die_with_open_answer)
    # The server closes its own just after it has answered.
    until(lambda: all(now <= then for now, then in zip(open_descriptors(), before, strict=True)))
