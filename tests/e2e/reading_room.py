"""Where a radiologist reads: an exam and its results in a PACS, and the viewer beside it in a browser.

With ``DICOMNODE_PICTURES`` set to a folder, what was seen is kept there (``make pictures``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page
from pydicom import Dataset

from tests.absence import absent
from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import dcmsend
from tests.peers import browser, ohif
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.tools import free_port

PATIENCE_S = 60.0
FRAME = 0.02
"""Share of the viewport that the viewer's own marks may colour."""
_GRAY = 20  # of 255: how far the channels of a gray pixel may lie apart
_PANE = '[data-cy="viewport-pane"]'
_CORNER = '[data-cy="viewport-overlay-bottom-right"]'


@dataclass
class ReadingRoom:
    """A browser, the viewer, and an archive with an exam and its results."""

    chromium: Browser
    address: str
    objects: list[Dataset]
    complaints: list[str] = field(default_factory=list)

    def objects_of(self, sop_class: str, kind: str = "DERIVED") -> list[Dataset]:
        """All objects of a class; of images those whose Image Type begins so."""
        found = [dataset for dataset in self.objects if sop_class == dataset.SOPClassUID]
        return [dataset for dataset in found if dataset.get("ImageType", [kind])[0] == kind]

    def series(self, sop_class: str, label: str = "") -> list[Dataset]:
        """The objects of the only series of results of a class that is called so, by Instance Number."""
        found = [d for d in self.objects_of(sop_class) if label in d.SeriesDescription]
        assert len({d.SeriesInstanceUID for d in found}) == 1, [d.SeriesDescription for d in found]
        return sorted(found, key=lambda dataset: int(dataset.InstanceNumber))

    @contextmanager
    def opened(self, result: Dataset) -> Iterator[Page]:
        """A page of the viewer with the series of a result opened by a double click; the console must stay silent."""
        page = self.chromium.new_page(viewport={"width": 1400, "height": 900})
        self.complaints.clear()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.set_default_timeout(PATIENCE_S * 1000)
        page.goto(f"{self.address}/viewer?StudyInstanceUIDs={result.StudyInstanceUID}")
        page.get_by_text("Skip all").click()
        page.get_by_text("Confirm and hide").click()
        until(lambda: (shown(page) > 20).mean() > 0.1, PATIENCE_S, "an image is drawn")
        assert coloured(page).mean() < FRAME, "the images themselves are gray"
        thumbnail = page.locator('[data-cy^="study-browser-thumbnail"]').filter(has_text=f"S:{result.SeriesNumber}")
        thumbnail.first.dblclick()
        try:
            yield page
            assert self.complaints == []
        finally:
            page.close()


@contextmanager
def reading_room(
    folder: Path, exam: Sequence[Path], chromium: Browser, plugins: Sequence[str] = ()
) -> Iterator[ReadingRoom]:
    """An archive that sends its studies to a node and takes the results, as in ``deploy/compose``.

    Plugins that run only where they are named are named here.
    """
    pages = ohif.installed() or absent("OHIF", "fetch it with 'make peers'")
    with orthanc(folder) as pacs:
        named = "".join(f"[plugins.{plugin}]\n" for plugin in plugins)
        node = NodeProcess(folder, free_port(), _as_deployed(pacs), extra=named)
        node.start()
        sender = dcmsend(pacs.dicom_port, exam, "ORTHANC")
        output, _ = sender.communicate(timeout=120)
        assert sender.returncode == 0, output.decode()
        pacs.route(node.port)
        tasks = node.settled(max(1, len(plugins)))
        assert {task["state"] for task in tasks} == {"done"}
        assert node.stop() == 0
        objects = [pacs.dataset(entry["ID"]) for entry in pacs.instances()]
        with ohif.viewer(pages, pacs.http_port) as address:
            yield ReadingRoom(chromium=chromium, address=address, objects=objects)


def _as_deployed(pacs: Orthanc) -> str:
    return f"""
[[peers]]
name = "pacs"
aet = "{pacs.aet}"
host = "{pacs.host}"
port = {pacs.dicom_port}
may_store = true
receives = ["SEG", "SR-VIEWER", "SC", "PM", "MR"]
"""


def keep(page: Page, name: str) -> None:
    """A picture for the documents, where they are being made."""
    if folder := os.environ.get("DICOMNODE_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def shown(page: Page) -> np.ndarray:
    """The viewport: (rows, columns, 3) int."""
    return browser.pixels(page.locator(_PANE)).astype(int)


def said(page: Page) -> str:
    """All text in the viewport."""
    return page.locator(_PANE).inner_text()


def coloured(page: Page) -> np.ndarray:
    """Which pixels of the viewport are in colour: (rows, columns) bool."""
    return np.asarray(np.ptp(shown(page), axis=-1) > _GRAY)


def instance_number(page: Page) -> int:
    """Of the image that is shown, as the viewer says it."""
    return int(page.locator(_CORNER).inner_text().partition("I:")[2].split()[0])


def scroll(page: Page, slices: int) -> int:
    """Turn the wheel over the viewport; the Instance Number of the image that is shown then."""
    page.locator(_PANE).hover()
    before = instance_number(page)
    for _ in range(slices):
        page.mouse.wheel(0, 100)
    until(lambda: abs(instance_number(page) - before) == slices, PATIENCE_S, "the slice that was turned to")
    return instance_number(page)


def likeness(page: Page, picture: np.ndarray) -> float:
    """Correlation of what the viewport shows with a picture fitted into it.

    Parameters
    ----------
    picture : (rows, columns, 3) uint8
        With square pixels.
    """
    seen = shown(page)
    (height, width), (rows, columns) = seen.shape[:2], picture.shape[:2]
    scale = min(height / rows, width / columns)
    fitted = np.asarray(Image.fromarray(picture).resize((round(columns * scale), round(rows * scale))), int)
    top, left = (height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
    inside = seen[top : top + fitted.shape[0], left : left + fitted.shape[1]]
    return float(np.corrcoef(inside.ravel(), fitted.ravel())[0, 1])
