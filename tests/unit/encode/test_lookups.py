"""What is remembered is what highdicom looks up."""

from __future__ import annotations

import pytest
from highdicom import _standard_utils
from highdicom._standard_utils import does_iod_have_pixel_data

from dicomnode.encode.encode import prepare
from dicomnode.encode.lookups import _in_iod, remember

MR, ENHANCED_MR, COMPREHENSIVE_SR = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("4", "4.1", "88.33"))


def test_a_look_up_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_standard_utils, "is_attribute_in_iod", _standard_utils.is_attribute_in_iod)
    plain = {uid: does_iod_have_pixel_data(uid) for uid in (MR, ENHANCED_MR, COMPREHENSIVE_SR)}
    assert plain == {MR: True, ENHANCED_MR: True, COMPREHENSIVE_SR: False}
    remember()
    remember()
    _in_iod.cache_clear()
    for _ in range(3):
        assert {uid: does_iod_have_pixel_data(uid) for uid in plain} == plain
    made = _in_iod.cache_info()
    assert made.misses == 5, "one for each class with pixels, three for the one without"
    assert made.hits == 10
    with pytest.raises(KeyError, match="No IOD"):
        does_iod_have_pixel_data("1.2.3")


def test_the_tables_are_read_ahead_of_time() -> None:
    tables = ("get_sop_class_iod_map", "get_iod_module_map", "get_module_attribute_map")
    for name in tables:
        getattr(_standard_utils, name).cache_clear()
    prepare()
    assert [getattr(_standard_utils, name).cache_info().currsize for name in tables] == [1, 1, 1]
