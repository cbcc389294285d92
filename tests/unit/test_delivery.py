"""Delivery reads where things stand: everything is sent until it has arrived, and asked for until it is proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from sqlalchemy.exc import OperationalError

from dicomnode.dimse.normalized import Operation, Request
from dicomnode.domain.delivery import DeliveryState, Reference
from dicomnode.domain.identity import AETitle
from dicomnode.errors import InvalidArgument, NoSuchInstance, Refused, RequestError, TooMuch, Unreachable
from dicomnode.index import commitments
from dicomnode.settings import PeerSettings
from tests.values import at, result
from tests.world import PACS, TASK, World, a_world, delivering, reply

COMMITTING = PACS.model_copy(update={"commitment": True})
PUSH_MODEL, ITS_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
SR = "1.2.840.10008.5.1.4.1.1.88.34"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path) as made:
        yield made


def report(transaction_uid: str, committed: Sequence[str], failed: dict[str, int], aet: str = "PACS") -> Request:
    """A peer's N-EVENT-REPORT."""

    def item(uid: str) -> Dataset:
        one = Dataset()
        one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = SR, uid
        return one

    data_set = Dataset()
    data_set.TransactionUID = transaction_uid
    data_set.ReferencedSOPSequence = [item(uid) for uid in committed]
    data_set.FailedSOPSequence = [item(uid) for uid in failed]
    for one in data_set.FailedSOPSequence:
        one.FailureReason = failed[one.ReferencedSOPInstanceUID]
    return Request(
        operation=Operation.N_EVENT_REPORT,
        sop_class_uid=PUSH_MODEL,
        sop_instance_uid=ITS_INSTANCE,
        event_type=2 if failed else 1,
        data_set=data_set,
        calling_aet=AETitle(aet),
    )


def delivered(world: World, count: int = 2) -> None:
    """Have this many results at a peer that is to prove them; the first proof workflow is submitted."""
    world.with_peers(COMMITTING)
    delivering(world, *(result(f"7.{n}", "SR") for n in range(1, count + 1)))
    world.replies[:] = [reply(0)] * count
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 1)


def prove(world: World, trial: int = 1) -> None:
    world.delivery.prove(TASK.task_id, 1, "pacs", "0.1", trial)


def states(world: World) -> list[str]:
    """Of 7.1, 7.2 ..."""
    return [state for _, (state, _) in sorted(world.at_peer().items())]


def test_what_must_wait_is_submitted_again_later(world: World) -> None:
    delivering(world, result("7.1", "SR"), result("7.2", "SR"))
    world.replies[:] = [reply(0), Unreachable("connection lost")]
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 1)
    states = [("delivered", "", 1), ("waiting", "connection lost", 1)]
    assert world.deliveries() == states
    assert world.submitted.calls[-1][1:] == (
        f"deliver-{TASK.task_id}-1-pacs/0-2",
        (TASK.task_id, 1, "pacs", "0", 2),
        world.parts.settings.delivery.first_retry,
    )
    world.replies[:] = [reply(0)]
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 2)
    assert [state for state, _, _ in world.deliveries()] == ["delivered", "delivered"]
    assert len(world.submitted.calls) == 2


def test_a_peer_that_is_no_longer_configured_parks_its_objects(world: World) -> None:
    delivering(world, result("7.1", "SR"))
    world.with_peers()
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 1)
    assert world.deliveries() == [(DeliveryState.PARKED, "the peer is no longer configured", 1)]


def test_reconcile_starts_a_lost_delivery_again(world: World) -> None:
    delivering(world, result("7.1", "SR"))
    world.delivery.reconcile()
    workflow, workflow_id, arguments, delay = world.submitted.calls[-1]
    assert (workflow, arguments[:3], arguments[4], delay) == ("deliver", (TASK.task_id, 1, "pacs"), 1, 0.0)
    assert workflow_id not in {call[1] for call in world.submitted.calls[:-1]}


