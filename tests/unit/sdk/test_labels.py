"""Received labels as a plugin sees them."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, LIVER, TISSUE, Code
from dicomnode.sdk.labels import LabelledSegment, Labels

ONE = LabelledSegment(label="a", category=ANATOMICAL_STRUCTURE, type=LIVER)
OTHER = LabelledSegment(label="b", category=TISSUE, type=TISSUE)


def test_masks_and_types() -> None:
    array = np.array([[[0, 1, 2, 2]]], np.uint8)
    labels = Labels(on="in_phase", array=array, segments=(ONE, OTHER))
    assert labels.mask(OTHER).tolist() == [[[False, False, True, True]]]
    assert labels.of_type([Code("10200004", "SCT", "whatever it is called")]) == (ONE,)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2), np.uint8), np.zeros((1, 2, 2), np.int32), np.full((1, 1, 1), 2, np.uint8)]
)
def test_what_is_no_label_array(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"labels must be|has no segment"):
        Labels(on="in_phase", array=array, segments=(ONE,))
