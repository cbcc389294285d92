"""The OHIF viewer, prebuilt, as a radiologist's browser gets it: fetched once, served beside a PACS.

``python -m tests.peers.ohif`` fetches it (``make viewer``).
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import mimetypes
import os
import shutil
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

VERSION = "3.13.2"
URL = f"https://registry.npmjs.org/@ohif/app/-/app-{VERSION}.tgz"
SHA512 = "WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA=="

_DEPLOYED = Path(__file__).resolve().parents[2] / "deploy" / "compose" / "ohif.js"
_TO_THE_PACS = "/dicom-web"
_PASSED_ON = ("Accept", "Content-Type", "Host")


def folder() -> Path:
    """Where the unpacked viewer lies, outside the repository."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "dicomnode" / f"ohif-{VERSION}"


def installed() -> Path | None:
    """The viewer's pages, or None when they were never fetched."""
    return folder() if (folder() / "index.html").is_file() else None


def fetch() -> Path:
    """Fetch and unpack the viewer; whole or not at all.

    Raises
    ------
    RuntimeError
        When the bytes are not those that were pinned.
    """
    if there := installed():
        return there
    with urllib.request.urlopen(URL, timeout=170) as answer:
        content = answer.read()
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != SHA512:
        raise RuntimeError(f"{URL} is not the package that was pinned")
    partial = folder().with_suffix(f".{os.getpid()}")
    with tarfile.open(fileobj=io.BytesIO(content)) as package:
        package.extractall(partial, filter="data")
    try:
        (partial / "package" / "dist").rename(folder())
    finally:
        shutil.rmtree(partial)
    return folder()


class _Pages(BaseHTTPRequestHandler):
    """The viewer's files, our configuration, and the PACS behind the same origin, as ``deploy/compose/nginx.conf``."""

    protocol_version = "HTTP/1.1"
    pages: ClassVar[Path]
    pacs_port: ClassVar[int]

    def do_GET(self) -> None:
        """Serve a file or the answer of the PACS."""
        if self.path.startswith(_TO_THE_PACS):
            self._relay()
            return
        path = self.path.partition("?")[0].lstrip("/")
        file = self.pages / path
        if path == "app-config.js":
            file = _DEPLOYED
        elif not file.is_file():
            file = self.pages / "index.html"
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        self._answer(200, "application/wasm" if file.suffix == ".wasm" else kind, file.read_bytes())

    def do_POST(self) -> None:
        """Only the PACS takes anything."""
        self._relay()

    def _relay(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.pacs_port, timeout=60)
        try:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {
                name: value for name, value in self.headers.items() if name in ("Accept", "Content-Type", "Host")
            }
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            self._answer(answer.status, answer.headers["Content-Type"] or "text/plain", answer.read())
        finally:
            connection.close()

    def _answer(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet: the browser says what failed."""


@contextmanager
def viewer(pages: Path, pacs_port: int) -> Iterator[str]:
    """Serve the viewer beside the DICOMweb of a PACS; gives its address."""
    handler = type("Pages", (_Pages,), {"pages": pages, "pacs_port": pacs_port})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    sys.stdout.write(f"OHIF {VERSION}: {fetch()}\n")
