"""A throw-away Orthanc, the PACS of the tests."""

from __future__ import annotations

import http.client
import io
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydicom import Dataset, dcmread

from tests.peers.tools import free_port, require_tool

_DEPLOYED = Path(__file__).resolve().parents[2] / "deploy" / "compose" / "orthanc.json"
_PLUGINS = Path("/usr/share/orthanc/plugins")
_READY_S = 30.0


class Orthanc:
    """A running Orthanc with an empty archive.

    Attributes
    ----------
    aet, host, dicom_port
        Where it takes associations.
    http_port : int
        Its REST interface, and DICOMweb under ``/dicom-web/`` where the plugin is installed.
    """

    aet = "ORTHANC"
    host = "127.0.0.1"

    def __init__(self, folder: Path, further: Mapping[str, object]) -> None:
        self._folder, self._further = folder, further
        self.dicom_port, self.http_port = free_port(), free_port()

    def rest(self, path: str, method: str = "GET", body: object = None) -> Any:
        """The JSON answer of a REST call; raises RuntimeError for any status but 200."""
        return json.loads(self._call(path, method, body))

    def count(self) -> int:
        """Instances in the archive."""
        return int(self.rest("/statistics")["CountInstances"])

    def instances(self) -> list[dict[str, Any]]:
        """One dict an instance: ``ID`` for :meth:`dataset`, ``MainDicomTags``, ``ParentSeries`` and so on."""
        return list(self.rest("/instances?expand"))

    def file(self, instance: str) -> bytes:
        """The stored DICOM file of an instance ID."""
        return self._call(f"/instances/{instance}/file", "GET", None)

    def dataset(self, instance: str) -> Dataset:
        """The stored instance of an ID."""
        return dcmread(io.BytesIO(self.file(instance)))

    def introduce(self, aet: str, port: int, *, tls: bool = False) -> None:
        """Tell it where the modality DICOMNODE listens."""
        modality = {"AET": aet, "Host": "127.0.0.1", "Port": port, "UseDicomTls": tls}
        self._call("/modalities/DICOMNODE", "PUT", modality)

    def route(self, port: int, aet: str = "DICOMNODE") -> None:
        """Send everything it holds to a node, as a PACS with a routing rule does."""
        self.introduce(aet, port)
        self._call("/modalities/DICOMNODE/store", "POST", self.rest("/studies"))

    def configuration(self) -> dict[str, object]:
        """That of ``deploy/compose``, with its own folders and ports and closed to other machines."""
        web = _PLUGINS / "libOrthancDicomWeb.so"
        return {
            **json.loads(_DEPLOYED.read_text()),
            "StorageDirectory": str(self._folder / "storage"),
            "IndexDirectory": str(self._folder / "index"),
            "TemporaryDirectory": str(self._folder),
            "DicomPort": self.dicom_port,
            "HttpPort": self.http_port,
            "RemoteAccessAllowed": False,
            "Plugins": [str(web)] if web.is_file() else [],
            **self._further,
        }

    def _call(self, path: str, method: str, body: object) -> bytes:
        connection = http.client.HTTPConnection(self.host, self.http_port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"Orthanc: {method} {path}: {answer.status} {content[:500].decode(errors='replace')}")
        return content


@contextmanager
def orthanc(folder: Path, further: Mapping[str, object] = MappingProxyType({})) -> Iterator[Orthanc]:
    """A running Orthanc that keeps everything in a folder; what is configured further goes before."""
    program = require_tool("Orthanc")
    server = Orthanc(folder, further)
    settings = folder / "orthanc.json"
    settings.write_text(json.dumps(server.configuration(), indent=2))
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([str(program), str(settings)], stdout=log, stderr=log, cwd=folder)
        try:
            _wait_until_ready(server, process, folder / "orthanc.log")
            yield server
        finally:
            # Its orderly end takes three seconds and serves an archive that nobody will open again.
            process.kill()
            process.wait(30)


def _wait_until_ready(server: Orthanc, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            server.rest("/system")
        except (OSError, http.client.HTTPException) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Orthanc did not start:\n{log.read_text(errors='replace')[-2000:]}") from error
            time.sleep(0.05)
        else:
            return
