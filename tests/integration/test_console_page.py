"""The console page in Chromium: the decision at once, the countdown, the tap that is kept, what can be read by all.

With ``DICOMNODE_PICTURES`` set to a folder, what was seen is kept there (``make pictures``).
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from dicomnode.advice import Board
from dicomnode.advice_settings import AdviceSettings, WebSettings
from dicomnode.domain.advice import AdviceKind
from dicomnode.index import views
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.sdk.codes import CONTRAST_MAY_BE_OMITTED, NO_CONTRAST_WITHOUT_RADIOLOGIST
from dicomnode.sdk.findings import Recommendation
from dicomnode.web.application import Sources
from dicomnode.web.server import serving
from tests.e2e.node_process import until
from tests.peers import browser
from tests.unit.test_advice import ADVISING, TASK, now
from tests.values import STUDY, instance

OMIT = Recommendation(
    value=CONTRAST_MAY_BE_OMITTED,
    reason="the unenhanced images speak against recurrence",
    cautions=("not known: eGFR",),
)
STOP = Recommendation(
    value=NO_CONTRAST_WITHOUT_RADIOLOGIST, reason="a severe reaction to a gadolinium contrast agent is documented"
)
AT_ONCE_S = 3.0
"""0.3 s is measured by the benchmark; a loaded machine gets ten times that here."""
AA_LARGE, AA = 3.0, 4.5


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as running:
        yield running


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database("", tmp_path)
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture
def board(database: Database) -> Iterator[Board]:
    working = Board(AdviceSettings(), database, ["routing"], now)
    working.start()
    Intake(database).record(instance("1.1", AccessionNumber="ACC 4711", StationName="MR 2"), now())
    working.watch()
    yield working
    working.stop()


@pytest.fixture
def page(board: Board, chromium: Browser) -> Iterator[Page]:
    with serving(WebSettings(port=0), Sources(board=board, check=lambda: None)) as port:
        opened = chromium.new_page(viewport={"width": 1180, "height": 820})  # a tablet, lying
        complaints: list[str] = []
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        opened.goto(f"http://127.0.0.1:{port}/console")
        yield opened
        refused = [one for one in complaints if "422" in one]  # a tap without a name, on purpose
        assert complaints == refused
        opened.close()


def picture(page: Page, name: str) -> None:
    if folder := os.environ.get("DICOMNODE_PICTURES"):
        page.screenshot(path=str(Path(folder) / name))


def ratio(page: Page, selector: str) -> float:
    """Contrast ratio of an element's text (WCAG 2.2, 1.4.3)."""
    colours = page.locator(selector).first.evaluate(
        """element => {
            let behind = element;
            const painted = one => getComputedStyle(one).backgroundColor;
            while (painted(behind) === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
            return [getComputedStyle(element).color, painted(behind)];
        }"""
    )

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(colour) for colour in colours), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_whole_walk_from_waiting_to_acknowledged(page: Page, board: Board, database: Database) -> None:
    expect(page.get_by_role("heading", name="Wait")).to_be_visible()
    expect(page.get_by_text("ACC 4711 · MR 2")).to_be_visible()
    board.planned(STUDY, [ADVISING])
    timer = page.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"^\d+ s$"))
    first = int(str(timer.text_content()).split()[0])
    assert 60 < first <= 90
    until(lambda: int(str(timer.text_content()).split()[0]) < first, 20, "the seconds count down")
    picture(page, "console-waiting.png")

    began = time.monotonic()
    board.found(TASK, [OMIT])
    page.get_by_role("heading", name="Contrast may be omitted").wait_for(timeout=10_000)
    assert time.monotonic() - began < AT_ONCE_S
    assert timer.count() == 0
    expect(page.get_by_text("The unenhanced images speak against recurrence.")).to_be_visible()
    expect(page.get_by_text("Caution: Not known: eGFR.")).to_be_visible()
    picture(page, "console-omitted.png")

    button = page.get_by_role("button", name="Acknowledge: Contrast may be omitted, ACC 4711 · MR 2")
    assert button.bounding_box()["height"] >= 44  # type: ignore[index]
    button.click()
    expect(page.locator("#refused")).to_contain_text("say who acknowledges")
    page.get_by_label("Acknowledged by").fill("A. Doe")
    acknowledged = page.get_by_text(re.compile(r"Acknowledged by A\. Doe, \d\d:\d\d:\d\d"))

    def late(route: Route) -> None:
        """The board has changed before the answer comes."""
        answer = route.fetch()
        expect(acknowledged).to_be_visible()
        route.fulfill(response=answer)

    page.route("**/console/acknowledge", late)
    button.click()
    expect(acknowledged).to_be_visible()
    expect(page.locator("#refused")).to_be_hidden()

    board.found(TASK, [STOP])
    expect(page.get_by_role("heading", name="No contrast without the radiologist")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_visible()
    picture(page, "console-radiologist.png")

    def trail() -> list[str]:
        with database.read() as session:
            return [str(one["text"]) for one in views.events(session, STUDY) if one["subject"] == "advice"]

    until(lambda: len(trail()) == 5, 20, "every change is kept")
    assert trail()[3] == "acknowledged: ADV_OMIT by A. Doe"


def test_everything_can_be_read(page: Page, board: Board) -> None:
    for kind, findings in ((AdviceKind.MAY_BE_OMITTED, [OMIT]), (AdviceKind.RADIOLOGIST, [STOP])):
        board.found(TASK, findings)
        card = f"[data-kind='{kind.value}']"
        page.locator(card).wait_for()
        assert ratio(page, f"{card} h2") >= AA
        assert ratio(page, f"{card} .reason") >= AA
        assert ratio(page, f"{card} button") >= AA
        assert page.locator(f"{card} h2").evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 72
    live = page.locator("#board")
    assert live.get_attribute("aria-live") == "assertive"
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("article").first.get_attribute("aria-label") == (
        "ACC 4711 · MR 2: No contrast without the radiologist"
    )
    for colour in ("waiting", "omit", "contrast", "standard", "radiologist", "late"):
        page.locator("article").first.evaluate("(one, name) => { one.className = `card ${name}` }", colour)
        assert ratio(page, "article h2") >= AA, colour


def test_a_page_that_is_cut_off_says_so(page: Page) -> None:
    expect(page.locator("#cut-off")).to_be_hidden()
    page.evaluate("SILENCE_MS")  # it is there; time is made to pass
    page.evaluate("heard = Date.now() - SILENCE_MS - 1000; tick()")
    expect(page.locator("#cut-off")).to_have_text("No connection to the node. Give the protocol as ordered.")
