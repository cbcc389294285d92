"""Work that is begun at once never runs beside itself, and what goes wrong with it is left to its queue."""

from __future__ import annotations

import threading

import pytest

from dicomnode.engine.direct import Direct

SOON = 30.0


def test_it_runs_in_a_thread_of_its_own_before_its_queue_comes_to_it() -> None:
    done: list[tuple[str, int]] = []
    direct = Direct(lambda *arguments: done.append(arguments), 1)
    direct.begin("task", 1)
    assert direct.idle(SOON)
    assert done == [("task", 1)]


def test_its_queue_waits_for_what_is_under_way_and_looks_again() -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), list[str]()
    at_once: list[int] = []

    def work(name: str) -> None:
        at_once.append(1)
        assert len(at_once) == 1, "never beside itself"
        begun.set()
        go_on.wait(SOON)
        ended.append(name)
        at_once.clear()

    direct = Direct(work, 2)
    direct.begin("task")
    assert begun.wait(SOON)
    direct.begin("task")
    queue = threading.Thread(target=direct.run, args=("task",))
    queue.start()
    assert not direct.idle(0)
    go_on.set()
    queue.join()
    assert ended == ["task", "task"], "the second finds it done, which is for the work to see"


def test_no_more_run_at_once_than_there_are_threads() -> None:
    held, order = threading.Event(), list[str]()

    def work(name: str) -> None:
        if name == "first":
            held.wait(SOON)
        order.append(name)

    direct = Direct(work, 1)
    direct.begin("first")
    direct.begin("second")
    held.set()
    assert direct.idle(SOON)
    assert order == ["first", "second"]


@pytest.mark.parametrize("end", ["fails", "closed"])
def test_what_fails_or_is_not_begun_any_more_is_done_by_its_queue(end: str) -> None:
    done: list[str] = []
    away = [end == "fails"]

    def work(name: str) -> None:
        if away and away.pop():
            raise OSError("the database is away")
        done.append(name)

    direct = Direct(work, 1)
    if end == "closed":
        direct.close()
    direct.begin("task")
    assert direct.idle(SOON)
    assert done == []
    direct.run("task")
    assert done == ["task"]
