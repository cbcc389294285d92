"""Text of a DICOM file written in another character set, where that loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

from pydicom import DataElement, Dataset, dcmread, dcmwrite
from pydicom.charset import python_encoding

from dicomnode.errors import EncodingError

UNICODE: Final = "ISO_IR 192"
"""UTF-8: what every result is written in; it can say everything."""
_LOCALIZED: Final = frozenset({"SH", "LO", "UC", "ST", "LT", "UT", "PN"})
"""Value representations that Specific Character Set speaks for (PS3.5 6.1.2.2)."""
_CONTROLS: Final = frozenset(map(chr, range(0x80, 0xA0)))
"""C1: Python's codecs let them pass, the registered sets do not contain them (PS3.5 6.1.2.1)."""


def unsayable(path: Path, character_set: str) -> tuple[str, ...]:
    """Keywords of attributes whose text a character set has not all characters for.

    Parameters
    ----------
    path : Path
        A DICOM file in ISO_IR 192.
    character_set : str
        A defined term of PS3.3 Table C.12-2 (one byte, without code extensions), or ISO_IR 192, which says all.
    """
    if character_set == UNICODE:
        return ()
    codec = python_encoding[character_set]
    found = (e.keyword or str(e.tag) for e in _texts(dcmread(path, stop_before_pixels=True)) if not _sayable(e, codec))
    return tuple(dict.fromkeys(found))


def written_in(path: Path, character_set: str) -> bytes:
    """A DICOM file (PS3.10) with its text in another character set and everything else as it was.

    The same file always gives the same bytes. They are read back and held against the file before they are returned.

    Parameters
    ----------
    path : Path
        A DICOM file in ISO_IR 192.
    character_set : str
        A defined term of PS3.3 Table C.12-2.

    Raises
    ------
    EncodingError
        When they do not say the same, because something in the file has no character in the set.
    """
    dataset = dcmread(path)
    lost = f"the text of the object cannot be written in {character_set} without loss"
    texts = list(_texts(dataset))  # decodes by the character set that still stands there
    if not all(_sayable(element, python_encoding[character_set]) for element in texts):
        raise EncodingError(lost)
    for item in _data_sets(dataset):
        item.pop("SpecificCharacterSet", None)
    for element in texts:
        element.value = [str(value) for value in element.value] if element.VM > 1 else str(element.value)
    dataset.SpecificCharacterSet = character_set
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    if not _same(buffer, path):
        raise EncodingError(lost)
    return buffer.getvalue()


def _same(written: BytesIO, path: Path) -> bool:
    written.seek(0)
    ours, original = dcmread(written), dcmread(path)
    for dataset in (ours, original):
        list(_texts(dataset))
        for item in _data_sets(dataset):
            item.pop("SpecificCharacterSet", None)
    return bool(ours == original and ours.file_meta == original.file_meta)


def _data_sets(dataset: Dataset) -> Iterator[Dataset]:
    yield dataset
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                yield from _data_sets(item)


def _texts(dataset: Dataset) -> Iterator[DataElement]:
    return (element for element in dataset.iterall() if element.VR in _LOCALIZED and not element.is_empty)


def _sayable(element: DataElement, codec: str) -> bool:
    text = str(element.value) if element.VM == 1 else "".join(map(str, element.value))
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return _CONTROLS.isdisjoint(text)
