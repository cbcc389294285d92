"""Store instances by STOW-RS and look for them by QIDO-RS (PS3.18 10.5 and 10.6), with bounded answers."""

from __future__ import annotations

import http.client
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import SEEK_END
from types import TracebackType
from typing import Any, BinaryIO, Final, Self
from urllib.parse import urlsplit

from dicomnode.errors import Refused, Unreachable

_LONGEST_ANSWER: Final = 16 << 20
_CHUNK: Final = 1 << 20
_FAILED, _FAILURE, _STORED, _WARNING, _INSTANCE = "00081198", "00081197", "00081199", "00081196", "00080018"
_OUT_OF_RESOURCES, _NOT_UNDERSTOOD, _NOT_TAKEN = 0xA700, 0xC000, 0x0122
_ANSWERED: Final = frozenset({200, 202, 409})
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504, 507})
_UNSUPPORTED: Final = 415


class Client:
    """A connection to one DICOMweb service.

    Parameters
    ----------
    url : str
        Its base, for example ``https://pacs/dicom-web``.
    authorization : str
        Value of the Authorization header; empty for none.
    timeout : float
        Seconds for each step of the connection.
    """

    def __init__(self, url: str, authorization: str = "", timeout: float = 60.0) -> None:
        parts = urlsplit(url)
        self._base = parts.path.rstrip("/")
        self._headers = {"Authorization": authorization} if authorization else {}
        self._connection = (
            http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=timeout, context=ssl.create_default_context()
            )
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._connection.close()

    def store(self, file: BinaryIO) -> tuple[int, str]:
        """Store one DICOM file (PS3.10); the answer as a C-STORE status and in words.

        Raises
        ------
        Unreachable
            When there is no answer, or one that says nothing about the instance.
        """
        size = file.seek(0, SEEK_END)
        file.seek(0)
        boundary = secrets.token_hex(16)
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Content-Length": str(len(head) + size + len(tail)),
        }
        with self._asked("POST", "/studies", headers, _body(head, file, tail)) as (code, content):
            if code in _ANSWERED:
                return _status(_json(content), code)
            if code in _PASSING:
                return _OUT_OF_RESOURCES, f"HTTP {code}"
            if code == _UNSUPPORTED:
                return _NOT_TAKEN, f"HTTP {code}"
            if code in (401, 403, 404):
                raise Unreachable(f"the DICOMweb service answers HTTP {code}: wrong url, or no right to store")
            return _NOT_UNDERSTOOD, f"HTTP {code}"

    def instances(self, study: str, series: str) -> frozenset[str]:
        """SOP Instance UIDs of a series.

        Raises
        ------
        Refused
            When the service gives no answers to queries.
        Unreachable
            When there is none.
        """
        path = f"/studies/{study}/series/{series}/instances?includefield={_INSTANCE}"
        with self._asked("GET", path, {}, None) as (code, content):
            if code in (204, 404):
                return frozenset()
            if code in _PASSING:
                raise Unreachable(f"QIDO-RS was answered with HTTP {code}")
            if code != 200:
                raise Refused(f"QIDO-RS was answered with HTTP {code}")
            found = _json(content)
        items = found if isinstance(found, list) else []
        return frozenset(str(value) for item in items for value in _values(item, _INSTANCE))

    @contextmanager
    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], body: Iterator[bytes] | None
    ) -> Iterator[tuple[int, bytes]]:
        try:
            self._connection.request(
                method,
                self._base + path,
                body,
                {"Accept": "application/dicom+json", **self._headers, **headers},
            )
            answer = self._connection.getresponse()
            content = answer.read(_LONGEST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise Unreachable(f"the DICOMweb service does not answer: {type(error).__name__}") from error
        if len(content) > _LONGEST_ANSWER:
            self._connection.close()
            raise Unreachable("the DICOMweb service's answer is too long")
        yield answer.status, content


def _body(head: bytes, file: BinaryIO, tail: bytes) -> Iterator[bytes]:
    yield head
    while chunk := file.read(_CHUNK):
        yield chunk
    yield tail


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _status(answer: Any, code: int) -> tuple[int, str]:
    """What a STOW-RS response (PS3.18 I.2) says about the one instance that was sent."""
    for sequence, keyword, default in ((_FAILED, _FAILURE, _NOT_UNDERSTOOD), (_STORED, _WARNING, 0)):
        for item in _values(answer, sequence):
            reason = next(iter(_values(item, keyword)), default)
            status = reason if isinstance(reason, int) else _NOT_UNDERSTOOD
            return status, f"HTTP {code}, {'failure' if sequence == _FAILED else 'stored'} {status:04X}"
    if code == 409:
        return _NOT_UNDERSTOOD, "HTTP 409"
    raise Unreachable(f"HTTP {code} without a word about the instance")


def _values(data_set: Any, tag: str) -> list[Any]:
    """Values of an attribute in the DICOM JSON model; none where it is none."""
    element = data_set.get(tag) if isinstance(data_set, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []
