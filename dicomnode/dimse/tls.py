"""TLS as PS3.15 B.12 wants it: the BCP 195 profile, and both sides show a certificate."""

from __future__ import annotations

import ssl

from dicomnode.errors import SettingsError
from dicomnode.settings import DicomSettings


def server_context(settings: DicomSettings) -> ssl.SSLContext:
    """TLS 1.2 and 1.3 with forward secrecy and authenticated encryption (RFC 9325), for peers that are vouched for.

    Raises
    ------
    SettingsError
        When a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(f"dicom.tls_certificate, dicom.tls_key: cannot be used: {_why(error)}") from error
    try:
        context.load_verify_locations(settings.tls_trusted)
    except OSError as error:
        raise SettingsError(f"dicom.tls_trusted: cannot be used: {_why(error)}") from error
    return context


def _why(error: OSError) -> str:
    return error.reason if isinstance(error, ssl.SSLError) and error.reason else error.strerror or "unreadable"
