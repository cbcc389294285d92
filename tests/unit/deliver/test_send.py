"""One attempt: every parcel gets exactly one receipt, whatever the peer does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from dicomnode.deliver.send import attempt, put_by
from dicomnode.domain.delivery import Answer, DeliveryState, Parcel
from dicomnode.domain.identity import SOPClassUID, SOPInstanceUID
from dicomnode.errors import Refused, Unreachable
from dicomnode.settings import DeliverySettings, PeerSettings
from tests.values import at

PEER = PeerSettings(name="pacs", aet="PACS")
POLICY = DeliverySettings(give_up_after=100)


def _reply(status: int | None = 0, text: str = "text") -> Answer:
    return Answer(status=status, text=text)


def _parcels(count: int) -> list[Parcel]:
    return [
        Parcel(
            delivery_id=n,
            sop_instance_uid=SOPInstanceUID(f"7.{n}"),
            sop_class_uid=SOPClassUID("1.2"),
            kind="SC",
            store_key=f"k{n}",
            attempts=0,
            queued=at(0),
        )
        for n in range(count)
    ]


def _attempt(*replies: Answer | Exception, parcels: int, now: float = 1) -> list[tuple[int, DeliveryState, str]]:
    asked: list[Path] = []
    released: list[bool] = []

    def store(peer: PeerSettings, files: Sequence[Path]) -> Iterable[Answer]:
        assert peer is PEER
        asked.extend(files)
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
            yield reply
        released.append(True)

    receipts = attempt(PEER, _parcels(parcels), Path, store, POLICY, at(now))
    assert asked == [Path(f"k{n}") for n in range(parcels)]
    assert released or any(isinstance(reply, Exception) for reply in replies)
    return [(receipt.delivery_id, receipt.state, receipt.reason) for receipt in receipts]


def test_each_parcel_gets_its_own_answer() -> None:
    assert _attempt(_reply(), _reply(0xA700, "full"), _reply(0xA900), _reply(None, "no context"), parcels=4) == [
        (0, DeliveryState.DELIVERED, ""),
        (1, DeliveryState.WAITING, "full"),
        (2, DeliveryState.PARKED, "text"),
        (3, DeliveryState.PARKED, "no context"),
    ]


@pytest.mark.parametrize("error", [Unreachable("connection refused"), Refused("called AE title not recognized")])
def test_no_association_means_all_wait(error: Exception) -> None:
    assert _attempt(error, parcels=2) == [(n, DeliveryState.WAITING, str(error)) for n in range(2)]


def test_an_association_lost_half_way_keeps_what_arrived() -> None:
    assert _attempt(_reply(), Unreachable("connection lost"), parcels=3) == [
        (0, DeliveryState.DELIVERED, ""),
        (1, DeliveryState.WAITING, "connection lost"),
        (2, DeliveryState.WAITING, "connection lost"),
    ]


def test_what_nobody_foresaw_keeps_what_arrived_and_is_given_up_in_the_end() -> None:
    gone = FileNotFoundError("a result's file")
    reason = "unexpected FileNotFoundError; see the log at this time"
    assert _attempt(_reply(), gone, parcels=2)[1] == (1, DeliveryState.WAITING, reason)
    assert _attempt(gone, parcels=1, now=100) == [(0, DeliveryState.PARKED, f"given up: {reason}")]


def test_answers_that_stop_early_leave_the_rest_waiting() -> None:
    states = [state for _, state, _ in _attempt(_reply(), parcels=3)]
    assert states == [DeliveryState.DELIVERED, DeliveryState.WAITING, DeliveryState.WAITING]


def test_patience_ends_for_what_waits_only() -> None:
    assert _attempt(_reply(), _reply(0xA700, "full"), parcels=2, now=100) == [
        (0, DeliveryState.DELIVERED, ""),
        (1, DeliveryState.PARKED, "given up: full"),
    ]


def test_a_remark_is_kept_and_warned_of_even_where_all_went_well(caplog: pytest.LogCaptureFixture) -> None:
    well = Answer(status=0, text="Success 0000", remark="written in ISO_IR 192")
    warned = Answer(status=0xB000, text="Warning B000", remark="written in ISO_IR 192")
    assert _attempt(well, warned, _reply(), parcels=3) == [
        (0, DeliveryState.DELIVERED, "written in ISO_IR 192"),
        (1, DeliveryState.DELIVERED, "Warning B000; written in ISO_IR 192"),
        (2, DeliveryState.DELIVERED, ""),
    ]
    assert [record.message for record in caplog.records] == ["delivered with a remark"]


def test_parking_names_its_reason() -> None:
    assert [(r.delivery_id, r.state, r.reason) for r in put_by(_parcels(2), DeliveryState.PARKED, "why")] == [
        (0, DeliveryState.PARKED, "why"),
        (1, DeliveryState.PARKED, "why"),
    ]
