"""A stand-in for a PACS: a real C-STORE SCP that files what it gets in a folder."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from dicomnode.dimse.scp import StorageSCP
from dicomnode.domain.identity import AETitle, SeriesInstanceUID
from dicomnode.domain.instance import Received
from dicomnode.receive.part10 import FileMeta, head
from dicomnode.receive.proof import Proof
from dicomnode.settings import DicomSettings

AET = AETitle("STANDIN")


class StandInPACS:
    """Takes instances from anybody on this machine; one file for each SOP Instance UID."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._scp = StorageSCP(
            DicomSettings(aet=AET, host="127.0.0.1", port=0, accept_unknown_peers=True), (), self._file, _nothing
        )

    def start(self) -> int:
        """Listen on a free port and return it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._scp.start()
        return self._scp.port

    def stop(self) -> None:
        """Stop listening."""
        self._scp.stop()

    def _file(self, received: Received) -> SeriesInstanceUID:
        data_set = b"".join(map(bytes, received.data_set))
        proof = Proof(received)
        proof.feed(data_set)
        header = proof.finish()
        meta = FileMeta(
            sop_class_uid=received.sop_class_uid,
            sop_instance_uid=received.sop_instance_uid,
            transfer_syntax_uid=received.transfer_syntax_uid,
            calling_aet=received.calling_aet,
        )
        with self._lock:
            name = f"{header.facts.get('Modality', 'OT')}-{header.sop_instance_uid}.dcm"
            (self._folder / name).write_bytes(head(meta) + data_set)
        return header.series_instance_uid


def _nothing(_calling: AETitle, _series: frozenset[SeriesInstanceUID]) -> None:
    """Nobody waits for the end of an association here."""
