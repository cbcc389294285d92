"""The same exam on SQLite and on PostgreSQL gives the same objects, byte for byte."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.node_process import NodeProcess, until
from tests.e2e.test_orthanc import EVERY_KIND, RESULTS, peers_of, shuffled_over_two_associations
from tests.peers.orthanc import orthanc
from tests.peers.tools import free_port


def _results(folder: Path, files: list[Path], database_url: str, seed: int) -> dict[str, bytes]:
    """What one node makes of an exam, by SOP Instance UID."""
    folder.mkdir()
    with orthanc(folder) as pacs:
        node = NodeProcess(folder, free_port(), peers_of(pacs, receives=EVERY_KIND), database_url)
        node.start()
        shuffled_over_two_associations(node.port, files, seed)
        until(lambda: pacs.count() == RESULTS, 120, "all results arrive")
        assert node.settled(1)[0]["state"] == "done"
        assert node.stop() == 0
        entries = pacs.instances()
        return {entry["MainDicomTags"]["SOPInstanceUID"]: pacs.file(entry["ID"]) for entry in entries}


def test_both_databases_give_the_same_bytes(test_data: Path, postgresql_url: str, tmp_path: Path) -> None:
    files = sorted((test_data / "liver-dual-echo-chaos1").rglob("*.dcm"))
    on_sqlite = _results(tmp_path / "sqlite", files, "", seed=11)
    on_postgresql = _results(tmp_path / "postgresql", files, postgresql_url, seed=12)
    assert len(on_sqlite) == RESULTS
    assert on_sqlite.keys() == on_postgresql.keys()
    assert [uid for uid, content in on_sqlite.items() if content != on_postgresql[uid]] == []