def test_a_lost_delivery_is_seen_beside_one_to_a_peer_whose_name_begins_alike(world: World) -> None:
    world.with_peers(PACS, PeerSettings(name="pacs-2", aet="PACS2", receives=("SR",)))
    delivering(world, result("7.1", "SR"))
    both = {call[1] for call in world.submitted.calls}
    lost = {workflow_id for workflow_id in both if "pacs-2" not in workflow_id}
    assert (len(both), len(lost)) == (2, 1)
    world.submitted.living, world.submitted.calls = both - lost, []
    world.delivery.reconcile()
    assert [arguments[2] for _, _, arguments, _ in world.submitted.calls] == ["pacs"]


def test_work_for_one_peer_does_not_wait_for_another(world: World) -> None:
    world.with_peers(PACS, PeerSettings(name="other", aet="OTHER", receives=("SR",)))
    delivering(world, result("7.1", "SR"))
    assert world.submitted.partitions == ["pacs", "other"]


def test_what_need_not_be_proven_ends_delivered(world: World) -> None:
    delivering(world, result("7.1", "SR"))
    world.replies[:] = [reply(0)]
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 1)
    assert [call[0] for call in world.submitted.calls] == ["deliver"]
    world.delivery.reconcile()
    assert [call[0] for call in world.submitted.calls] == ["deliver"]


def test_what_was_acknowledged_is_asked_for_and_then_waited_for(world: World) -> None:
    delivered(world)
    workflow, workflow_id, _, delay = world.submitted.calls[-1]
    assert (workflow, workflow_id, delay) == ("prove", f"prove-{TASK.task_id}-1-pacs/0.1-1", 0.0)
    prove(world)
    ((transaction, references),) = world.peer.asked
    assert transaction == "2.25.1"
    assert {reference.sop_instance_uid for reference in references} == {"7.1", "7.2"}
    assert (states(world), world.peer.looked) == (["delivered"] * 2, [])
    workflow, workflow_id, _, delay = world.submitted.calls[-1]
    patience = world.means.settings.delivery.report_patience
    assert (workflow, workflow_id, delay) == ("prove", f"prove-{TASK.task_id}-1-pacs/0.1-2", patience)
    prove(world, 2)
    assert len(world.peer.asked) == 1, "what was asked once is not asked again"


def test_a_report_on_the_same_association_is_taken_at_once(world: World) -> None:
    delivered(world)

    def same(transaction: str, references: Sequence[Reference]) -> Request:
        return report(transaction, [reference.sop_instance_uid for reference in references], {})

    world.peer.report = same
    before = len(world.submitted.calls)
    prove(world)
    assert world.deliveries() == [("proven", "storage commitment", 1)] * 2
    assert len(world.submitted.calls) == before, "nothing is left to do"


def test_a_late_report_proves_what_was_called_unproven(world: World) -> None:
    delivered(world)
    prove(world)
    world.clock[0] = at(10_000)
    world.peer.has = Refused("no queries are answered")
    prove(world, 2)
    reason = "no report on storage commitment came; no queries are answered"
    assert world.deliveries() == [("unproven", reason, 1)] * 2
    world.delivery.reported(report("2.25.1", ["7.1", "7.2"], {}))
    world.delivery.reported(report("2.25.1", ["7.1", "7.2"], {}))
    assert states(world) == ["proven"] * 2


def test_a_report_on_some_leaves_the_others_waiting(world: World) -> None:
    delivered(world)
    prove(world)
    world.delivery.reported(report("2.25.1", ["7.2"], {}))
    assert states(world) == ["delivered", "proven"]


