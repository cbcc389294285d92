"""What was asked of whom is read back as it stands, and refused reports are counted."""

from __future__ import annotations

from dicomnode.domain.delivery import DeliveryState, Receipt
from dicomnode.index import commitments, deliveries
from dicomnode.index.database import Database
from tests.unit.index.test_deliveries import TASK, _two_parcels
from tests.values import at


def test_a_request_is_noted_before_it_leaves_and_taken_back(database: Database) -> None:
    first, _ = _two_parcels(database)
    with database.write() as session:
        deliveries.note(
            session, [Receipt(delivery_id=first, state=DeliveryState.DELIVERED, status=0, reason="")], at(13)
        )
        (parcel,) = deliveries.unproven(session, TASK.task_id, "pacs")
        assert (parcel.delivered, parcel.asked, parcel.transaction_uid) == (at(13), None, "")
        commitments.open_(session, "2.25.1", TASK.task_id, "pacs", [parcel], at(14))
        (parcel,) = deliveries.unproven(session, TASK.task_id, "pacs")
        assert (parcel.asked, parcel.transaction_uid) == (at(14), "2.25.1")
        asked = commitments.load(session, "2.25.1")
        assert asked is not None
        assert (asked.task_id, asked.peer, asked.parcels) == (TASK.task_id, "pacs", (parcel,))
        commitments.withdraw(session, [parcel])
        (parcel,) = deliveries.unproven(session, TASK.task_id, "pacs")
        assert (parcel.asked, parcel.transaction_uid) == (None, "")
        assert commitments.load(session, "2.25.1") is not None, "should the peer report all the same"
        assert commitments.load(session, "2.25.2") is None


def test_refusals_are_counted_by_title(database: Database) -> None:
    for reason in ("a", "a", "b"):
        with database.write() as session:
            commitments.count_refusal(session, "OTHER", reason, at(1))
    with database.read() as session:
        assert commitments.refusals(session) == {"OTHER": 3}
