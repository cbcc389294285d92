"""What we accept."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AllStoragePresentationContexts

from dicomnode.dimse.contexts import PRIVATE_STORAGE_CLASSES, TRANSFER_SYNTAXES, accepted

OFFERED = {str(context.abstract_syntax): [str(uid) for uid in context.transfer_syntax] for context in accepted()}


def test_every_storage_class_is_accepted_once_in_every_encoding() -> None:
    storage = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    assert set(OFFERED) == {"1.2.840.10008.1.1", *storage, *PRIVATE_STORAGE_CLASSES.values()}
    assert len(accepted()) == len(OFFERED)
    for uid in storage:
        assert OFFERED[uid] == list(TRANSFER_SYNTAXES)


@pytest.mark.parametrize(
    "syntax",
    [
        "1.2.840.10008.1.2",
        "1.2.840.10008.1.2.1",
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.57",
        "1.2.840.10008.1.2.4.70",
        "1.2.840.10008.1.2.4.80",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.90",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.5",
    ],
)
def test_promised_syntaxes_are_there(syntax: str) -> None:
    assert syntax in TRANSFER_SYNTAXES


def test_a_choice_prefers_what_loses_nothing() -> None:
    order = list(TRANSFER_SYNTAXES)
    lossy = [uid for uid in order if uid.endswith((".4.50", ".4.51", ".4.81", ".4.91"))]
    lossless = [uid for uid in order if uid.endswith((".4.57", ".4.70", ".4.80", ".4.90", ".1.2.5"))]
    assert max(map(order.index, lossless)) < min(map(order.index, lossy))
    assert order[0] == "1.2.840.10008.1.2.1"


@pytest.mark.parametrize("folder", ["abdomen-philips-enhanced", "philips-private-and-pr", "head-siemens-xa30-enhanced"])
def test_whatever_real_scanners_wrote_has_a_context(test_data: Path, folder: str) -> None:
    files = [path for path in (test_data / folder).rglob("*") if path.is_file()]
    metas = [dcmread(path, specific_tags=[], stop_before_pixels=True).file_meta for path in files]
    assert metas
    for meta in metas:
        assert meta.TransferSyntaxUID in OFFERED[meta.MediaStorageSOPClassUID]
