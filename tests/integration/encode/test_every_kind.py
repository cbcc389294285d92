"""What holds for every kind of object at once: same bytes twice, names in all character sets."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from dicomnode.deliver.wording import choose
from dicomnode.dicom.recoding import unsayable, written_in
from dicomnode.domain.task import ResultObject
from dicomnode.encode import Work, encode
from dicomnode.encode.sources import differing
from dicomnode.errors import Refused
from tests import builders, cases
from tests.unit.encode.conftest import SHAPE, pair
from tests.unit.encode.written import name, nodes, of_kind, read

__all__ = ["pair"]

FINDINGS = [*cases.findings(SHAPE), *cases.aligned(SHAPE)]
SMALL = (3, 64, 64)
NAMED = (
    "chrArab", "chrFren", "chrFrenMulti", "chrGerm", "chrGreek", "chrH31", "chrH32", "chrHbrw", "chrI2",
    "chrJapMulti", "chrJapMultiExplicitIR6", "chrKoreanMulti", "chrRuss", "chrX1", "chrX2",
)  # fmt: skip
OLD = {"chrAra": "ISO_IR 127", "chrRus": "ISO_IR 144"}


def test_two_builds_of_every_kind_are_the_same_bytes(pair: Work) -> None:
    work = replace(pair, kinds=cases.EVERY_KIND)
    first, second = encode(FINDINGS, work), encode(FINDINGS, work)
    assert {result.kind for result in first} == cases.EVERY_KIND
    assert first == second


@pytest.mark.parametrize("file", NAMED)
def test_a_real_name_survives_into_every_kind(file: str, test_data: Path, tmp_path: Path) -> None:
    path = test_data / "charsets-pydicom" / f"{file}.dcm"
    source = dcmread(path)
    source.decode()
    terms, person = source.SpecificCharacterSet, str(source.PatientName)
    grid = builders.grid(SMALL)
    inputs = {
        role: builders.mr_series(
            tmp_path,
            geometry=grid,
            series=role,
            character_set=terms if isinstance(terms, str) else list(terms),
            attributes={"PatientName": person, "FrameOfReferenceUID": builders.uid("frame", role)},
        )
        for role in ("in-phase", "opposed-phase")
    }
    work = cases.work(inputs, dict.fromkeys(inputs, grid), kinds=cases.EVERY_KIND)
    results = encode([*cases.findings(SMALL), *cases.aligned(SMALL)], work)
    assert {result.kind for result in results} == cases.EVERY_KIND
    assert {(str(d.PatientName), d.SpecificCharacterSet) for d in map(read, results)} == {(person, "ISO_IR 192")}
    for number, result in enumerate(results):
        _in_an_old_set_or_not_at_all(tmp_path / f"{number}.dcm", result, person, OLD.get(file[:6], "ISO_IR 100"))


def _in_an_old_set_or_not_at_all(path: Path, result: ResultObject, person: str, character_set: str) -> None:
    path.write_bytes(result.content)
    if missing := unsayable(path, character_set):
        assert "PatientName" in missing
        with pytest.raises(Refused):
            choose(path, [character_set])
        return
    again = dcmread(BytesIO(written_in(path, choose(path, [character_set]).character_set)))
    assert (str(again.PatientName), again.SpecificCharacterSet) == (person, character_set)
    assert again.file_meta == read(result).file_meta
    assert differing(again, read(result)) == []


def test_a_registration_within_one_frame_of_reference_is_said_in_words(task: Work) -> None:
    results = encode(FINDINGS, replace(task, kinds=cases.EVERY_KIND))
    sentence = (
        "opposed-phase was aligned to in-phase; both share a frame of reference, so no Spatial Registration is "
        "written: it would contradict that frame."
    )
    assert of_kind(results, "REG") == []
    for kind in ("SR", "SR-VIEWER"):
        (report,) = of_kind(results, kind)
        assert sentence in [node.TextValue for node in nodes(report) if name(node) == "Comment"]
    assert all(image.DerivationDescription.endswith(sentence) for image in of_kind(results, "MR"))


def test_a_registration_that_is_written_needs_no_words(pair: Work) -> None:
    results = encode(FINDINGS, replace(pair, kinds=cases.EVERY_KIND))
    assert len(of_kind(results, "REG")) == 1
    assert not any(b"no Spatial Registration" in result.content for result in results)
