"""Prove an instance while its bytes pass by: whole, one identity, and the one its request names."""

from __future__ import annotations

from dicomnode.dicom import header
from dicomnode.dicom.elements import encoding_of
from dicomnode.domain.identity import Digest
from dicomnode.domain.instance import InstanceHeader, Received
from dicomnode.errors import InvalidInstance, NotUnderstood, ReceiveError
from dicomnode.receive import guard
from dicomnode.receive.content import ContentDigest
from dicomnode.receive.walk import Walk

_LONGEST_HEADER = 64 << 20
"""Bytes; that of 10 000 frames takes about half."""


class Proof:
    """What is known of an instance so far. An objection to its bytes is kept until the end.

    Parameters
    ----------
    received : Received
        The request; its data set comes by `feed`.

    Raises
    ------
    NotThisClass
        When the request is not even one of its presentation context: none of its bytes are wanted.
    """

    def __init__(self, received: Received) -> None:
        self._received = received
        self._walk = Walk(received.transfer_syntax_uid)
        self._content = ContentDigest()
        self._objection: ReceiveError | None = None
        self._head = bytearray() if received.sop_class_uid in header.MULTI_FRAME else None
        try:
            guard.check_request(received)
        except InvalidInstance as objection:
            self._objection = objection

    def feed(self, piece: bytes | memoryview) -> None:
        """The next bytes of the encoded data set."""
        self._content.feed(piece)
        if self._objection is None:
            self._collect(piece)
            try:
                self._walk.feed(piece)
            except NotUnderstood as objection:
                self._objection = objection

    @property
    def digest(self) -> Digest:
        """Of the encoded data set: equal for the same bytes whatever file they came in."""
        return self._content.digest

    def finish(self) -> InstanceHeader:
        """The header of an instance that is whole and agrees with its request.

        Raises
        ------
        ReceiveError
            Any of its kinds but those that storing and indexing add.
        """
        if self._objection is not None:
            raise self._objection
        named, encoded = self._walk.finish()
        uids = header.uids_of(named, encoding_of(self._received.transfer_syntax_uid))
        guard.check_identity(uids, self._received)
        walked = header.from_elements(uids, named, encoded, self._received.transfer_syntax_uid)
        if self._head is None:
            return walked
        read = header.read(memoryview(self._head), self._received.transfer_syntax_uid)
        guard.check_reading(read, walked)
        return read

    def _collect(self, piece: bytes | memoryview) -> None:
        """Keep the header of a multi-frame image: what it says of each frame stands in sequences, which are read last.

        Of one that is absurdly long no frame is known, and its pixels are not used.
        """
        if self._head is not None and not self._walk.at_pixels:
            self._head += piece
            if len(self._head) > _LONGEST_HEADER:
                self._head = None
