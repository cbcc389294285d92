"""What comes in is counted, and passed on as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import OtherPatient
from dicomnode.observe.metrics import Metrics
from dicomnode.receive.tally import Tally

SENT = Received(
    sop_class_uid="1",
    sop_instance_uid="2",
    abstract_syntax="1",
    transfer_syntax_uid="1.2.840.10008.1.2.1",
    data_set=iter([b"abc", memoryview(b"defg")]),
    calling_aet=AETitle("MR1"),
)


class Recorder(Metrics):
    """Metrics that remember."""

    def __init__(self) -> None:
        super().__init__({})
        self.calls: list[tuple[object, ...]] = []

    def received(self, sender: str, size: int, refusal: str = "") -> None:
        self.calls.append((sender, size, refusal))

    def released(self, sender: str) -> None:
        self.calls.append((sender,))


class Way:
    """Takes everything, or raises."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken = b""
        self.series: frozenset[SeriesInstanceUID] = frozenset()

    def admit(self, received: Received) -> SeriesInstanceUID:
        for piece in received.data_set:
            self.taken += piece
            if self.error is not None:
                raise self.error
        return SeriesInstanceUID("1.2")

    def released(self, calling_aet: AETitle, series: frozenset[SeriesInstanceUID]) -> None:
        self.series = series


def test_an_instance_is_passed_on_and_counted() -> None:
    way, metrics = Way(), Recorder()
    assert Tally(way, metrics).admit(SENT) == "1.2"
    assert way.taken == b"abcdefg"
    Tally(way, metrics).released(AETitle("MR1"), frozenset({SeriesInstanceUID("1.2")}))
    assert way.series == {"1.2"}
    assert metrics.calls == [("MR1", 7, ""), ("MR1",)]


@pytest.mark.parametrize(("error", "counted"), [(OtherPatient("x"), [("MR1", 3, "OtherPatient")]), (OSError("x"), [])])
def test_a_refusal_is_counted_by_its_reason_and_raised(error: Exception, counted: list[tuple[str, int, str]]) -> None:
    metrics = Recorder()
    sent = replace(SENT, data_set=[b"abc"])
    with pytest.raises(type(error)):
        Tally(Way(error), metrics).admit(sent)
    assert metrics.calls == counted
