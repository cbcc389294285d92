"""TLS as PS3.15 B.12 wants it: the BCP 195 profile, and both sides show a certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from dicomnode.errors import SettingsError, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings


def server_context(settings: DicomSettings) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with forward secrecy and authenticated encryption (RFC 9325), for peers that are vouched for.

    Raises
    ------
    SettingsError
        When a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    _profile(context, settings)
    return context


class ClientContext(ssl.SSLContext):
    """What we speak TLS with as a client, for one connection; it knows afterwards why there was none."""

    pinned: frozenset[str]
    """SHA-256 fingerprints of the certificates the server may show; empty where its name decides."""
    failure: str
    """What went wrong, in words; empty while nothing has."""


def client_context(peer: PeerSettings, local: DicomSettings) -> ClientContext:
    """The same profile as a client: the peer's certificate is vouched for and names its host, or is one it is bound to.

    Raises
    ------
    SettingsError
        When a file cannot be used.
    """
    context = ClientContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _Socket
    context.pinned, context.failure = frozenset(peer.certificates), ""
    context.check_hostname = not peer.certificates
    _profile(context, local)
    return context


def context_for(peer: PeerSettings, local: DicomSettings) -> ClientContext | None:
    """What a connection to a peer needs; None where it speaks plain DICOM.

    The files are read for each connection: a renewed certificate needs no restart.

    Raises
    ------
    Unreachable
        When a file cannot be used at present.
    """
    try:
        return client_context(peer, local) if peer.tls else None
    except SettingsError as error:
        raise Unreachable(str(error)) from error


def blamed(peer: PeerSettings, context: ClientContext | None, otherwise: str) -> str:
    """Why there is no association with a peer: what TLS says, else what seems so without it.

    In TLS 1.3 we have shaken hands before the server judges our certificate, and its reset may overtake its verdict.
    """
    if context is None:
        return otherwise
    if context.failure:
        return f"no TLS with {peer.name}: {context.failure}"
    return f"{otherwise}; perhaps it does not trust our certificate"


def fingerprint(certificate: Path) -> str:
    """SHA-256 fingerprint of the first certificate in a PEM file.

    Raises
    ------
    SettingsError
        When there is none.
    """
    try:
        return sha256(ssl.PEM_cert_to_DER_cert(_first(certificate.read_text(encoding="ascii")))).hexdigest()
    except (OSError, ValueError) as error:
        raise SettingsError(f"dicom.tls_certificate: {certificate}: no certificate in PEM") from error


def _first(text: str) -> str:
    end = "-----END CERTIFICATE-----"
    start = max(text.find("-----BEGIN CERTIFICATE-----"), 0)
    return text[start : text.find(end, start) + len(end)]


class _Socket(ssl.SSLSocket):
    """Holds the peer's certificate against those it is bound to, and keeps in words what goes wrong."""

    context: ClientContext

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands, and then look at whose hand it is."""
        with _noting(self.context, OSError):
            super().do_handshake(block)
            shown = sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
            if self.context.pinned and shown not in self.context.pinned:
                raise ssl.SSLCertVerificationError(1, "its certificate is none of those it is bound to")

    def read(self, *arguments: Any) -> Any:
        """In TLS 1.3 the server's verdict on our certificate comes with the first bytes."""
        with _noting(self.context, ssl.SSLError):
            return super().read(*arguments)


@contextmanager
def _noting(context: ClientContext, kind: type[OSError]) -> Iterator[None]:
    try:
        yield
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        raise
    except ssl.SSLCertVerificationError as error:
        context.failure = getattr(error, "verify_message", "") or str(error.strerror)
        raise
    except kind as error:
        context.failure = _why(error).replace("_", " ").lower()
        raise


def _profile(context: ssl.SSLContext, settings: DicomSettings) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"dicom.tls_certificate, dicom.tls_key: cannot be used: {_why(error)}") from error
    try:
        context.load_verify_locations(settings.tls_trusted)
    except OSError as error:
        raise SettingsError(f"dicom.tls_trusted: cannot be used: {_why(error)}") from error


def _why(error: OSError) -> str:
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror or "unreadable"
