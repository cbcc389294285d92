"""From the decision to the changed page, in headless Chromium.

python -m benchmarks.routing.page [--changes 30]
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dicomnode.advice import Board
from dicomnode.advice_settings import AdviceSettings, WebSettings
from dicomnode.domain.advice import AdviceKind
from dicomnode.domain.task import Task, TaskState
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.sdk.codes import CONTRAST_MAY_BE_OMITTED
from dicomnode.sdk.findings import Recommendation
from dicomnode.web.application import Sources
from dicomnode.web.server import serving
from tests.peers import browser
from tests.values import digest, instance

_WATCH = """
window.changed = {};
new MutationObserver(() => {
    for (const card of document.querySelectorAll("[data-kind='ADV_OMIT']"))
        if (!(card.id in window.changed)) window.changed[card.id] = Date.now();
}).observe(document.getElementById("board"), {childList: true, subtree: true});
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=20)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="dicomnode-bench-") as name, browser.chromium() as chromium:
        database = Database("", Path(name))
        database.upgrade()
        board = Board(AdviceSettings(), database, ["routing"], lambda: datetime.now(UTC))
        board.start()
        for n in range(given.changes):
            Intake(database).record(instance(f"9.{n}.1", study=f"9.{n}", series=f"9.{n}.0"), datetime.now(UTC))
        board.watch()
        with serving(WebSettings(port=0), Sources(board=board, check=lambda: None)) as port:
            page = chromium.new_page()
            page.goto(f"http://127.0.0.1:{port}/console")
            page.evaluate(_WATCH)
            decided = {}
            for one in board.shown():
                task = Task(
                    task_id=digest("a"),
                    attempt=1,
                    study_instance_uid=one.study_instance_uid,
                    plugin="routing",
                    version="1",
                    parameters={},
                    inputs=(),
                    state=TaskState.RUNNING,
                )
                decided[f"exam-{one.exam_id}"] = time.time() * 1000
                board.found(task, [Recommendation(value=CONTRAST_MAY_BE_OMITTED, reason="why")])
                page.wait_for_timeout(300)
            page.wait_for_timeout(1000)
            seen = page.evaluate("window.changed")
        board.stop()
        database.close()
    assert all(one.kind is AdviceKind.MAY_BE_OMITTED for one in board.shown())
    waits = np.array([seen[card] - at for card, at in decided.items()])
    p50, p95 = np.quantile(waits, (0.5, 0.95))
    print(f"{len(waits)} decisions to the changed page: p50 {p50:.0f} ms, p95 {p95:.0f} ms, worst {waits.max():.0f} ms")


if __name__ == "__main__":
    main()
