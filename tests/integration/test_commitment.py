"""Storage commitment on the wire: Orthanc as a real provider, and peers that answer as they please."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from dicomnode.dimse import commitment, presence, scu
from dicomnode.dimse.normalized import Request
from dicomnode.dimse.scp import StorageSCP
from dicomnode.dimse.storing import Answer
from dicomnode.domain.delivery import CommitmentReport, Reference
from dicomnode.domain.identity import SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.errors import InvalidArgument, OutOfResources, Refused, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings
from tests import builders
from tests.datasets import MR_IMAGE
from tests.peers.orthanc import Orthanc

US = DicomSettings(aet="DICOMNODE")
ITS_INSTANCE = "1.2.840.10008.1.20.1.1"


class Reports:
    """Takes reports and remembers them."""

    def __init__(self) -> None:
        self.taken: list[CommitmentReport] = []
        self.came = threading.Event()
        self.verdict: Exception | None = None

    def take(self, request: Request) -> None:
        if self.verdict is not None:
            raise self.verdict
        self.taken.append(commitment.read(request))
        self.came.set()


def ask(peer: PeerSettings, uid: str, references: Sequence[Reference], reports: Reports, wait: float = 5.0) -> None:
    commitment.ask(peer, US, uid, references, reports.take, wait=wait, timeout=10)


@contextmanager
def listening(reports: Reports, transport: str) -> Iterator[int]:
    def admit(_: Received) -> SeriesInstanceUID:
        raise OutOfResources("nothing is taken here")

    settings = DicomSettings(host="127.0.0.1", port=0, transport=transport)  # type: ignore[arg-type]
    scp = StorageSCP(settings, (), admit, lambda *_: None, services=[commitment.service({"ORTHANC"}, reports.take)])
    scp.start()
    try:
        yield scp.port
    finally:
        scp.stop()


@pytest.mark.parametrize("transport", ["event", "stock"])
def test_orthanc_commits_itself_to_what_it_has_and_says_what_it_has_not(
    orthanc: Orthanc, tmp_path: Path, transport: str
) -> None:
    files = builders.mr_series(tmp_path / "series", geometry=builders.grid((3, 8, 8)))
    peer = PeerSettings(name="pacs", aet=orthanc.aet, port=orthanc.dicom_port)
    sent = [scu.outgoing(file) for file in files]
    assert [one.status for one in scu.send(peer, US, sent)] == [0] * 3
    there = [Reference(sop_class_uid=f.sop_class_uid, sop_instance_uid=f.sop_instance_uid) for f in sent]
    missing = Reference(sop_class_uid=MR_IMAGE, sop_instance_uid="1.2.3.4.5")
    reports = Reports()
    with listening(reports, transport) as port:
        orthanc.introduce(US.aet, port)
        ask(peer, "2.25.1", there, reports, wait=0.1)
        assert reports.came.wait(20), "Orthanc opens an association of its own"
        reports.came.clear()
        ask(peer, "2.25.2", [*there, missing], reports, wait=0.1)
        assert reports.came.wait(20)
    whole, part = reports.taken
    assert (whole.transaction_uid, whole.calling_aet, whole.committed, whole.failed) == (
        "2.25.1",
        "ORTHANC",
        frozenset(there),
        {},
    )
    assert (part.transaction_uid, part.committed, part.failed) == ("2.25.2", frozenset(there), {missing: 0x0112})


def test_orthanc_says_by_query_what_it_has(orthanc: Orthanc, tmp_path: Path) -> None:
    orthanc.introduce(US.aet, 1)
    files = builders.mr_series(tmp_path / "series", geometry=builders.grid((4, 8, 8)))
    peer = PeerSettings(name="pacs", aet=orthanc.aet, port=orthanc.dicom_port)
    sent = [scu.outgoing(file) for file in files]
    assert [one.status for one in scu.send(peer, US, sent[:3])] == [0] * 3
    assert presence.look_for(peer, US, files) == {file.sop_instance_uid for file in sent[:3]}


# A peer that answers as it is told.


Serve = Callable[..., PeerSettings]


@pytest.fixture
def serve() -> Iterator[Serve]:
    running: list[AE] = []

    def start(act: Callable[[evt.Event], int], sop_class: str = commitment.PUSH_MODEL) -> PeerSettings:
        ae = AE("PACS")
        ae.add_supported_context(sop_class, scu_role=True, scp_role=True)
        server = ae.start_server(
            ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_ACTION, lambda event: (act(event), None))]
        )
        running.append(ae)
        return PeerSettings(name="pacs", aet="PACS", port=server.server_address[1])

    yield start
    for ae in running:
        ae.shutdown()


ONE = Reference(sop_class_uid=MR_IMAGE, sop_instance_uid="1.2.3")


def event_report(action: Dataset) -> Dataset:
    information = Dataset()
    information.TransactionUID = action.TransactionUID
    information.ReferencedSOPSequence = action.ReferencedSOPSequence
    return information


def test_a_report_on_the_same_association_ends_the_wait(serve: Serve) -> None:
    statuses: list[int] = []

    def act(event: evt.Event) -> int:
        information = event_report(event.action_information)

        def later() -> None:
            status, _ = event.assoc.send_n_event_report(information, 1, commitment.PUSH_MODEL, ITS_INSTANCE)
            statuses.append(status.Status)

        threading.Timer(0.2, later).start()
        return 0

    reports = Reports()
    ask(serve(act), "2.25.7", [ONE], reports, wait=20)
    (report,) = reports.taken
    assert (report.transaction_uid, report.calling_aet, report.committed) == ("2.25.7", "PACS", {ONE})


@pytest.mark.parametrize("wait", [0.25, 20.0])
def test_a_report_is_answered_before_the_association_is_released(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, wait: float
) -> None:
    answers: list[Dataset] = []
    answered, prompt = threading.Event(), commitment.response

    def act(event: evt.Event) -> int:
        information = event_report(event.action_information)

        def later() -> None:
            answers.append(event.assoc.send_n_event_report(information, 1, commitment.PUSH_MODEL, ITS_INSTANCE)[0])
            answered.set()

        threading.Timer(0.1, later).start()
        return 0

    def slow(answer: Answer) -> int | Dataset:
        threading.Event().wait(0.3)  # whoever waits for the report has gone on by now
        return prompt(answer)

    monkeypatch.setattr(commitment, "response", slow)
    ask(serve(act), "2.25.7", [ONE], Reports(), wait=wait)
    assert answered.wait(5)
    assert [answer.get("Status") for answer in answers] == [0]


def test_a_report_that_is_refused_is_answered_so(serve: Serve) -> None:
    answered = threading.Event()
    statuses: list[int] = []

    def act(event: evt.Event) -> int:
        information = event_report(event.action_information)

        def later() -> None:
            status, _ = event.assoc.send_n_event_report(information, 1, commitment.PUSH_MODEL, ITS_INSTANCE)
            statuses.append(status.Status)
            answered.set()
            event.assoc.abort()

        threading.Timer(0.1, later).start()
        return 0

    reports = Reports()
    reports.verdict = InvalidArgument("no such transaction was asked of this peer")
    ask(serve(act), "2.25.7", [ONE], reports, wait=20)
    assert answered.wait(5)
    assert statuses == [0x0115]


@pytest.mark.parametrize("status", [0x0110, 0x0213])
def test_a_failure_that_may_pass_is_waited_out(serve: Serve, status: int) -> None:
    with pytest.raises(Unreachable, match=f"{status:04X}"):
        ask(serve(lambda _: status), "2.25.7", [ONE], Reports())


@pytest.mark.parametrize("status", [0x0112, 0x0122, 0x0211])
def test_a_refusal_is_said_with_its_status(serve: Serve, status: int) -> None:
    with pytest.raises(Refused, match=f"{status:04X}"):
        ask(serve(lambda _: status), "2.25.7", [ONE], Reports())


def test_a_peer_without_the_services_says_so(serve: Serve, tmp_path: Path) -> None:
    peer = serve(lambda _: 0, sop_class=MR_IMAGE)
    with pytest.raises(Refused, match="no storage commitment is offered"):
        ask(peer, "2.25.7", [ONE], Reports())
    with pytest.raises(Refused, match="no queries are answered"):
        presence.look_for(peer, US, builders.mr_series(tmp_path / "series", geometry=builders.grid((1, 8, 8))))
