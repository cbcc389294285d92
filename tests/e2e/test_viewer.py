"""What a radiologist sees: the results of an exam, opened in OHIF beside the PACS.

With ``DICOMNODE_PICTURES`` set to a folder, what was seen is kept there (``make pictures``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from pydicom import Dataset

from dicomnode.demo.phantom import Exam, write_liver_exam
from dicomnode.demo.scanner import MR_IMAGE_STORAGE as MR
from tests.absence import absent
from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import PM, SC, SEG, SR, dcmsend, frames_of, numbers_of
from tests.peers import browser, ohif
from tests.peers.orthanc import Orthanc, orthanc
from tests.peers.tools import free_port

_PATIENCE_S = 60.0
_GRAY = 20  # of 255: how far the channels of a gray pixel may lie apart
_PANE = '[data-cy="viewport-pane"]'


@dataclass
class ReadingRoom:
    """A browser, the viewer, and an archive with an exam and its results."""

    chromium: Browser
    address: str
    objects: list[Dataset]
    complaints: list[str] = field(default_factory=list)

    def objects_of(self, sop_class: str) -> list[Dataset]:
        """All objects of a class."""
        return [dataset for dataset in self.objects if sop_class == dataset.SOPClassUID]

    def one(self, sop_class: str, label: str = "") -> Dataset:
        """An object of the only series of a class that is called so."""
        found = {d.SeriesInstanceUID: d for d in self.objects_of(sop_class) if label in d.SeriesDescription}
        (dataset,) = found.values()
        return dataset

    @contextmanager
    def opened(self, result: Dataset) -> Iterator[Page]:
        """A page of the viewer with the series of a result opened by a double click."""
        page = self.chromium.new_page(viewport={"width": 1400, "height": 900})
        self.complaints.clear()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.set_default_timeout(_PATIENCE_S * 1000)
        page.goto(f"{self.address}/viewer?StudyInstanceUIDs={result.StudyInstanceUID}")
        page.get_by_text("Skip all").click()
        page.get_by_text("Confirm and hide").click()
        until(lambda: browser.pixels(page.locator(_PANE)).mean() > 20, _PATIENCE_S, "an image is drawn")
        assert _coloured(page).mean() < 0.01, "the images themselves are gray"
        thumbnail = page.locator('[data-cy^="study-browser-thumbnail"]').filter(has_text=f"S:{result.SeriesNumber}")
        thumbnail.first.dblclick()
        try:
            yield page
        finally:
            page.close()


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingRoom]:
    pages = ohif.installed() or absent("OHIF", "fetch it with 'make peers'")
    folder = tmp_path_factory.mktemp("viewer")
    write_liver_exam(folder / "exam", Exam(one_series=False))
    with orthanc(folder) as pacs:
        node = NodeProcess(folder, free_port(), _as_deployed(pacs))
        node.start()
        _archive(pacs, sorted((folder / "exam").iterdir()))
        pacs.route(node.port)
        (task,) = node.settled(1)
        assert task["state"] == "done"
        assert node.stop() == 0
        objects = [pacs.dataset(entry["ID"]) for entry in pacs.instances()]
        with ohif.viewer(pages, pacs.http_port) as address, browser.chromium() as chromium:
            yield ReadingRoom(chromium=chromium, address=address, objects=objects)


def _as_deployed(pacs: Orthanc) -> str:
    """The archive sends its studies to the node and takes the results, as in ``deploy/compose``."""
    return f"""
[[peers]]
name = "pacs"
aet = "{pacs.aet}"
host = "{pacs.host}"
port = {pacs.dicom_port}
may_store = true
receives = ["SEG", "SR-VIEWER", "SC", "PM"]
"""


def _archive(pacs: Orthanc, exam: Sequence[Path]) -> None:
    """The scanner's images reach the archive."""
    sender = dcmsend(pacs.dicom_port, exam, "ORTHANC")
    output, _ = sender.communicate(timeout=120)
    assert sender.returncode == 0, output.decode()


