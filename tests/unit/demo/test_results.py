"""Result objects read back as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicomnode.demo import results
from dicomnode.encode import encode
from tests.builders import CORONAL, grid, mr_series
from tests.cases import findings, work

SHAPE = (4, 40, 150)


@pytest.fixture(scope="module", params=["axial", "coronal"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a small task, beside a report and the source images."""
    folder = tmp_path_factory.mktemp(request.param)
    geometry = grid(SHAPE) if request.param == "axial" else grid(SHAPE, orientation=CORONAL)
    roles = {"in-phase": 4.6, "opposed-phase": 2.3}
    inputs = {
        role: mr_series(folder / "sources", geometry=geometry, series=role, echo_time=time)
        for role, time in roles.items()
    }
    task = work(inputs, dict.fromkeys(roles, geometry), mode="clinical")
    for number, result in enumerate(encode(findings(SHAPE), task)):
        (folder / f"{number:02}.dcm").write_bytes(result.content)
    return folder


def test_everything_is_where_it_was_found(folder: Path) -> None:
    back = results.read(folder)
    segmentation, parametric_map, capture, *_ = findings(SHAPE)
    assert np.array_equal(back.volume(), parametric_map.array, equal_nan=True)  # type: ignore[union-attr]
    assert [frame.tolist() for _, frame in sorted(back.captures.items())] == capture.frames.tolist()  # type: ignore[union-attr]
    places = sorted(back.maps)
    labels = segmentation.labels > 0  # type: ignore[union-attr]
    assert sorted(back.masks) == [place for place, plane in zip(places, labels, strict=True) if plane.any()]
    assert all(np.array_equal(mask, labels[places.index(place)]) for place, mask in back.masks.items())
    assert np.diff(places) == pytest.approx(5.0)
    assert sorted(back.captures) == places
    assert back.window == (0, 50)


def test_a_folder_without_results_is_empty(tmp_path: Path) -> None:
    mr_series(tmp_path)
    back = results.read(tmp_path)
    assert not back.captures
    assert not back.masks
    with pytest.raises(ValueError, match="no parametric map came back"):
        back.volume()
