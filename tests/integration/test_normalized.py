"""Normalized services over both transports: who may ask is served, and every other request has its status."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, build_role
from pynetdicom.association import Association
from pynetdicom.dsutils import encode

from dicomnode.dimse.normalized import LONGEST, Operation, Request, Service
from dicomnode.dimse.scp import StorageSCP
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import NoSuchInstance, OutOfResources
from dicomnode.settings import DicomSettings, LimitsSettings, PeerSettings
from tests.datasets import EXPLICIT_LITTLE, IMPLICIT_LITTLE, MR_IMAGE
from tests.peers import rude
from tests.peers.rude import RudePeer, context, element, values

COMMITMENT = "1.2.840.10008.1.20.1"
ITS_INSTANCE = "1.2.840.10008.1.20.1.1"
MPPS = "1.2.840.10008.3.1.2.3.3"
VERIFICATION = "1.2.840.10008.1.1"
REPORT = 0x0100


@dataclass
class Provider:
    """A provider whose services only remember, or say what they are told."""

    scp: StorageSCP
    asked: list[Request]
    verdict: list[Exception] = field(default_factory=list)

    @contextmanager
    def association(self, aet: str, *classes: str, provider: bool = True) -> Iterator[Association]:
        """An honest peer; as `provider` it proposes to be the SCP of commitment."""
        ae = AE(aet)
        for uid in classes:
            ae.add_requested_context(uid, [IMPLICIT_LITTLE, EXPLICIT_LITTLE])
        roles = [build_role(COMMITMENT, scp_role=True)] if provider else []
        association = ae.associate("127.0.0.1", self.scp.port, ae_title="DICOMNODE", ext_neg=roles)
        assert association.is_established
        try:
            yield association
        finally:
            association.release()


@pytest.fixture(scope="module", params=["event", "stock"])
def running(request: pytest.FixtureRequest) -> Iterator[Provider]:
    transport: Literal["event", "stock"] = request.param
    asked: list[Request] = []
    verdict: list[Exception] = []

    def remember(request_: Request) -> None:
        if verdict:
            raise verdict.pop()
        asked.append(request_)

    def admit(_: Received) -> StudyInstanceUID:
        raise OutOfResources("nothing is taken here")

    services = [
        Service(
            sop_class_uid=COMMITMENT,
            handlers={Operation.N_EVENT_REPORT: remember},
            callers=frozenset({"PACS"}),
            caller_provides=True,
        ),
        Service(
            sop_class_uid=MPPS,
            handlers={Operation.N_CREATE: remember, Operation.N_SET: remember},
            callers=frozenset({"SCANNER"}),
        ),
    ]
    settings = DicomSettings(host="127.0.0.1", port=0, transport=transport, network_timeout=5)
    peers = [PeerSettings(name="scanner", aet="SCANNER", may_store=True)]
    scp = StorageSCP(settings, peers, admit, lambda *_: None, LimitsSettings(), services)
    scp.start()
    yield Provider(scp=scp, asked=asked, verdict=verdict)
    scp.stop()


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.asked.clear()
    running.verdict.clear()
    return running


def report(transaction: str = "1.2.3") -> Dataset:
    content = Dataset()
    content.TransactionUID = transaction
    return content


def test_a_report_reaches_its_service(provider: Provider) -> None:
    with provider.association("PACS", COMMITMENT) as association:
        (accepted,) = association.accepted_contexts
        assert (accepted.as_scu, accepted.as_scp) == (False, True), "the roles are agreed"
        status, _ = association.send_n_event_report(report(), 1, COMMITMENT, ITS_INSTANCE)
        assert status.Status == 0
    (request,) = provider.asked
    assert (request.operation, request.sop_class_uid, request.sop_instance_uid, request.event_type) == (
        Operation.N_EVENT_REPORT,
        COMMITMENT,
        ITS_INSTANCE,
        1,
    )
    assert (request.data_set.TransactionUID, request.calling_aet) == ("1.2.3", "PACS")


def test_a_report_without_a_role_proposed_is_heard_all_the_same(provider: Provider) -> None:
    with RudePeer(provider.scp.port) as peer:
        peer.associate(calling="PACS", contexts=context(1, COMMITMENT, (IMPLICIT_LITTLE,)))
        assert peer_reports(peer, data_set=encoded(report())) == 0
    assert len(provider.asked) == 1


def test_created_and_set(provider: Provider) -> None:
    with provider.association("SCANNER", MPPS, provider=False) as association:
        begun = Dataset()
        begun.PerformedProcedureStepStatus = "IN PROGRESS"
        status, _ = association.send_n_create(begun, MPPS, "1.2.3.4")
        assert status.Status == 0
        ended = Dataset()
        ended.PerformedProcedureStepStatus = "COMPLETED"
        status, _ = association.send_n_set(ended, MPPS, "1.2.3.4")
        assert status.Status == 0
    assert [(r.operation, r.sop_instance_uid, r.data_set.PerformedProcedureStepStatus) for r in provider.asked] == [
        (Operation.N_CREATE, "1.2.3.4", "IN PROGRESS"),
        (Operation.N_SET, "1.2.3.4", "COMPLETED"),
    ]


def test_a_refusal_is_answered_with_its_status_and_words(provider: Provider) -> None:
    provider.verdict.append(NoSuchInstance("no such instance here"))
    with provider.association("PACS", COMMITMENT) as association:
        status, _ = association.send_n_event_report(report(), 1, COMMITMENT, ITS_INSTANCE)
        assert (status.Status, status.ErrorComment) == (0x0112, "no such instance here")
        provider.verdict.append(KeyError("patient name"))
        status, _ = association.send_n_event_report(report(), 1, COMMITMENT, ITS_INSTANCE)
        assert status.Status == 0x0110
        assert "patient" not in status.ErrorComment
        status, _ = association.send_n_event_report(report(), 1, COMMITMENT, ITS_INSTANCE)
        assert status.Status == 0, "and the association goes on"


def test_nobody_stores_or_asks_what_it_may_not(provider: Provider) -> None:
    ae = AE("PACS")
    for uid in (MR_IMAGE, MPPS, VERIFICATION):
        ae.add_requested_context(uid, EXPLICIT_LITTLE)
    association = ae.associate("127.0.0.1", provider.scp.port, ae_title="DICOMNODE")
    accepted = {context.abstract_syntax for context in association.accepted_contexts}
    assert association.send_c_echo().Status == 0
    if accepted == {VERIFICATION}:  # our own transport does not even offer the rest
        association.release()
        return
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = MR_IMAGE, "1.2.3"
    image.file_meta = Dataset()  # type: ignore[assignment]
    image.file_meta.TransferSyntaxUID = EXPLICIT_LITTLE
    assert association.send_c_store(image).Status == 0x0124
    status, _ = association.send_n_create(report(), MPPS, "1.2.3.4")
    assert status.Status == 0x0124
    association.release()
    assert provider.asked == []


def test_an_operation_that_is_not_served(provider: Provider) -> None:
    with RudePeer(provider.scp.port) as peer:
        peer.associate(calling="PACS", contexts=context(1, COMMITMENT, (IMPLICIT_LITTLE,)))
        assert peer_reports(peer, field=0x0140, data_set=encoded(report())) in (0x0211, "aborted")
    assert provider.asked == []


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        ({"instance": ""}, {0x0117, "aborted"}),
        ({"instance": "../x"}, {0x0117, "aborted"}),
        ({"sop_class": MPPS}, {0x0118, 0x0110, "aborted"}),
        ({"data_set": None}, {0x0212}),
        ({"data_set": b"\x08\0\x18\0\xff\xff\xff"}, {0x0110}),
    ],
    ids=["no instance", "no uid", "other class", "no data set", "no tag"],
)
def test_what_is_wrong_is_said(provider: Provider, request_: dict[str, object], statuses: set[int | str]) -> None:
    with RudePeer(provider.scp.port) as peer:
        peer.associate(calling="PACS", contexts=context(1, COMMITMENT, (IMPLICIT_LITTLE,)))
        assert peer_reports(peer, **{"data_set": encoded(report()), **request_}) in statuses  # type: ignore[arg-type]
    assert provider.asked == []


def test_sequences_without_a_bottom_are_no_data_set(provider: Provider) -> None:
    deep = b"".join(struct.pack("<HHLHHL", 8, 0x1115, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) for _ in range(20000))
    with RudePeer(provider.scp.port) as peer:
        peer.associate(calling="PACS", contexts=context(1, COMMITMENT, (IMPLICIT_LITTLE,)))
        assert peer_reports(peer, data_set=deep) == 0x0110
    assert provider.asked == []


def test_a_data_set_without_end_is_cut(provider: Provider) -> None:
    if provider.scp._settings.transport == "stock":
        pytest.skip("pynetdicom's own server has no bounds")
    with RudePeer(provider.scp.port) as peer:
        peer.associate(calling="PACS", contexts=context(1, COMMITMENT, (IMPLICIT_LITTLE,)))
        with suppress(ConnectionError):  # reset while we still talked
            assert peer_reports(peer, data_set=bytes(LONGEST + 100000)) == "aborted"
    assert provider.asked == []


def encoded(data_set: Dataset) -> bytes:
    raw = encode(data_set, True, True)
    assert raw is not None
    return raw


def peer_reports(
    peer: RudePeer,
    *,
    field: int = REPORT,
    sop_class: str = COMMITMENT,
    instance: str = ITS_INSTANCE,
    data_set: bytes | None,
) -> int | str:
    request = rude.command(field, sop_class=sop_class, instance=instance, data=data_set is not None)
    event_type = element(0x1002, struct.pack("<H", 1))
    peer.send(values(1, 3, element(0, struct.pack("<L", len(request) - 12 + 10)) + request[12:] + event_type))
    for at in range(0, len(data_set or b""), 16000):
        assert data_set is not None
        peer.send(values(1, 2 if at + 16000 >= len(data_set) else 0, data_set[at : at + 16000]))
    return peer.status()