def test_what_was_not_kept_is_sent_again_and_asked_for_again(world: World) -> None:
    delivered(world)
    prove(world)
    world.delivery.reported(report("2.25.1", ["7.1"], {"7.2": 0x0112}))
    assert world.at_peer()["7.2"] == ("waiting", "not committed: no such instance 0112")
    workflow, workflow_id, arguments, delay = world.submitted.calls[-1]
    assert (workflow, delay) == ("deliver", world.means.settings.delivery.first_retry)
    assert workflow_id == f"deliver-{TASK.task_id}-1-pacs/report-2.25.1-1"
    world.delivery.deliver(*arguments)  # type: ignore[arg-type]
    assert [len(files) for files in world.peer.sent] == [2, 1]
    assert states(world) == ["proven", "delivered"]
    prove(world)
    assert [reference.sop_instance_uid for reference in world.peer.asked[-1][1]] == ["7.2"]
    world.delivery.reported(report("2.25.1", [], {"7.2": 0x0112}))
    assert states(world) == ["proven", "delivered"], "an old failure says nothing about what was sent since"
    world.delivery.reported(report("2.25.2", ["7.2"], {}))
    assert states(world) == ["proven", "proven"]


def test_a_failure_that_will_not_pass_is_for_a_person(world: World) -> None:
    delivered(world, 1)
    prove(world)
    world.delivery.reported(report("2.25.1", [], {"7.1": 0x0122}))
    assert world.deliveries() == [("parked", "not committed: SOP class not supported 0122", 1)]


def test_a_transaction_uid_that_was_used_is_replaced(world: World) -> None:
    delivered(world, 1)
    prove(world)
    world.delivery.reported(report("2.25.1", [], {"7.1": 0x0131}))
    assert world.submitted.calls[-1][0] == "prove"
    prove(world, 2)
    assert [transaction for transaction, _ in world.peer.asked] == ["2.25.1", "2.25.2"]


@pytest.mark.parametrize(
    ("forged", "error"),
    [
        (report("2.25.99", ["7.1"], {}), InvalidArgument),
        (report("2.25.1", ["7.1"], {}, aet="OTHER"), InvalidArgument),
        (report("2.25.1", ["7.1", "7.3"], {}), InvalidArgument),
        (report("2.25.1", ["7.1"], {"7.1": 0x0112}), InvalidArgument),
        (report("2.25.1", [""], {}), InvalidArgument),
        (report("", ["7.1"], {}), InvalidArgument),
        (replace(report("2.25.1", ["7.1"], {}), sop_instance_uid="1.2"), NoSuchInstance),
        (replace(report("2.25.1", ["7.1"], {}), event_type=3), RequestError),
        (replace(report("2.25.1", [], {"7.1": 0x0110}), event_type=1), InvalidArgument),
    ],
    ids=["transaction", "peer", "instance", "both", "uid", "no transaction", "target", "event", "contradiction"],
)
def test_a_forged_report_is_refused_counted_and_changes_nothing(
    world: World, forged: Request, error: type[Exception]
) -> None:
    delivered(world)
    prove(world)
    for _ in range(2):
        with pytest.raises(error):
            world.delivery.reported(forged)
    assert states(world) == ["delivered"] * 2
    with world.database.read() as session:
        assert commitments.refusals(session) == {forged.calling_aet: 2}


def test_a_report_that_the_index_cannot_take_is_to_be_sent_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    delivered(world)

    def away(*_: object) -> None:
        raise OperationalError("BEGIN", None, ConnectionError("the server restarts"))

    monkeypatch.setattr(commitments, "load", away)
    with pytest.raises(TooMuch):
        world.delivery.reported(report("2.25.1", ["7.1"], {}))


def test_where_commitment_is_refused_a_query_decides(world: World) -> None:
    delivered(world, 3)
    world.peer.commitment = Refused("no storage commitment is offered")
    world.peer.has = {"7.1", "7.3", "9.9"}
    prove(world)
    found = ("proven", "found by query")
    assert world.at_peer() == {"7.1": found, "7.2": ("delivered", ""), "7.3": found}
    assert world.submitted.calls[-1][0] == "prove", "it is given time to become findable"
    world.clock[0] = at(60)
    prove(world, 2)
    assert world.at_peer()["7.2"] == ("waiting", "acknowledged, but not found by query")
    assert [call[0] for call in world.submitted.calls[-1:]] == ["deliver"]


