"""highdicom's look-ups in the tables of the standard, each made once and not once for every image."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from highdicom import _standard_utils

_in_iod = lru_cache(256)(_standard_utils.is_attribute_in_iod)


def load() -> None:
    """Read the tables, which every process would otherwise do at its first look-up: a tenth of a second."""
    _standard_utils.get_sop_class_iod_map()
    _standard_utils.get_iod_module_map()
    _standard_utils.get_module_attribute_map()


def remember() -> None:
    """Let highdicom remember what it has looked up; may be called any number of times."""
    _standard_utils.is_attribute_in_iod = _remembered


def _remembered(attribute: str, sop_class_uid: str, exclude_path_elements: Sequence[str] | None = None) -> bool:
    """As highdicom's, whose last argument is a list and so can be no key."""
    excluded = None if exclude_path_elements is None else tuple(exclude_path_elements)
    return bool(_in_iod(attribute, str(sop_class_uid), excluded))
