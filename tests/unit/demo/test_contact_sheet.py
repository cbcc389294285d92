"""The contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicomnode.demo import contact_sheet
from dicomnode.demo.results import Results

RED, GREEN = (200, 0, 0), (0, 200, 0)


def plain(
    colour: tuple[int, int, int], rows: int = 40, columns: int = 60
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((rows, columns, 3), colour, np.uint8)


def result(slices: int = 9, *, masks: bool = True) -> Results:
    values = np.tile(np.linspace(0, 40, 60, dtype=np.float32), (40, 1))
    values[:5] = np.nan
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 10:30] = True
    places = [5.0 * number for number in range(slices)]
    return Results(
        captures={place: plain(RED) for place in places},
        maps=dict.fromkeys(places, values),
        masks=dict.fromkeys(places, mask) if masks else {},
        window=(0, 40),
    )


def test_pictures_stand_in_rows_each_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.png"
    pictures = [("one", plain(RED)), ("two", plain(GREEN)), ("three", plain(RED, 20, 30))]
    contact_sheet.write(path, pictures, title="Three pictures", columns=2)
    with Image.open(path) as opened:
        assert opened.format == "PNG"
        sheet = np.asarray(opened.convert("RGB"))
    red, green = ((sheet == colour).all(axis=-1) for colour in (RED, GREEN))
    assert red.sum() == 40 * 60 + 20 * 30
    assert green.sum() == 40 * 60
    assert np.argwhere(green)[0, 0] == np.argwhere(red)[0, 0]
    assert np.argwhere(green)[0, 1] > np.argwhere(red)[0, 1] + 60
    assert np.argwhere(red)[-1, 0] > np.argwhere(green)[-1, 0] + 20


def test_equal_pictures_make_equal_files(tmp_path: Path) -> None:
    for name in ("one.png", "other.png"):
        contact_sheet.write(tmp_path / name, contact_sheet.lay_out(result()), title="Twice")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()


def test_a_sheet_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet.write(tmp_path / "sheet.png", [], title="Nothing")


def test_each_kind_has_its_row_of_the_same_slices() -> None:
    captions = [caption for caption, _ in contact_sheet.lay_out(result(), slices=3)]
    assert captions == [
        f"{kind}, {place} mm"
        for kind in ("Secondary Capture", "Parametric Map", "Segmentation")
        for place in ("+10", "+20", "+30")
    ]


def test_what_did_not_come_back_has_no_row() -> None:
    captions = [caption for caption, _ in contact_sheet.lay_out(result(masks=False), slices=2)]
    assert {caption.partition(",")[0] for caption in captions} == {"Secondary Capture", "Parametric Map"}
    assert contact_sheet.lay_out(Results(captures={}, maps={}, masks={}, window=(0, 1))) == []


@pytest.mark.parametrize(("slices", "pictures"), [(1, 1), (2, 2), (3, 3), (30, 4)])
def test_no_slice_is_shown_twice(slices: int, pictures: int) -> None:
    captions = [caption for caption, _ in contact_sheet.lay_out(result(slices))]
    assert len(set(captions)) == len(captions)
    assert 3 <= len(captions) <= 3 * pictures


def test_an_outline_is_drawn_inside_its_mask() -> None:
    mask = np.zeros((9, 9), np.bool_)
    mask[2:7, 3:8] = True
    drawn = (contact_sheet.outlined(plain((0, 0, 0), 9, 9), mask) > 0).any(axis=-1)
    expected = mask.copy()
    expected[3:6, 4:7] = False
    assert np.array_equal(drawn, expected)


def test_the_map_goes_from_dark_to_light_and_is_black_without_a_value() -> None:
    values = np.tile(np.linspace(0, 40, 200, dtype=np.float32), (90, 1))
    values[60:] = np.nan
    picture = contact_sheet.coloured(values, (0, 40))
    assert not picture[60:].any()
    brightness = picture[50].astype(int).sum(axis=-1)
    assert (np.diff(brightness) >= -3).all()
    assert brightness[-1] > brightness[0] + 400
