"""The user side: ask a peer whether it is there, and send it files byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from itertools import count
from pathlib import Path
from typing import BinaryIO, Final

from pydicom import dcmread
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.dsutils import encode
from pynetdicom.presentation import build_context
from pynetdicom.status import code_to_category

from dicomnode.dicom.header import meta_information
from dicomnode.dicom.recoding import written_in
from dicomnode.dimse.association import opened
from dicomnode.dimse.contexts import VERIFICATION
from dicomnode.dimse.transport.command import Command
from dicomnode.dimse.transport.requestor import Encoding, Requestor, requested
from dicomnode.dimse.transport.wire import Interrupted
from dicomnode.domain.identity import SOPClassUID, SOPInstanceUID, TransferSyntaxUID
from dicomnode.errors import NothingAccepted, NotUnderstood, Refused, Unreachable
from dicomnode.settings import DicomSettings, PeerSettings

_MOST_CONTEXTS: Final = 128  # PS3.8 7.1.1.13: identifiers are odd and one byte
_OTHER_NATIVE: Final[dict[str, str]] = {
    ExplicitVRLittleEndian: ImplicitVRLittleEndian,
    ImplicitVRLittleEndian: ExplicitVRLittleEndian,
}
_BEGINNING: Final = 1 << 16
"""Bytes at the beginning of a file in which its meta information ends."""
_INCOMPLETE: Final = "not a DICOM file with complete file meta information (PS3.10 7.1)"
_NO_CONTEXT: Final = "no presentation context accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A DICOM file (PS3.10) to be sent."""

    path: Path
    sop_class_uid: SOPClassUID
    sop_instance_uid: SOPInstanceUID
    transfer_syntax_uid: TransferSyntaxUID
    offset: int
    """Where in the file the data set begins."""
    character_set: str = ""
    """Its text is sent in this one; empty leaves it as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the peer said about one file."""

    outgoing: Outgoing
    status: int | None
    """The C-STORE status, or None when the file could not be offered at all."""
    text: str
    """The status in words, with the peer's own comment where it made one."""


def outgoing(path: Path) -> Outgoing:
    """Read from a file's meta information how it must be sent.

    Raises
    ------
    Refused
        When it is not a DICOM file that says what it is.
    OSError
        When it cannot be read.
    """
    with path.open("rb") as content:
        beginning = content.read(_BEGINNING)
    try:
        sop_class_uid, sop_instance_uid, transfer_syntax_uid, offset = meta_information(beginning)
    except NotUnderstood as error:
        raise Refused(_INCOMPLETE) from error
    if not (sop_class_uid and sop_instance_uid):
        raise Refused(_INCOMPLETE)
    return Outgoing(
        path=path,
        sop_class_uid=SOPClassUID(sop_class_uid),
        sop_instance_uid=SOPInstanceUID(sop_instance_uid),
        transfer_syntax_uid=TransferSyntaxUID(transfer_syntax_uid),
        offset=offset,
    )


def echo(peer: PeerSettings, local: DicomSettings, timeout: float = 10.0) -> None:
    """Ask whether a peer is there and speaks with us (C-ECHO).

    Raises
    ------
    Unreachable
        When no association comes about or no answer within `timeout` seconds.
    Refused
        When it answers, but not with success.
    """
    with opened(peer, local, [build_context(VERIFICATION)], timeout) as association:
        answer = association.send_c_echo()
        if "Status" not in answer:
            raise Unreachable(f"C-ECHO was not answered within {timeout:g} s")
        if answer.Status != 0:
            raise Refused(f"C-ECHO was answered with status {answer.Status:04X}")


def send(peer: PeerSettings, local: DicomSettings, files: Sequence[Outgoing], timeout: float = 60.0) -> Iterator[Sent]:
    """Send files in their order and report on each.

    The bytes of every data set leave as they are. A data set is written anew only where a peer takes the one
    uncompressed little endian syntax and not the other, and where its text goes in another character set. All files
    share one association, unless they need more than the 128 presentation contexts that fit into one.

    Raises
    ------
    Unreachable
        When no association comes about, or it ends before all files are answered: those not yet reported were not
        acknowledged.
    EncodingError
        When a file's text cannot be written in its character set.
    """
    for batch in _batches(files):
        try:
            with requested(peer, local, _offers(batch), timeout) as association:
                for number, file in zip(count(1), batch, strict=False):
                    yield _send_one(association, file, number % 0x10000, timeout)
        except NothingAccepted:
            yield from (Sent(outgoing=file, status=None, text=_NO_CONTEXT) for file in batch)


def _send_one(association: Requestor, file: Outgoing, number: int, timeout: float) -> Sent:
    accepted = association.agreement.contexts
    encoding = next((encoding for encoding in _encodings(file) if encoding in accepted), None)
    if encoding is None:
        return Sent(outgoing=file, status=None, text=_NO_CONTEXT)
    try:
        with _data_set(file, encoding[1]) as (data_set, size):
            answer = association.store(encoding, number, file.sop_instance_uid, data_set, size)
    except Interrupted as error:
        raise Unreachable(f"the association ended, or {timeout:g} s passed, without an answer to C-STORE") from error
    return Sent(outgoing=file, status=answer.status, text=_in_words(answer))


@contextmanager
def _data_set(file: Outgoing, transfer_syntax: str) -> Iterator[tuple[BinaryIO, int]]:
    """A data set and its size: as it lies in the file, or written anew."""
    if transfer_syntax != file.transfer_syntax_uid or file.character_set:
        syntax = UID(transfer_syntax)
        source = BytesIO(written_in(file.path, file.character_set)) if file.character_set else file.path
        written = encode(dcmread(source), syntax.is_implicit_VR, syntax.is_little_endian) or b""
        yield BytesIO(written), len(written)
        return
    with file.path.open("rb") as content:
        size = content.seek(0, SEEK_END)
        content.seek(file.offset)
        yield content, size - file.offset


def _in_words(answer: Command) -> str:
    words = f"{code_to_category(answer.status)} {answer.status:04X}"
    return f"{words}: {answer.comment}" if answer.comment else words


def _encodings(file: Outgoing) -> tuple[Encoding, ...]:
    """What may be offered for a file: as it is, and the other uncompressed syntax where it has one."""
    own = (file.sop_class_uid, file.transfer_syntax_uid)
    other = _OTHER_NATIVE.get(file.transfer_syntax_uid)
    return (own, (file.sop_class_uid, other)) if other else (own,)


def _offers(files: Sequence[Outgoing]) -> list[Encoding]:
    """One context for each encoding: a context with several syntaxes would be accepted for one of them only."""
    return list(dict.fromkeys(encoding for file in files for encoding in _encodings(file)))


def _batches(files: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Cut the files where one more would need too many presentation contexts."""
    batch: list[Outgoing] = []
    offered: set[Encoding] = set()
    for file in files:
        needed = offered.union(_encodings(file))
        if len(needed) > _MOST_CONTEXTS:
            yield batch
            batch, needed = [], set(_encodings(file))
        batch.append(file)
        offered = needed
    if batch:
        yield batch
