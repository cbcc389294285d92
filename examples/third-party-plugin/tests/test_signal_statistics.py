"""The plugin measures what is known, and keeps the rules of the node."""

from __future__ import annotations

import pytest
from signal_statistics import SPEC

from dicomnode.sdk import Case, Measurement, Segmentation, Unsuitable
from dicomnode.sdk.testing import check_plugin, run_plugin, synthetic_volume


def case(signal: float, noise: float = 20.0) -> Case:
    """A case of one synthetic volume."""
    return Case(volumes={"image": synthetic_volume(signal=signal, noise=noise)}, parameters=SPEC.resolve({}))


def test_it_keeps_the_rules() -> None:
    """Everything the node relies on."""
    check_plugin(SPEC, case(signal=1000.0))


def test_it_measures_what_is_known() -> None:
    """An ellipsoid of signal 1000 in noise of 20."""
    mask, mean, spread, volume = run_plugin(SPEC, case(signal=1000.0, noise=20.0))
    assert isinstance(mask, Segmentation)
    assert isinstance(mean, Measurement)
    assert isinstance(spread, Measurement)
    assert isinstance(volume, Measurement)
    assert mean.value == pytest.approx(1000, abs=2)
    assert spread.value == pytest.approx(20, abs=1)
    assert volume.value == pytest.approx(mask.labels.sum() * 2 * 2 * 5 / 1000)


def test_an_empty_image_is_not_for_it() -> None:
    """A verdict, not a crash."""
    with pytest.raises(Unsuitable, match="fewer than 100 voxels"):
        run_plugin(SPEC, case(signal=0.0, noise=0.0))
