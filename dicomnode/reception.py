"""Processes that receive in the node's place (`dicom.processes`): each has its own way into store and index."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from dicomnode.dimse import commitment, procedure_step
from dicomnode.dimse.normalized import Request, Service
from dicomnode.dimse.scp import StorageSCP
from dicomnode.dimse.transport import station
from dicomnode.domain.evidence import StepReport
from dicomnode.errors import ProcessingFailed
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.observe import logging as observe
from dicomnode.receive.admit import Admission
from dicomnode.receive.tally import Tally
from dicomnode.settings import PeerSettings, Settings
from dicomnode.store.filesystem import FileStore

RECEIVED, RELEASED = "received", "released"
"""What a process notes: an instance that it took or refused; an association that was released, once that is durable."""


def services(
    peers: Sequence[PeerSettings],
    reported: Callable[[Request], None],
    begun: Callable[[StepReport], None],
    changed: Callable[[StepReport], None],
) -> list[Service]:
    """What peers may ask of the node besides storing."""
    reporters = {peer.aet for peer in peers if peer.commitment}
    modalities = {peer.aet for peer in peers if peer.procedure_steps}
    offered = [commitment.service(reporters, reported), procedure_step.service(modalities, begun, changed)]
    return [service for service in offered if service.callers]


def start(settings: Settings, control: socket.socket) -> subprocess.Popen[bytes]:
    """Start a process that receives until the other end of `control` is closed."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from dicomnode.reception import main; main({control.fileno()}, json={observe.in_json()})"
    )
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=2,
        pass_fds=[control.fileno()],
        start_new_session=True,
    )
    assert process.stdin is not None
    with process.stdin as told:
        told.write(settings.model_dump_json().encode())
    return process


def main(descriptor: int, *, json: bool) -> None:
    """Receive until the node at the other end of a socket goes away; its settings come by standard input."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are for the node, which ends its receivers in its own time
    observe.configure(json=json)
    settings = Settings.model_validate_json(sys.stdin.buffer.read())
    with socket.socket(fileno=descriptor) as control, ExitStack() as closing:
        receive(settings, control, closing)


def receive(settings: Settings, control: socket.socket, closing: ExitStack) -> None:
    """Serve the connections that come by `control`."""
    data, strict = settings.node.data.absolute(), settings.dicom.durability == "strict"
    database = Database(settings.database.url, data)
    closing.callback(database.close)
    intake = Intake(database, strict=strict, queue=data / "writers")
    closing.callback(intake.close)
    store, quarantine = FileStore(data / "store", strict=strict), FileStore(data / "quarantine", strict=strict)
    admission = Tally(Admission(store, intake, quarantine, _now, settings.limits), _Counts(control))
    elsewhere = services(settings.peers, _not_here, _not_here, _not_here)
    scp = StorageSCP(
        settings.dicom, settings.peers, admission.admit, admission.released, settings.limits, services=elsewhere
    )
    scp.serve(control)


class _Counts:
    """Counts where the node counts."""

    def __init__(self, control: socket.socket) -> None:
        self._notes = station.Notes(control)

    def received(self, sender: str, size: int, refusal: str = "") -> None:
        """An instance of so many bytes, acknowledged or refused for a reason."""
        self._notes.add(RECEIVED, sender, size, refusal)

    def released(self, sender: str) -> None:
        """An association that ended in good order."""
        self._notes.add(RELEASED, sender, urgent=True)


def _not_here(_: object) -> None:
    raise ProcessingFailed("the node answers this itself")


def _now() -> datetime:
    return datetime.now(UTC)
