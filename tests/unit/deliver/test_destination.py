"""A destination gives one answer for each file, and one that is gone keeps none of the others back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dicomnode.deliver.destination import UNREADABLE, DimseDestination
from dicomnode.dimse import scu
from dicomnode.settings import DicomSettings, PeerSettings
from tests import builders

PEER = PeerSettings(name="pacs", aet="PACS")


def test_answers_come_in_the_order_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = builders.mr_series(tmp_path, geometry=builders.grid((2, 8, 8)))
    released: list[bool] = []

    def send(_: PeerSettings, _local: DicomSettings, files: Sequence[scu.Outgoing]) -> Iterator[scu.Sent]:
        for number, file in enumerate(files):
            yield scu.Sent(outgoing=file, status=number, text=file.path.name)
        released.append(True)

    monkeypatch.setattr(scu, "send", send)
    (tmp_path / "text").write_text("no DICOM file")
    files = [tmp_path / "gone", first, tmp_path / "text", second]
    answers = list(DimseDestination(DicomSettings(aet="US"), 1.0).store(PEER, files))
    assert answers[0] == answers[2] == UNREADABLE
    assert [(a.status, a.text) for a in (answers[1], answers[3])] == [(0, first.name), (1, second.name)]
    assert released == [True]