def test_where_nothing_can_be_asked_it_stays_visibly_unproven(world: World) -> None:
    delivered(world, 1)
    world.peer.commitment = Refused("no storage commitment is offered")
    world.peer.has = Refused("no queries are answered")
    prove(world)
    assert world.deliveries() == [("unproven", "no storage commitment is offered; no queries are answered", 1)]
    assert world.submitted.calls[-1][0] == "prove"
    assert world.submitted.calls[-1][1].endswith("0.1-1"), "and nothing more is submitted"


def test_a_peer_that_cannot_be_reached_is_asked_again_until_patience_ends(world: World) -> None:
    delivered(world, 1)
    world.peer.commitment = Unreachable("pacs does not answer")
    prove(world)
    assert world.deliveries() == [("delivered", "", 1)]
    workflow, workflow_id, _, delay = world.submitted.calls[-1]
    assert (workflow, workflow_id[-5:], delay) == ("prove", "0.1-2", world.means.settings.delivery.first_retry)
    prove(world, 2)
    assert len(world.peer.asked) == 2
    world.clock[0] = at(world.means.settings.delivery.give_up_after)
    prove(world, 3)
    assert world.deliveries() == [("unproven", "given up: pacs does not answer", 1)]


def test_what_is_never_found_is_given_up_in_the_end(world: World) -> None:
    delivered(world, 1)
    world.peer.commitment = Refused("no")
    world.clock[0] = at(world.means.settings.delivery.give_up_after)
    prove(world)
    assert world.deliveries() == [("parked", "given up: acknowledged, but not found by query", 1)]


def test_a_report_that_comes_while_it_is_sent_again_is_not_undone(world: World) -> None:
    delivered(world, 1)
    prove(world)
    world.delivery.reported(report("2.25.1", [], {"7.1": 0x0110}))
    with world.database.write() as session:
        (waiting,) = [p.delivery_id for p in commitments.load(session, "2.25.1").parcels]  # type: ignore[union-attr]
    world.delivery.reported(report("2.25.1", ["7.1"], {}))
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 2)
    assert states(world) == [DeliveryState.PROVEN]
    assert (len(world.peer.sent), waiting) == (1, 1)


def test_reconcile_asks_again_for_proof_that_the_engine_has_given_up(world: World) -> None:
    delivered(world, 1)
    calls = len(world.submitted.calls)
    world.submitted.living = {world.submitted.calls[-1][1]}
    world.delivery.reconcile()
    assert len(world.submitted.calls) == calls
    world.submitted.living = set()
    world.delivery.reconcile()
    assert world.submitted.calls[-1][0] == "prove"


def test_what_is_refused_for_good_is_replaced_by_what_stands_in_for_it(world: World) -> None:
    world.with_peers(PACS.model_copy(update={"receives": ("SEG", "SR")}))
    delivering(world, result("7.1", "SEG"), result("7.2", "SC"), result("7.3", "SR"))
    world.replies[:] = [reply(0x0122, "no presentation context accepted"), reply(0)]
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 1)
    assert world.at_peer() == {
        "7.1": ("replaced", "no presentation context accepted; SC stands in for it"),
        "7.2": ("queued", ""),
        "7.3": ("delivered", ""),
    }
    assert world.submitted.calls[-1][1] == f"deliver-{TASK.task_id}-1-pacs/0.1-1"
    world.replies[:] = [reply(0)]
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0.1", 1)
    assert world.at_peer()["7.2"] == ("delivered", "")


def test_outside_its_hours_a_peer_is_left_alone(world: World) -> None:
    local = at(0).astimezone()
    opens = (local + timedelta(hours=2)).strftime("%H:%M")
    closes = (local + timedelta(hours=3)).strftime("%H:%M")
    world.with_peers(PACS.model_copy(update={"hours": (f"{opens}-{closes}",)}))
    delivering(world, result("7.1", "SR"))
    world.delivery.deliver(TASK.task_id, 1, "pacs", "0", 1)
    assert world.peer.sent == []
    assert world.at_peer() == {"7.1": ("waiting", f"to be sent at {opens}-{closes} only")}
    assert world.submitted.calls[-1][3] == 7200
