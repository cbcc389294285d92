"""Which SOP classes and transfer syntaxes a peer accepts, found by proposing them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import build_context

from dicomnode.dimse.association import opened
from dicomnode.errors import NothingAccepted
from dicomnode.settings import DicomSettings, PeerSettings

SYNTAXES: Final = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
"""Those that results can be sent in."""


def probe(
    peer: PeerSettings, local: DicomSettings, classes: Iterable[str], timeout: float = 10.0
) -> dict[tuple[str, str], bool]:
    """Propose each class in each syntax, in one association, and say which the peer accepts.

    Accepted means that it may be sent, not that anything will show it.

    Raises
    ------
    Unreachable
        When no association comes about.
    """
    offers = [(uid, syntax) for uid in dict.fromkeys(classes) for syntax in SYNTAXES]
    accepted: set[tuple[str, str]] = set()
    try:
        with opened(peer, local, [build_context(*offer) for offer in offers], timeout) as association:
            accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in association.accepted_contexts}
    except NothingAccepted:
        pass
    return {offer: offer in accepted for offer in offers}
