"""Decoding text, sound and unsound; expected names are those of PS3.5 annexes H, I and J."""

from __future__ import annotations

import pytest

from dicomnode.dicom.character_sets import codecs_of, decode


@pytest.mark.parametrize(
    ("character_sets", "raw", "text"),
    [
        ([], b"Smith^John", "Smith^John"),
        (["ISO_IR 100"], "Buc^Jérôme".encode("latin_1"), "Buc^Jérôme"),
        (["ISO IR 100"], "Buc^Jérôme".encode("latin_1"), "Buc^Jérôme"),
        (["ISO_IR 192"], "王^小東".encode(), "王^小東"),
        (["GB18030"], "王^小东".encode("gb18030"), "王^小东"),
        (
            ["", "ISO 2022 IR 87"],
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (
            ["", "ISO 2022 IR 149"],
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
            "Hong^Gildong=洪^吉洞=홍^길동",
        ),
        (["", "ISO 2022 IR 58"], b"Zhang=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1", "Zhang=张^小"),
        (["ISO 2022 IR 100", "ISO 2022 IR 144"], b"J\xe9r\x1b-L\xbb\xee^J\xe9r", "JérЛю^Jér"),
    ],
)
def test_sound_text(character_sets: list[str], raw: bytes, text: str) -> None:
    assert decode(raw, codecs_of(character_sets), b"^=") == (text, True)


@pytest.mark.parametrize(
    ("character_sets", "raw", "text"),
    [
        (["ISO_IR 192"], b"J\xe9r", "J\ufffdr"),
        ([], b"J\xe9r", "Jér"),
        (["no such thing"], b"J\xe9r", "Jér"),
        (["", "ISO 2022 IR 87"], b"A\x1b$B\xff\xff\x1b(BZ", "A\ufffd\ufffdZ"),
    ],
    ids=["not UTF-8", "eight bits in ASCII", "unknown set", "not JIS"],
)
def test_unsound_text_is_kept_and_marked(character_sets: list[str], raw: bytes, text: str) -> None:
    assert decode(raw, codecs_of(character_sets), b"^=") == (text, False)


def test_an_unknown_escape_sequence_is_unsound_and_dropped() -> None:
    assert decode(b"A\x1b%XB", codecs_of(["ISO_IR 100"]), b"^=")[1] is False
