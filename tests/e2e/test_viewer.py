"""What a radiologist sees: the results of an exam, opened in OHIF beside the PACS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page
from pydicom import Dataset

from benchmarks.fusion import pairs
from dicomnode.demo.phantom import Exam, write_liver_exam
from dicomnode.demo.scanner import MR_IMAGE_STORAGE as MR
from tests.e2e.node_process import until
from tests.e2e.reading_room import (
    FRAME,
    PATIENCE_S,
    ReadingRoom,
    coloured,
    instance_number,
    keep,
    likeness,
    reading_room,
    said,
    scroll,
    shown,
)
from tests.e2e.test_orthanc import PM, SC, SEG, SR, frames_of, numbers_of
from tests.peers import browser
from tests.plugins.fusion.files import write_pair
from tests.plugins.recurrence_triage.exams import volumes
from tests.plugins.recurrence_triage.files import write_exam

long_form = pytest.mark.skipif(not os.environ.get("DICOMNODE_PICTURES"), reason="long form: make pictures")
"""Opening a real exam costs as long as all others together."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser.chromium() as running:
        yield running


@pytest.fixture(scope="module")
def liver(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingRoom]:
    """The dual echo of a phantom, mapped."""
    folder = tmp_path_factory.mktemp("liver")
    write_liver_exam(folder / "exam", Exam(one_series=False))
    with reading_room(folder, sorted((folder / "exam").iterdir()), chromium) as room:
        yield room


@pytest.fixture(scope="module")
def patient(chromium: Browser, test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingRoom]:
    """The dual echo of a person, mapped."""
    files = sorted((test_data / "liver-dual-echo-chaos1").rglob("*.dcm"))
    with reading_room(tmp_path_factory.mktemp("patient"), files, chromium) as room:
        yield room


@pytest.fixture(scope="module")
def head(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingRoom]:
    """CE-T1 and CE-MRN of a phantom, fused."""
    folder = tmp_path_factory.mktemp("head")
    pair = pairs.make("philips", 2, degrees=10, millimetres=15, step=2)
    with reading_room(folder, write_pair(folder / "exam", pair, "Philips Medical Systems"), chromium) as room:
        yield room


@pytest.fixture(scope="module")
def neck(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadingRoom]:
    """T1, T2 and CE-T1 of a phantom of the nasopharynx, judged by the demonstration networks."""
    folder = tmp_path_factory.mktemp("neck")
    files = write_exam(folder / "exam", volumes())
    with reading_room(folder, files, chromium, ("recurrence_triage", "contrast_routing")) as room:
        yield room


def _share_of_liver(segmentation: Dataset, images: Sequence[Dataset], number: int) -> float:
    """Voxels of the first two segments among those of all segments, in one slice."""
    masks, positions = frames_of(segmentation)
    (image,) = [image for image in images if image.InstanceNumber == number]
    here = [position == tuple(map(float, image.ImagePositionPatient)) for position in positions]
    numbers = [
        frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        for frame in segmentation.PerFrameFunctionalGroupsSequence
    ]
    counts = [(n, plane.sum()) for n, plane, there in zip(numbers, masks, here, strict=True) if there]
    return float(sum(count for n, count in counts if n <= 2) / sum(count for _, count in counts))


def _drawn(page: Page, series: Sequence[Dataset]) -> None:
    """The viewport shows, the image of a series that it says it shows."""
    until(lambda: series[0].SeriesDescription in said(page), PATIENCE_S, "the series is opened")
    picture = _picture(series[instance_number(page) - 1])
    until(lambda: likeness(page, picture) > 0.85, PATIENCE_S, "the picture is drawn")


