"""Whatever a header says, a stack ends as a role with its evidence or as none with its reason, and nothing raises."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from dicomnode.dicom.attributes import KEYWORDS as READ
from dicomnode.dicom.roles import decide
from dicomnode.dicom.stacks import stacks
from tests.slices import header, volume

KEYWORDS = [keyword for keyword in READ if tag_for_keyword(keyword) is not None]
"""Of the public attributes: private facts have names of ours."""

_WORDS = st.sampled_from(
    ("GR", "SE", "EP", "IR", "RM", "ORIGINAL", "PRIMARY", "M", "P", "T1", "IN_PHASE", "FS", "NONE", "YES", "NO", "?")
)
_NUMBERS = st.one_of(
    st.sampled_from([0.0, 1.5, 2.3, 4.6, 63.87, 150.0, 3000.0, -1.0, 1e30]),
    st.floats(allow_nan=False, allow_infinity=False),
)


def _fact(keyword: str) -> st.SearchStrategy[Any]:
    one = _NUMBERS if dictionary_VR(keyword) in ("DS", "IS", "FL", "FD", "US", "UL") else _WORDS
    return one if dictionary_VM(keyword) == "1" else st.lists(one, min_size=1, max_size=6)


@st.composite
def _headers(draw: st.DrawFn) -> dict[str, Any]:
    keywords = draw(st.lists(st.sampled_from(KEYWORDS), max_size=20, unique=True))
    return {keyword: draw(_fact(keyword)) for keyword in keywords}


@given(_headers())
def test_any_header_has_a_role_or_a_reason(facts: dict[str, Any]) -> None:
    decision = decide({"Modality": "MR", **facts})
    assert decision.reasons
    assert all(decision.reasons)
    assert (decision.score > 0) == bool(decision.role)


@given(_headers(), _headers())
def test_any_study_is_taken_apart(some: dict[str, Any], others: dict[str, Any]) -> None:
    headers = [header("1.1", **some), header("1.2", **others), *volume("1.9", **some)] if _placed(some) else []
    headers = headers or [header("1.1", **some), header("1.2", **others)]
    found = stacks(headers)
    assert sorted(uid for stack in found for uid in stack.instances) == sorted(h.sop_instance_uid for h in headers)
    for stack in found:
        assert stack.role.reasons
        assert (stack.geometry is None) == bool(stack.refusal)
        assert stack.geometry is None or np.isfinite(stack.geometry.spacing).all()


def _placed(facts: dict[str, Any]) -> bool:
    """Whether a volume can be built with these facts: its own places must not be among them."""
    return not {"ImagePositionPatient", "ImageOrientationPatient", "InstanceNumber"} & set(facts)
