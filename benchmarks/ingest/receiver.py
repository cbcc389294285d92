"""The node's receiver alone, without the rest of the node: what the peers are compared with.

python benchmarks/ingest/receiver.py --data FOLDER --port 11112 --any-peer
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from dicomnode import reception
from dicomnode.configuration import load
from dicomnode.dimse.scp import Receivers, StorageSCP
from dicomnode.index.database import Database
from dicomnode.index.intake import Intake
from dicomnode.observe import logging as observe
from dicomnode.receive.admit import Admission
from dicomnode.receive.recover import recover
from dicomnode.store.filesystem import FileStore


def now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="where store and index are kept")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--aet", default="DICOMNODE")
    parser.add_argument("--peer", action="append", default=[], help="AE title that may store")
    parser.add_argument("--any-peer", action="store_true")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any key of the node's settings"
    )
    parser.add_argument("--volatile", action="store_true", help="flush nothing: only to see what flushing costs")
    parser.add_argument("--log", action="store_true", help="show the log")
    arguments = parser.parse_args()
    peers = ", ".join(f'{{name="p{n}", aet="{aet}", may_store=true}}' for n, aet in enumerate(arguments.peer))
    settings = load(
        None,
        [
            f"node.data={arguments.data}",
            f"dicom.aet={arguments.aet}",
            f"dicom.host={arguments.host}",
            f"dicom.port={arguments.port}",
            f"dicom.accept_unknown_peers={str(arguments.any_peer).lower()}",
            *arguments.set,
        ],
    )
    if peers:
        extra = load(_with_peers(arguments.data, peers))
        settings = settings.model_copy(update={"peers": extra.peers})
    if arguments.volatile:
        _flush_nothing()
    if arguments.log:
        observe.configure(json=False)
    serve(settings, arguments.data)


def _with_peers(data: Path, peers: str) -> Path:
    data.mkdir(parents=True, exist_ok=True)
    path = data / "peers.toml"
    path.write_text(f"peers = [{peers}]\n")
    return path


def _flush_nothing() -> None:
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    os.fsync = lambda _: None  # type: ignore[assignment]
    event.listen(Engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"), insert=False)


def serve(settings, data: Path) -> None:
    database = Database(settings.database.url, data)
    database.upgrade()
    strict = settings.dicom.durability == "strict"
    store, quarantine = FileStore(data / "store", strict=strict), FileStore(data / "quarantine", strict=strict)
    intake = Intake(database, strict=strict)
    recover(store, intake, quarantine, now)
    admission = Admission(store, intake, quarantine, now, settings.limits)
    receivers = Receivers(start=partial(reception.start, settings), noted=lambda *_: None)
    scp = StorageSCP(
        settings.dicom, settings.peers, admission.admit, admission.released, settings.limits, receivers=receivers
    )
    # Blocked in every thread and waited for: a handler would run in any of them, and need not wake the main one.
    endings = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    scp.start()
    print(f"listening on {scp.port} as {os.getpid()}", flush=True)
    signal.sigwait(endings)
    scp.stop()
    intake.close()
    database.close()
    sys.exit(0)


if __name__ == "__main__":
    main()
