from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless

from dicomnode.encode import encode, sources
from dicomnode.errors import EncodingError
from tests import builders, cases

SHAPE = (4, 64, 70)
NAMES = [
    ("ISO_IR 100", "Buc^Jérôme"),
    ("ISO_IR 101", "Wałęsa^Lech"),
    ("ISO_IR 126", "Διονυσιος"),
    ("ISO_IR 144", "Люкceмбypг"),
    ("ISO_IR 138", "שרון^דבורה"),
    ("GB18030", "Wang^XiaoDong=王^小东"),
    ("ISO_IR 192", "Wang^XiaoDong=王^小東"),
    (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (["ISO 2022 IR 13", "ISO 2022 IR 87"], "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
    (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    (None, "Plain^Name"),
]


@pytest.mark.parametrize(("character_set", "name"), NAMES, ids=[str(terms) for terms, _ in NAMES])
def test_a_name_survives_in_every_object(character_set: str | list[str] | None, name: str, tmp_path: Path) -> None:
    grid = builders.grid(SHAPE)
    files = builders.mr_series(tmp_path, geometry=grid, character_set=character_set, attributes={"PatientName": name})
    roles = ("in-phase", "opposed-phase")
    results = encode(cases.findings(SHAPE), cases.work(dict.fromkeys(roles, files), dict.fromkeys(roles, grid)))
    assert {result.kind for result in results} == {"SEG", "PM", "SC", "SR"}
    for result in results:
        written = dcmread(BytesIO(result.content))
        assert written.SpecificCharacterSet == "ISO_IR 192"
        assert str(written.PatientName) == name


def test_names_of_real_files_are_decoded(test_data: Path) -> None:
    expected = {
        "chrArab.dcm": "قباني^لنزار",
        "chrH31.dcm": "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "chrH32.dcm": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        "chrI2.dcm": "Hong^Gildong=洪^吉洞=홍^길동",
        "chrKoreanMulti.dcm": "김희중",
        "chrX2.dcm": "Wang^XiaoDong=王^小东",
    }
    for file, name in expected.items():
        header = sources.read_header(test_data / "charsets-pydicom" / file)
        assert str(header.PatientName) == name
        assert header.SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.filterwarnings("ignore:Failed to decode byte string")
def test_bytes_without_meaning_are_refused() -> None:
    header = Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName = b"J\xe9r\xf4me"
    with pytest.raises(EncodingError, match="PatientName holds bytes that its Specific Character Set cannot decode"):
        sources.in_unicode(header)


def test_a_name_of_two_values_is_refused() -> None:
    header = Dataset()
    header.PatientName = ["One", "Two"]
    with pytest.raises(EncodingError, match="PatientName has several values"):
        sources.in_unicode(header)


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, ImplicitVRLittleEndian, JPEGLSLossless, RLELossless])
def test_the_transfer_syntax_of_the_sources_does_not_matter(syntax: str, tmp_path: Path) -> None:
    grid = builders.grid(SHAPE)
    files = builders.mr_series(tmp_path, geometry=grid, transfer_syntax=syntax)
    assert dcmread(files[0], stop_before_pixels=True).file_meta.TransferSyntaxUID == syntax
    work = cases.work({"in-phase": files}, {"in-phase": grid})
    results = encode(cases.findings(SHAPE, other="in-phase"), work)
    plain = builders.mr_series(tmp_path / "plain", geometry=grid)
    same = encode(cases.findings(SHAPE, other="in-phase"), cases.work({"in-phase": plain}, {"in-phase": grid}))
    assert results == same


def test_a_task_without_images_is_refused() -> None:
    with pytest.raises(EncodingError, match="no input images"):
        sources.read(cases.work({"in-phase": ()}, {}))


def test_a_file_that_is_not_dicom_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("not an image")
    with pytest.raises(EncodingError, match="cannot be read as a DICOM file"):
        sources.read(cases.work({"in-phase": (path,)}, {}))


def test_pixel_data_and_what_results_do_not_need_are_not_read(tmp_path: Path) -> None:
    files = builders.mr_series(tmp_path, attributes={"PatientComments": "x"})
    headers = sources.read(cases.work({"in-phase": files}, {})).by_role["in-phase"]
    assert [header.ImagePositionPatient[2] for header in headers] == [10, 15, 20, 25]
    assert "PixelData" not in headers[0]
    assert "PatientComments" not in headers[0]
