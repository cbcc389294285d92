"""Posts notices and work items to a host on the allow-list, at the address that was checked; follows nothing."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from dicomnode.errors import Refused, Unreachable

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


def create_workitem(base: str, data_set: Mapping[str, Any], allowed: Sequence[str], authorization: str = "") -> None:
    """Create a work item (UPS-RS, PS3.18 11.4); one that is there already is none to create.

    Parameters
    ----------
    base : str
        Of the DICOMweb service.
    data_set : Mapping
        In the DICOM JSON model (PS3.18 annex F), with its SOP Instance UID (11.4.1.1).

    Raises
    ------
    Refused, Unreachable
        As :func:`post`.
    """
    kind, url = "application/dicom+json", f"{base.rstrip('/')}/workitems"
    post(url, [data_set], allowed, authorization, kind=kind, done=(HTTPStatus.CONFLICT,))


def post(
    url: str,
    said: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    allowed: Sequence[str],
    authorization: str = "",
    timeout: float = 20.0,
    kind: str = "application/json",
    done: Collection[int] = (),
) -> None:
    """Post JSON and wait until it is taken.

    Parameters
    ----------
    kind : str
        Media type of what is said.
    done : collection of int
        Answers besides 2xx that say that nothing is left to do.
    allowed : sequence of str
        Host names and addresses it may go to. A name must not lead to this machine, a link-local, multicast or
        unspecified address: those must be listed as addresses themselves.

    Raises
    ------
    Refused
        When the host is not allowed, or it answers anything but 2xx for good.
    Unreachable
        When it cannot be reached, or asks to try later.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or host not in allowed:
        raise Refused(f"host {host!r} is not among those notices may go to")
    secure = parts.scheme == "https"
    address = _checked(host, parts.port or (443 if secure else 80), allowed)
    headers = {"Content-Type": kind, "Accept": kind, **({"Authorization": authorization} if authorization else {})}
    path = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    try:
        with socket.create_connection(address, timeout) as plain:
            sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secure else plain
            connection = http.client.HTTPConnection(host, parts.port or (443 if secure else 80), timeout=timeout)
            connection.sock = sock
            connection.request("POST", path, json.dumps(said), headers)
            status = connection.getresponse().status
            sock.close()
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"it does not answer: {type(error).__name__}") from error
    if status in _PASSING:
        raise Unreachable(f"it answered {status}")
    if not 200 <= status < 300 and status not in done:
        raise Refused(f"it answered {status}")


def _checked(host: str, port: int, allowed: Sequence[str]) -> tuple[str, int]:
    """The address to connect to, looked up once."""
    try:
        found = str(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4][0])
    except OSError as error:
        raise Unreachable(f"{host} has no address") from error
    address = ipaddress.ip_address(found.partition("%")[0])
    special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    if special and found not in allowed:
        raise Refused(f"{host} leads to {found}, which is not among the addresses notices may go to")
    return found, port
