"""The first character set that loses nothing; and why not, without saying what the text is."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomnode.deliver.wording import Wording, choose
from dicomnode.errors import Refused
from tests.unit.dicom.test_recoding import written

OLD = ("ISO_IR 100", "ISO_IR 144")


def test_unicode_is_sent_as_it_is_and_not_even_read(tmp_path: Path) -> None:
    assert choose(tmp_path / "gone", ("ISO_IR 192", "ISO_IR 100")) == Wording(character_set="", remark="")


def test_the_first_that_loses_nothing(tmp_path: Path) -> None:
    assert choose(written(tmp_path / "a", "Buc^J"), OLD) == Wording(character_set="ISO_IR 100", remark="")
    plain = written(tmp_path / "b", "Люкceмбypг^И", "Люк")
    with pytest.raises(Refused):  # its Patient ID holds an e with an acute accent
        choose(plain, OLD)
    chosen = choose(plain, (*OLD, "ISO_IR 192"))
    assert chosen.character_set == ""
    assert chosen.remark == (
        "written in ISO_IR 192: SeriesDescription, PatientName, OtherPatientNames, CodeMeaning cannot be written in "
        "ISO_IR 100; PatientID cannot be written in ISO_IR 144"
    )
