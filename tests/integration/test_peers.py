"""The fixtures give what they promise: peers that run, and a word when they do not."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import create_engine, text

from tests.absence import absent
from tests.builders import mr_series
from tests.peers import postgresql
from tests.peers.orthanc import Orthanc
from tests.peers.orthanc import orthanc as running_orthanc


@pytest.mark.parametrize("run", [1, 2])
def test_each_test_gets_a_database_of_its_own(postgresql_url: str, run: int) -> None:
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (n integer)"))
        version = connection.execute(text("SHOW server_version")).scalar_one()
    engine.dispose()
    assert int(version.split(".")[0]) >= 13


def test_the_cluster_leaves_nothing_behind() -> None:
    with postgresql.cluster() as running:
        folder = Path(running.url("x").partition("?host=")[2])
        assert (folder / ".s.PGSQL.5432").is_socket()
    assert not folder.exists()


def test_both_databases_answer(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 6 * 7")).scalar_one() == 42
    engine.dispose()


def test_orthanc_takes_instances_and_gives_them_back(
    orthanc: Orthanc, require_tool: Callable[[str], Path], tmp_path: Path
) -> None:
    assert orthanc.count() == 0
    paths = mr_series(tmp_path / "series")
    command = [str(part) for part in (require_tool("storescu"), "-aec", orthanc.aet, orthanc.host, orthanc.dicom_port)]
    for _ in range(2):
        subprocess.run([*command, *map(str, paths)], check=True, timeout=30)
    assert orthanc.count() == len(paths)
    held = {entry["MainDicomTags"]["SOPInstanceUID"]: entry["ID"] for entry in orthanc.instances()}
    for path in paths:
        sent = dcmread(path)
        assert orthanc.dataset(held[sent.SOPInstanceUID]).PixelData == sent.PixelData


def test_orthanc_knows_the_node_and_says_what_it_refuses(orthanc: Orthanc) -> None:
    orthanc.introduce("DICOMNODE", 11113)
    assert orthanc.rest("/modalities?expand")["DICOMNODE"]["Port"] == 11113
    with pytest.raises(RuntimeError, match="404"):
        orthanc.rest("/instances/nothing")


def test_orthanc_stops_with_its_test(tmp_path: Path) -> None:
    with running_orthanc(tmp_path) as server:
        port = server.dicom_port
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_free_port_can_be_bound(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)) as server:
        assert server.getsockname()[1] == free_port


def test_what_is_absent_is_named_and_skipped(
    monkeypatch: pytest.MonkeyPatch, require_tool: Callable[[str], Path]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-tool is missing: install it with 'make peers'"):
        require_tool("no-such-tool")


def test_what_is_absent_fails_where_everything_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="the test data is missing: look for them"):
        absent("the test data", "look for them")
