"""What a segmentation's header says, read undecoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicomnode.dicom import header, segment_facts
from dicomnode.sdk.codes import Code
from tests.builders import grid, mr_series, uid
from tests.drawn import Structure, draw


def test_types_and_series_are_facts_and_places_are_frames(tmp_path: Path) -> None:
    geometry = grid((4, 8, 10))
    labels = np.zeros(geometry.shape, np.uint8)
    labels[1:3, 2, 2] = 1
    labels[2:4, 4, 4] = 2
    structures = (Structure(), Structure(type=Code("T-C3000", "SRT", "Spleen")))
    file = draw(tmp_path / "s.dcm", mr_series(tmp_path, geometry=geometry), geometry, labels, structures=structures)
    read = header.read_file(file)
    assert read.facts["SegmentTypes"] == ["10200004^SCT", "78961009^SCT"]
    assert read.facts["ReferencedSeries"] == [uid("series", "study", "in-phase")]
    assert (read.facts["SegmentationType"], read.facts["SegmentsOverlap"]) == ("BINARY", "NO")
    heights = sorted(frame["ImagePositionPatient"][2] for frame in read.frames)  # type: ignore[index]
    assert heights == [15.0, 20.0, 25.0]


@pytest.mark.parametrize(
    ("code", "today"),
    [
        (("T-62000", "SRT"), ("10200004", "SCT")),
        (("T-62000", "99SDM"), ("10200004", "SCT")),
        (("T-62000", "99X"), ("T-62000", "99X")),
        (("no-such", "SRT"), ("no-such", "SRT")),
        (("10200004", "SCT"), ("10200004", "SCT")),
    ],
)
def test_old_snomed_codes_are_written_as_today(code: tuple[str, str], today: tuple[str, str]) -> None:
    assert segment_facts.current(*code) == today


@pytest.mark.parametrize(
    ("name", "types", "places"),
    [
        ("seg-sr-pm-dcmqi/liver.dcm", ["10200004^SCT"], 3),
        ("seg-sr-highdicom/seg_image_ct_binary_overlap.dcm", ["272673000^SCT", "421060004^SCT"], 4),
    ],
)
def test_real_files_of_other_makers(test_data: Path, name: str, types: list[str], places: int) -> None:
    folder, _, file = name.partition("/")
    path = next((test_data / folder).rglob(file))
    read = header.read_file(path)
    assert (read.facts["SegmentTypes"], len(read.frames)) == (types, places)
