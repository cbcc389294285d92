"""Another character set says the same, or is not used."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from dicomnode.dicom.recoding import unsayable, written_in
from dicomnode.errors import EncodingError

SETS = {
    "ISO_IR 100": "Buc^Jérôme",
    "ISO_IR 101": "Čapek^Žofie",
    "ISO_IR 109": "Ħal^Ġorġ",
    "ISO_IR 110": "Bērziņš^Ķ",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 144": "Люкceмбypг^И",
    "ISO_IR 148": "Şahin^İğ",
}


def written(path: Path, name: str, text: str = "text", patient: str = "P\xe9") -> Path:
    """A data set in ISO_IR 192 with text on two levels and bytes that are none."""
    item, dataset = Dataset(), Dataset()
    item.CodeValue, item.CodeMeaning, item.SpecificCharacterSet = "1", text, "ISO_IR 192"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "2.25.2", "2.25.3"
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName, dataset.PatientID = name, patient
    dataset.OtherPatientNames = [name, "Second^Name"]
    dataset.SeriesDescription = text
    dataset.ConceptNameCodeSequence = [item]
    dataset.PixelData = bytes(range(128, 256))
    dataset["PixelData"].VR = "OB"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(path, dataset, enforce_file_format=True)
    return path


@pytest.mark.parametrize(("character_set", "name"), [("ISO_IR 100", "Buc^Jérôme"), ("ISO_IR 148", "Şahin^İğé")])
def test_the_bytes_are_those_of_the_set(character_set: str, name: str, tmp_path: Path) -> None:
    file = written(tmp_path / "a", name, "für")
    content = written_in(file, character_set)
    again = tmp_path / "b"
    again.write_bytes(content)
    codec = {"ISO_IR 100": "latin_1", "ISO_IR 148": "iso8859_9"}[character_set]
    assert name.encode(codec) in content
    assert name.encode() not in content
    assert content.count("für".encode(codec)) == 2
    assert content.count(b"ISO_IR") == 1, "items say it no second time"
    read = dcmread(again)
    assert (read.SpecificCharacterSet, read.PatientName, read.PatientID) == (character_set, name, "P\xe9")
    assert [str(other) for other in read.OtherPatientNames] == [name, "Second^Name"]
    assert read.PixelData == bytes(range(128, 256))
    assert written_in(file, character_set) == content


@pytest.mark.parametrize("character_set", SETS)
def test_each_set_says_its_own_letters_and_no_other(character_set: str, tmp_path: Path) -> None:
    for owner, name in SETS.items():
        file = written(tmp_path / owner, "Plain^Name", name, patient="P")
        can = not unsayable(file, character_set)
        assert can == (name.encode("utf-8") in _through(character_set, name))
        assert can or owner != character_set


def _through(character_set: str, name: str) -> bytes:
    """By glibc-independent tables: each part of ISO 8859 by its number."""
    part = dict(zip(SETS, (1, 2, 3, 4, 6, 5, 9), strict=True))[character_set]
    return name.encode(f"iso8859-{part}", errors="replace").decode(f"iso8859-{part}").encode()


def test_what_would_be_lost_is_named_and_never_written(tmp_path: Path) -> None:
    file = written(tmp_path / "a", "山田^太郎", "ends with a dash \N{EN DASH}")
    assert unsayable(file, "ISO_IR 100") == (
        "SeriesDescription",
        "PatientName",
        "OtherPatientNames",
        "CodeMeaning",
    )
    assert unsayable(file, "ISO_IR 192") == ()
    with pytest.raises(EncodingError, match="ISO_IR 100 without loss"):
        written_in(file, "ISO_IR 100")


def test_control_characters_are_in_no_set(tmp_path: Path) -> None:
    assert unsayable(written(tmp_path / "a", "A^B\x85"), "ISO_IR 100") == ("PatientName", "OtherPatientNames")


@given(text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x17F, exclude_characters="\\=^\x7f"), max_size=64))
def test_either_every_character_comes_back_or_nothing_is_written(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("recoded")
    file = written(folder / "a", "A^B", text)
    if unsayable(file, "ISO_IR 100"):
        assert any(not (ord(c) < 0x80 or 0xA0 <= ord(c) <= 0xFF) for c in text)
        with pytest.raises(EncodingError):
            written_in(file, "ISO_IR 100")
        return
    (folder / "b").write_bytes(written_in(file, "ISO_IR 100"))
    assert dcmread(folder / "b").SeriesDescription == dcmread(file).SeriesDescription