def _keep(page: Page, name: str) -> None:
    """A picture for the documents, where they are being made."""
    if folder := os.environ.get("DICOMNODE_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def _coloured(page: Page) -> np.ndarray:
    """Which pixels of the viewport are in colour: (rows, columns) bool."""
    return np.ptp(browser.pixels(page.locator(_PANE)).astype(int), axis=-1) > _GRAY


def _scroll_to(page: Page, slices: int) -> int:
    """Turn the wheel over the viewport; the Instance Number of the image that is shown then."""
    corner = page.locator('[data-cy="viewport-overlay-bottom-right"]')
    page.locator(_PANE).hover()
    for _ in range(slices):
        before = corner.inner_text()
        page.mouse.wheel(0, 100)
        until(lambda before=before: corner.inner_text() != before, _PATIENCE_S, "the next slice")
    return int(corner.inner_text().partition("I:")[2].split()[0])


def _share_of_liver(segmentation: Dataset, images: Sequence[Dataset], instance_number: int) -> float:
    """Voxels of the first two segments among those of all segments, in one slice."""
    masks, positions = frames_of(segmentation)
    (image,) = [image for image in images if image.InstanceNumber == instance_number]
    here = [position == tuple(map(float, image.ImagePositionPatient)) for position in positions]
    numbers = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in segmentation.PerFrameFunctionalGroupsSequence
    ]
    counts = [(n, plane.sum()) for n, plane, there in zip(numbers, masks, here, strict=True) if there]
    return float(sum(count for n, count in counts if n <= 2) / sum(count for _, count in counts))


def test_the_segmentation_lies_on_the_images(room: ReadingRoom) -> None:
    segmentation = room.one(SEG, "Liver")
    with room.opened(segmentation) as page:
        page.get_by_text("Yes", exact=True).click()
        until(lambda: _coloured(page).mean() > 0.2, _PATIENCE_S, "the overlay is drawn")
        instance_number = _scroll_to(page, 15)
        page.locator('[data-cy="panelSegmentation-btn"]').click()
        page.get_by_text("Segmentations").wait_for()
        seen = browser.pixels(page.locator(_PANE)).astype(int)
        text = page.inner_text("body")
        _keep(page, "ohif-segmentation")
    labels = [segment.SegmentLabel for segment in segmentation.SegmentSequence]
    assert [label for label in labels if label not in text] == []
    warm = (seen[..., 0] - seen[..., 2] > _GRAY).sum()  # the liver's two segments alone are red rather than blue
    share = warm / (np.ptp(seen, axis=-1) > _GRAY).sum()
    assert share == pytest.approx(_share_of_liver(segmentation, room.objects_of(MR), instance_number), abs=0.03)
    assert room.complaints == []


def test_the_colour_pictures_are_shown(room: ReadingRoom) -> None:
    capture = room.one(SC, "in colour")
    with room.opened(capture) as page:
        until(lambda: _coloured(page).mean() > 0.05, _PATIENCE_S, "the picture is drawn")
        assert capture.SeriesDescription in page.locator(_PANE).inner_text()
    assert room.complaints == []


def test_the_parametric_map_lies_on_the_images(room: ReadingRoom) -> None:
    with room.opened(room.one(PM)) as page:
        until(lambda: _coloured(page).mean() > 0.05, _PATIENCE_S, "the overlay is drawn")
    assert room.complaints == []


def test_the_report_can_be_read_line_by_line(room: ReadingRoom) -> None:
    report = room.one(SR)
    with room.opened(report) as page:
        page.locator(_PANE).get_by_text("Fat fraction:").first.wait_for()
        text = page.locator(_PANE).inner_text()
        _keep(page, "ohif-report")
    percent = [value for (name, _), value in numbers_of(report).items() if name == "Fat fraction"]
    assert len(percent) >= 3
    assert [value for value in percent if f"Fat fraction: {value:g} %" not in text] == []
    assert "NOT FOR DIAGNOSTIC USE" in text
    assert "is not supported" not in text
    assert room.complaints == []
