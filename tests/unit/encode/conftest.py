from __future__ import annotations

from pathlib import Path

import pytest

from dicomnode.encode import Work
from tests import builders, cases

SHAPE = (5, 70, 64)


@pytest.fixture
def task(tmp_path: Path) -> Work:
    """The small task: an oblique dual-echo pair of five slices."""
    grid = builders.grid(SHAPE, orientation=((0.98, 0.17, 0.0), (-0.17, 0.98, 0.05)))
    inputs = {
        "in-phase": builders.mr_series(tmp_path, geometry=grid),
        "opposed-phase": builders.mr_series(tmp_path, geometry=grid, series="opposed", echo_time=2.3),
    }
    return cases.work(inputs, dict.fromkeys(inputs, grid))


@pytest.fixture
def pair(tmp_path: Path) -> Work:
    """Two inputs in frames of reference and on grids of their own."""
    fixed = builders.grid(SHAPE, orientation=((0.98, 0.17, 0.0), (-0.17, 0.98, 0.05)))
    moving = builders.grid((7, 40, 48), orientation=builders.CORONAL)
    inputs = {
        "in-phase": builders.mr_series(tmp_path, geometry=fixed),
        "opposed-phase": builders.mr_series(
            tmp_path, geometry=moving, series="opposed", attributes={"FrameOfReferenceUID": builders.uid("other frame")}
        ),
    }
    return cases.work(inputs, {"in-phase": fixed, "opposed-phase": moving})
