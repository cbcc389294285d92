"""The user side: ask a peer whether it is there, and send it files byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.dsutils import split_dataset
from pynetdicom.presentation import build_context
from pynetdicom.status import code_to_category

from dicomnode.dimse.association import opened
from dicomnode.dimse.contexts import VERIFICATION
from dicomnode.domain.identity import AETitle, SOPClassUID, SOPInstanceUID, TransferSyntaxUID
from dicomnode.errors import NothingAccepted, Refused, Unreachable
from dicomnode.settings import PeerSettings

_MOST_CONTEXTS: Final = 128  # PS3.8 7.1.1.13: identifiers are odd and one byte
_OTHER_NATIVE: Final[dict[str, str]] = {
    ExplicitVRLittleEndian: ImplicitVRLittleEndian,
    ImplicitVRLittleEndian: ExplicitVRLittleEndian,
}
_NO_CONTEXT: Final = "no presentation context accepted"

Encoding = tuple[str, str]
"""SOP class and transfer syntax: what one presentation context stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A DICOM file (PS3.10) to be sent."""

    path: Path
    sop_class_uid: SOPClassUID
    sop_instance_uid: SOPInstanceUID
    transfer_syntax_uid: TransferSyntaxUID


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
    try:
        meta, _ = split_dataset(path)
        return Outgoing(
            path=path,
            sop_class_uid=SOPClassUID(str(meta.MediaStorageSOPClassUID)),
            sop_instance_uid=SOPInstanceUID(str(meta.MediaStorageSOPInstanceUID)),
            transfer_syntax_uid=TransferSyntaxUID(str(meta.TransferSyntaxUID)),
        )
    except (InvalidDicomError, AttributeError, ValueError, EOFError) as error:
        raise Refused("not a DICOM file with complete file meta information (PS3.10 7.1)") from error


def echo(peer: PeerSettings, calling_aet: AETitle, timeout: float = 10.0) -> None:
    """Ask whether a peer is there and speaks with us (C-ECHO).

    Raises
    ------
    Unreachable
        When no association comes about or no answer within `timeout` seconds.
    Refused
        When it answers, but not with success.
    """
    with opened(peer, calling_aet, [build_context(VERIFICATION)], timeout) as association:
        answer = association.send_c_echo()
        if "Status" not in answer:
            raise Unreachable(f"C-ECHO was not answered within {timeout:g} s")
        if answer.Status != 0:
            raise Refused(f"C-ECHO was answered with status {answer.Status:04X}")


def send(peer: PeerSettings, calling_aet: AETitle, files: Sequence[Outgoing], timeout: float = 60.0) -> Iterator[Sent]:
    """Send files in their order and report on each.

    The bytes of every data set leave as they are. Only where a peer takes the one uncompressed little endian syntax
    and not the other is a data set written anew in that. All files share one association, unless they need more
    than the 128 presentation contexts that fit into one.

    Raises
    ------
    Unreachable
        When no association comes about, or it ends before all files are answered: those not yet reported were not
        acknowledged.
    """
    for batch in _batches(files):
        contexts = [build_context(*encoding) for encoding in _offers(batch)]
        try:
            with opened(peer, calling_aet, contexts, timeout) as association:
                accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in association.accepted_contexts}
                for number, file in zip(count(1), batch, strict=False):
                    yield _send_one(association, accepted, file, number % 0x10000, timeout)
        except NothingAccepted:
            yield from (Sent(outgoing=file, status=None, text=_NO_CONTEXT) for file in batch)


def _send_one(association: Association, accepted: set[Encoding], file: Outgoing, number: int, timeout: float) -> Sent:
    content: Path | Dataset
    if (file.sop_class_uid, file.transfer_syntax_uid) in accepted:
        content = file.path
    elif (file.sop_class_uid, _OTHER_NATIVE.get(file.transfer_syntax_uid, "")) in accepted:
        content = dcmread(file.path)
    else:
        return Sent(outgoing=file, status=None, text=_NO_CONTEXT)
    if not association.is_established:
        raise Unreachable("the peer ended the association")
    answer = association.send_c_store(content, msg_id=number)
    if "Status" not in answer:
        raise Unreachable(f"the association ended, or {timeout:g} s passed, without an answer to C-STORE")
    return Sent(outgoing=file, status=int(answer.Status), text=_in_words(answer))


def _in_words(answer: Dataset) -> str:
    comment = str(answer.get("ErrorComment", ""))
    words = f"{code_to_category(answer.Status)} {answer.Status:04X}"
    return f"{words}: {comment}" if comment else words


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
