"""Certificates for an afternoon, made by OpenSSL: an authority, and peers it vouches for or does not."""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.peers.tools import require_tool


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, PEM."""

    certificate: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        der = ssl.PEM_cert_to_DER_cert(self.certificate.read_text())
        return hashlib.sha256(der).hexdigest()


def authority(folder: Path, name: str) -> Certificate:
    """A certificate that vouches for itself."""
    made = _in(folder, name)
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", made.key, "-out", made.certificate, "-subj", f"/CN={name}")
    return made


def issued(folder: Path, name: str, by: Certificate, hosts: str = "DNS:localhost,IP:127.0.0.1") -> Certificate:
    """A certificate that `by` vouches for, good for this machine unless other hosts are named."""
    made, request, names = _in(folder, name), folder / f"{name}.csr", folder / f"{name}.txt"
    names.write_text(f"subjectAltName={hosts}")
    _openssl("req", *_NEW_KEY, "-keyout", made.key, "-out", request, "-subj", f"/CN={name}")
    signer = ("-CA", by.certificate, "-CAkey", by.key, "-CAcreateserial", "-extfile", names)
    _openssl("x509", "-req", "-in", request, *signer, "-out", made.certificate, "-days", "2")
    return made


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def _in(folder: Path, name: str) -> Certificate:
    return Certificate(folder / f"{name}.pem", folder / f"{name}.key")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run([require_tool("openssl"), *arguments], check=True, capture_output=True, timeout=30)
