"""Whatever the order in which instances come, the plan is the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnode.assemble.assess import assess
from dicomnode.domain.instance import InstanceHeader
from dicomnode.sdk.spec import InputRole, Match
from tests.slices import plugin, stored, volume

ROLES = (
    InputRole(role="in_phase", match=(Match(keyword="Role", op="eq", value="in-phase"),)),
    InputRole(role="others", match=(Match(keyword="Role", op="eq", value="opposed-phase"),), many=True, required=False),
)
SERIES = st.builds(
    lambda echo, slices, time, derived: {
        "EchoTime": echo,
        "slices": slices,
        "AcquisitionTime": time,
        "ImageType": ["DERIVED" if derived else "ORIGINAL", "PRIMARY"],
    },
    st.sampled_from([2.3, 4.6, 3.4]),
    st.integers(2, 5),
    st.sampled_from(["100000", "100500", ""]),
    st.booleans(),
)


@st.composite
def exams(draw: st.DrawFn) -> tuple[list[InstanceHeader], list[InstanceHeader]]:
    """An exam, and the same in another order."""
    headers = [
        header
        for n, facts in enumerate(draw(st.lists(SERIES, min_size=1, max_size=5)), 1)
        for header in volume(f"1.{n}", series=f"1.2.3.{n}", SeriesNumber=n, **facts)
    ]
    return headers, draw(st.permutations(headers))


@given(exams())
@settings(max_examples=40, deadline=None)
def test_the_order_of_arrival_never_changes_the_plan(exam: tuple[list[InstanceHeader], list[InstanceHeader]]) -> None:
    headers, shuffled = exam
    specs = [(plugin(), {}), (plugin(*ROLES, name="many"), {}), (plugin(*ROLES, name="each", level="series"), {})]
    assert assess(stored(shuffled), specs) == assess(stored(headers), specs)
