"""Fixtures for every test: real data, real tools, and peers that are started here and stopped again."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dicomnode.index.database import Database
from tests.absence import absent
from tests.peers import postgresql as postgresql_peer
from tests.peers import tools
from tests.peers.orthanc import Orthanc
from tests.peers.orthanc import orthanc as running_orthanc

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real images: ``DICOMNODE_TEST_DATA``, else ``../shared/data`` beside the repository."""
    folder = Path(os.environ.get("DICOMNODE_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        absent("the test data", "set DICOMNODE_TEST_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str], Path]:
    """``require_tool("dciodvfy")``: where a program of another project is, or a skip that names it."""
    return tools.require_tool


@pytest.fixture
def collected() -> Iterator[None]:
    """Garbage of this test is collected at its end: what complains then complains here and not in another test."""
    yield
    gc.collect()


@pytest.fixture
def free_port() -> int:
    """A free TCP port. Prefer port 0 where the program under test can say which port it took."""
    return tools.free_port()


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[postgresql_peer.Cluster]:
    """One PostgreSQL cluster for this test process."""
    with postgresql_peer.cluster() as running:
        yield running


@pytest.fixture(scope="session")
def upgraded_postgresql(postgresql_cluster: postgresql_peer.Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Name of a PostgreSQL database at this release's schema, to be copied: the migrations take longer than a test."""
    name = postgresql_cluster.create()
    made = Database(postgresql_cluster.url(name), tmp_path_factory.mktemp("upgraded"))
    made.upgrade()
    made.close()
    return name


@pytest.fixture
def postgresql_url(postgresql_cluster: postgresql_peer.Cluster) -> Iterator[str]:
    """SQLAlchemy URL of a new, empty PostgreSQL database."""
    name = postgresql_cluster.create()
    yield postgresql_cluster.url(name)
    postgresql_cluster.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy URL of a new, empty database: the test runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'dicomnode.sqlite'}"
    url: str = request.getfixturevalue("postgresql_url")
    return url


@pytest.fixture
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """A running Orthanc with an empty archive."""
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server
