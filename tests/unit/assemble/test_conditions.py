"""Conditions of input roles on facts."""

from __future__ import annotations

from typing import Any

import pytest

from dicomnode.assemble.conditions import failures, meets
from dicomnode.dicom.stacks import stacks
from dicomnode.domain.stack import Stack
from dicomnode.sdk.spec import InputRole, Match, Operator, ParameterValue
from tests.slices import IN_PHASE, volume


def stack(**facts: Any) -> Stack:
    (one,) = stacks(volume("1.9", **{"ImageType": IN_PHASE, **facts}))
    return one


STACK = stack(ScanOptions=["PFP", "Fs"], BodyPartExamined="Liver", ContrastBolusAgent="")


@pytest.mark.parametrize(
    ("keyword", "op", "value", "expected"),
    [
        ("Role", "eq", "in-phase", True),
        ("Role", "eq", "opposed-phase", False),
        ("EchoTime", "eq", 4.6, True),
        ("EchoTime", "ne", 4.6, False),
        ("EchoTime", "ge", 4.6, True),
        ("EchoTime", "le", 4.5, False),
        ("NumberOfSlices", "ge", 8, False),
        ("InversionTime", "ge", 1, False),
        ("InversionTime", "le", 1, False),
        ("InversionTime", "ne", 1, True),
        ("BodyPartExamined", "ge", 1, False),
        ("BodyPartExamined", "eq", "LIVER", True),
        ("BodyPartExamined", "in", ("LIVER", "ABDOMEN"), True),
        ("BodyPartExamined", "in", ("HEAD", "NECK"), False),
        ("Laterality", "in", ("L",), False),
        ("ScanningSequence", "eq", "GR", True),
        ("ScanOptions", "contains", ("FS", "SPIR"), True),
        ("ScanOptions", "contains", "SPIR", False),
        ("ScanOptions", "excludes", ("FS",), False),
        ("ScanOptions", "excludes", ("SPIR", "SPAIR"), True),
        ("Laterality", "excludes", "L", True),
        ("EchoTime", "present", "", True),
        ("Laterality", "present", "", False),
        ("Laterality", "absent", "", True),
        ("EchoTime", "absent", "", False),
    ],
)
def test_operators(keyword: str, op: Operator, value: ParameterValue | tuple[str, ...], expected: bool) -> None:
    plain = stack(ScanOptions=["PFP", "Fs"], BodyPartExamined="Liver")
    tested = STACK if keyword == "ScanOptions" else stack(BodyPartExamined="Liver")
    assert plain.geometry is not None
    assert meets(tested, Match(keyword=keyword, op=op, value=value)) is expected


def test_failures_say_what_is_there_and_what_must_be() -> None:
    role = InputRole(
        role="x",
        match=(
            Match(keyword="Role", op="eq", value="opposed-phase"),
            Match(keyword="NumberOfSlices", op="ge", value=8),
            Match(keyword="ScanningSequence", op="in", value=("SE", "EP")),
            Match(keyword="Laterality", op="present"),
            Match(keyword="Modality", op="eq", value="MR"),
        ),
    )
    assert failures(stack(), role) == (
        "echo time 4.6 ms at 1.5 T is in phase (0 degrees)",
        "NumberOfSlices is 6, must be at least 8",
        "ScanningSequence is GR, must be one of SE or EP",
        "Laterality is absent, must be present",
    )


def test_a_stack_without_geometry_fits_nothing() -> None:
    (two,) = stacks(volume("1.9", slices=2))
    assert failures(two, InputRole(role="any", match=())) == ("only 2 slices: a volume needs at least 3",)