def _picture(image: Dataset) -> np.ndarray:
    """An image as its window shows it: (rows, columns, 3) uint8."""
    stored = image.pixel_array
    if image.SamplesPerPixel == 3:
        return stored
    values = stored * float(image.get("RescaleSlope", 1)) + float(image.get("RescaleIntercept", 0))
    gray = 255 * ((values - float(image.WindowCenter)) / float(image.WindowWidth) + 0.5)
    return np.repeat(gray.clip(0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def test_the_segmentation_lies_on_the_images(liver: ReadingRoom) -> None:
    (segmentation,) = liver.series(SEG, "Liver")
    with liver.opened(segmentation) as page:
        page.get_by_text("Yes", exact=True).click()
        until(lambda: coloured(page).mean() > 0.2, PATIENCE_S, "the overlay is drawn")
        number = scroll(page, 15)
        page.locator('[data-cy="panelSegmentation-btn"]').click()
        page.get_by_text("Segmentations").wait_for()
        seen = shown(page)
        text = page.inner_text("body")
        keep(page, "ohif-segmentation")
        in_colour = coloured(page)
    labels = [segment.SegmentLabel for segment in segmentation.SegmentSequence]
    assert [label for label in labels if label not in text] == []
    warm = (seen[..., 0] - seen[..., 2] > 20).sum()  # the liver's two segments alone are red rather than blue
    share = _share_of_liver(segmentation, liver.objects_of(MR, "ORIGINAL"), number)
    assert warm / in_colour.sum() == pytest.approx(share, abs=0.03)


@long_form
def test_the_segmentation_of_a_person_lies_on_the_images(patient: ReadingRoom) -> None:
    (segmentation,) = patient.series(SEG, "Liver")
    with patient.opened(segmentation) as page:
        page.get_by_text("Yes", exact=True).click()
        until(lambda: coloured(page).mean() > 0.2, PATIENCE_S, "the overlay is drawn")


@pytest.mark.parametrize(
    ("room", "sop_class", "title", "in_colour"),
    [
        ("liver", SC, "in colour", 0.05),
        ("liver", MR, "fat fraction", 0.0),
        pytest.param("patient", SC, "in colour", 0.05, marks=long_form),
        ("head", MR, "CE-MRN on the grid of CE-T1", 0.0),
    ],
)
def test_every_picture_is_shown_as_it_was_written(
    room: str, sop_class: str, title: str, in_colour: float, request: pytest.FixtureRequest
) -> None:
    place: ReadingRoom = request.getfixturevalue(room)
    series = place.series(sop_class, title)
    with place.opened(series[0]) as page:
        _drawn(page, series)
        assert coloured(page).mean() >= in_colour
        assert in_colour or coloured(page).mean() < FRAME


def test_the_fused_pictures_are_shown_in_colour(head: ReadingRoom) -> None:
    series = head.series(SC, "CE-MRN over CE-T1")
    with head.opened(series[0]) as page:
        _drawn(page, series)
        scroll(page, 15)
        _drawn(page, series)
        assert coloured(page).mean() > 0.02
        keep(page, "ohif-fusion")


def test_the_parametric_map_lies_on_the_images(liver: ReadingRoom) -> None:
    with liver.opened(liver.series(PM)[0]) as page:
        until(lambda: coloured(page).mean() > 0.05, PATIENCE_S, "the overlay is drawn")


def test_the_report_can_be_read_line_by_line(liver: ReadingRoom) -> None:
    (report,) = liver.series(SR)
    text = _read(liver, report, "Fat fraction:", "ohif-report")
    percent = [value for (name, _), value in numbers_of(report).items() if name == "Fat fraction"]
    assert len(percent) >= 3
    assert [value for value in percent if f"Fat fraction: {value:g} %" not in text] == []


def test_the_report_of_a_fusion_can_be_read_line_by_line(head: ReadingRoom) -> None:
    (report,) = head.series(SR)
    text = _read(head, report, "Fused; a person must confirm the fit.")
    numbers = numbers_of(report)
    assert len(numbers) >= 3
    assert [name for (name, _), value in numbers.items() if f"{name}: {value:g}" not in text] == []


@long_form
def test_where_the_networks_looked_lies_on_the_images(neck: ReadingRoom) -> None:
    (segmentation,) = neck.series(SEG)
    with neck.opened(segmentation) as page:
        page.get_by_text("Yes", exact=True).click()
        until(lambda: coloured(page).any(), PATIENCE_S, "the overlay is drawn")
        page.locator('[data-cy="panelSegmentation-btn"]').click()
        page.get_by_text("Segmentations").wait_for()
        assert "Attention, not a contour" in page.inner_text("body")


@long_form
def test_where_the_networks_looked_is_shown_in_colour(neck: ReadingRoom) -> None:
    series = neck.series(SC)
    with neck.opened(series[0]) as page:
        _drawn(page, series)
        scroll(page, len(series) // 2)
        _drawn(page, series)
        assert coloured(page).mean() > 0.02
        keep(page, "ohif-attention")


@long_form
def test_the_map_of_where_the_networks_looked_lies_on_the_images(neck: ReadingRoom) -> None:
    with neck.opened(neck.series(PM)[0]) as page:
        until(lambda: coloured(page).mean() > 0.05, PATIENCE_S, "the overlay is drawn")


@long_form
@pytest.mark.parametrize(
    ("title", "line"), [("Triage", "p(T1_T2)"), ("Advice on contrast", "Give the protocol as ordered")]
)
def test_the_reports_of_the_networks_can_be_read_line_by_line(neck: ReadingRoom, title: str, line: str) -> None:
    (report,) = neck.series(SR, title)
    text = _read(neck, report, line)
    numbers = numbers_of(report)
    assert [name for (name, _), value in numbers.items() if f"{name}: {value:g}" not in text] == []


def _read(room: ReadingRoom, report: Dataset, line: str, picture: str = "") -> str:
    """The text of a report, as the viewer shows it."""
    with room.opened(report) as page:
        until(lambda: line in said(page), PATIENCE_S, "the report is opened")
        text = said(page)
        if picture:
            keep(page, picture)
    assert "NOT FOR DIAGNOSTIC USE" in text
    assert "is not supported" not in text
    return text
