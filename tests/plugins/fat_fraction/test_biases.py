"""The biases of two echoes, simulated: the table of the model card, and what each correction leaves."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dicomnode_plugins.fat_fraction as plugin
from benchmarks.fat_fraction.exams import PEAKS
from dicomnode_plugins.fat_fraction import relaxation

STUDY: dict[str, Any] = {"times": (2.4, 4.9)}
T1 = relaxation.fat_weight(160.0, 70.0, 1.5)
COLUMNS: tuple[dict[str, Any], ...] = (
    {"times": (2.3, 4.6)},
    STUDY,
    {**STUDY, "decay": 40.0},
    {**STUDY, "decay": 150.0},
    {**STUDY, "weight": T1},
    {**STUDY, "peaks": PEAKS},
    {**STUDY, "decay": 40.0, "weight": T1, "peaks": PEAKS},
    {"times": (1.15, 2.3), "tesla": 3.0, "decay": 70.0, "peaks": PEAKS},
)
"""Of the table in the model card, after the true fat fraction."""


def reads(
    fat: float,
    times: tuple[float, float],
    tesla: float = 1.5,
    decay: float = 0.0,
    weight: float = 1.0,
    peaks: tuple[tuple[float, float], ...] = ((-3.4, 1.0),),
) -> float:
    """What the two-point formula reads, percent, of tissue with a proton density fat fraction."""
    opposed, in_phase = (
        abs(
            100
            - fat
            + weight * fat * sum(part * np.exp(2j * np.pi * ppm * 42.577 * tesla * t * 1e-3) for ppm, part in peaks)
        )
        * np.exp(-decay * t * 1e-3)
        for t in times
    )
    return float(50 * (in_phase - opposed) / in_phase)


def table() -> list[list[float]]:
    card = (Path(plugin.__file__).parent / "model-card.md").read_text()
    rows = re.findall(r"^\| ((?:-?[\d.]+ \| ?){9})$", card, re.M)
    return [[float(cell) for cell in row.split("|")[:-1]] for row in rows]


def test_the_table_of_the_model_card_is_what_physics_gives() -> None:
    rows = table()
    assert [row[0] for row in rows] == [0, 5, 9, 26.2, 47, 60]
    simulated = [[reads(row[0], **column) for column in COLUMNS] for row in rows]
    assert np.array(simulated) == pytest.approx(np.array([row[1:] for row in rows]), abs=0.15)


def test_fat_weighs_as_the_study_acquired_it() -> None:
    assert pytest.approx(1.641, abs=1e-3) == T1
    assert relaxation.fat_weight(1e6, 90.0, 3.0) == pytest.approx(1)


@pytest.mark.parametrize("fat", [0.0, 5.0, 15.0, 26.2, 35.0])
def test_the_t1_correction_leaves_nothing_of_t1_alone(fat: float) -> None:
    weighted = 100 * T1 * fat / (100 - fat + T1 * fat)
    assert relaxation.without_t1(weighted, T1) == pytest.approx(fat)
    if weighted < 47:
        # The echo times of the study are 8 and 23 degrees off; that much remains.
        assert relaxation.without_t1(reads(fat, weight=T1, **STUDY), T1) == pytest.approx(fat, abs=1.5)


@pytest.mark.parametrize(("fat", "raw", "left"), [(0.0, -5.26, -2.04), (15.0, -3.9, -0.7), (26.2, -2.5, 0.7)])
def test_subtracting_the_spleen_helps_or_overdoes_it(fat: float, raw: float, left: float) -> None:
    error = reads(fat, decay=40.0, **STUDY) - reads(fat, **STUDY)
    assert error == pytest.approx(raw, abs=0.2)
    assert error - reads(0.0, decay=25.0, **STUDY) == pytest.approx(left, abs=0.2)
