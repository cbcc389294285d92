"""Settings: what loads, what is refused and in which words, and that the annotated file tells the truth."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from dicomnode.advice_settings import FactSettings, NoticeSettings
from dicomnode.configuration import load
from dicomnode.errors import SettingsError
from dicomnode.settings import PeerSettings, PluginSettings, RoleSettings, RouteSettings, Settings
from tests.architecture.house import ROOT

EMBEDDED = ROOT / "config" / "embedded.toml"
LISTS = ("peers", "plugins", "roles", "facts", "notices", "routes")
SECTIONS = (
    "node",
    "dicom",
    "limits",
    "database",
    "completeness",
    "delivery",
    "retention",
    "priors",
    "advice",
    "web",
    "hl7",
    "models",
    "monitor",
)

TWO_PEERS = """\
[dicom]
port = 11113

[[peers]]
name = "pacs"
aet = "ORTHANC"

[[peers]]
name = "archive"
aet = "ARCHIVE"
receives = [
    "SEG",
    "SR",
]
"""


def _file(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def _refusal(folder: Path, text: str, *overrides: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(_file(folder, text), overrides)
    return str(caught.value).replace(f"{folder}/", "")


# The annotated file.


def test_the_annotated_file_loads_and_has_one_peer() -> None:
    settings = load(EMBEDDED)
    pacs = settings.peer("pacs")
    assert (pacs.aet, pacs.port, pacs.may_store, pacs.receives) == ("ORTHANC", 4242, True, ("SEG", "SR", "SC", "PM"))
    assert settings.plugins == {"fat_fraction": PluginSettings()}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_annotated_file_shows_the_defaults(section: str) -> None:
    assert getattr(load(EMBEDDED), section) == getattr(Settings(), section)


def test_the_annotated_file_has_every_section() -> None:
    shown = tomllib.loads(EMBEDDED.read_text())
    assert set(shown) == set(Settings.model_fields) == {*SECTIONS, *LISTS}


MODELS: dict[str, type[BaseModel]] = {
    **{section: type(getattr(Settings(), section)) for section in SECTIONS},
    "peers": PeerSettings,
    "plugins": PluginSettings,
    "roles": RoleSettings,
    "facts": FactSettings,
    "notices": NoticeSettings,
    "routes": RouteSettings,
}


def _shown(section: str) -> list[str]:
    """The keys of a section of the annotated file, in its order."""
    shown = tomllib.loads(EMBEDDED.read_text())
    tables = {
        **shown,
        "peers": shown["peers"][0],
        "plugins": shown["plugins"]["fat_fraction"],
        "roles": shown["roles"][0],
        "facts": shown["facts"][0],
        "notices": shown["notices"][0],
        "routes": shown["routes"][0],
    }
    return list(tables[section])


@pytest.mark.parametrize("section", MODELS)
def test_the_annotated_file_has_every_key_and_no_other(section: str) -> None:
    assert _shown(section) == list(MODELS[section].model_fields)


@pytest.mark.parametrize("section", MODELS)
def test_the_annotated_file_explains_each_key_in_the_words_of_the_settings(section: str) -> None:
    part = re.search(rf"^\[+{section}\b.*?\]+\n(.*?)(?=\n\[|\Z)", EMBEDDED.read_text(), re.DOTALL | re.MULTILINE)
    assert part is not None
    for key, field in MODELS[section].model_fields.items():
        comment = re.search(rf"((?:^#.*\n)+)^{key} = ", part[1], re.MULTILINE)
        assert comment is not None, f"{section}.{key} has no comment"
        words = " ".join(line.removeprefix("#").strip() for line in comment[1].splitlines())
        assert field.description, f"{section}.{key} has no docstring in settings.py"
        assert words.startswith(field.description)
        if section in LISTS:
            assert words.removeprefix(field.description).strip() == _default_in_words(field)


def _default_in_words(field: Any) -> str:
    if field.is_required():
        return "Required."
    # For texts, numbers, truth values and empty collections JSON writes what TOML writes.
    return f"Default: {json.dumps(field.get_default(call_default_factory=True), default=SecretStr.get_secret_value)}"


# Reading.


def test_without_a_file_everything_has_its_default() -> None:
    settings = load(None)
    assert settings == Settings()
    assert (settings.dicom.aet, settings.dicom.port, settings.dicom.accept_unknown_peers) == ("DICOMNODE", 11112, False)
    assert settings.peers == ()


def test_a_file_is_read(tmp_path: Path) -> None:
    settings = load(_file(tmp_path, TWO_PEERS))
    assert settings.dicom.port == 11113
    assert [peer.name for peer in settings.peers] == ["pacs", "archive"]
    assert settings.peer("archive").receives == ("SEG", "SR")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().dicom.port = 1


def test_a_peer_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    settings = load(_file(tmp_path, TWO_PEERS))
    with pytest.raises(SettingsError, match="no peer is called 'pax'; configured: pacs, archive"):
        settings.peer("pax")
    with pytest.raises(SettingsError, match="configured: none"):
        Settings().peer("pacs")


# Overrides.


@pytest.mark.parametrize(
    ("override", "section", "key", "value"),
    [
        ("dicom.port=11114", "dicom", "port", 11114),
        ("dicom.aet=NODE 2", "dicom", "aet", "NODE 2"),
        ('dicom.aet="NODE2"', "dicom", "aet", "NODE2"),
        ("dicom.accept_unknown_peers=true", "dicom", "accept_unknown_peers", True),
        ("node.data=/srv/node", "node", "data", Path("/srv/node")),
        ("completeness.exam_quiet=0.5", "completeness", "exam_quiet", 0.5),
        ("database.url=postgresql://a@b/c?d=e", "database", "url", "postgresql://a@b/c?d=e"),
    ],
)
def test_an_override_wins_over_the_file(tmp_path: Path, override: str, section: str, key: str, value: object) -> None:
    settings = load(_file(tmp_path, TWO_PEERS), [override])
    assert getattr(getattr(settings, section), key) == value
    assert settings.peers == load(_file(tmp_path, TWO_PEERS)).peers


def test_an_override_reaches_a_plugin_parameter() -> None:
    settings = load(None, ["plugins.fat_fraction.parameters.noise_gate=7.5", "plugins.fat_fraction.enabled=false"])
    assert settings.plugins["fat_fraction"] == PluginSettings(enabled=False, parameters={"noise_gate": 7.5})


@pytest.mark.parametrize("override", ["dicom.port", "port=1", "=1"])
def test_an_override_of_another_form_is_refused(override: str) -> None:
    with pytest.raises(SettingsError, match=r"expected section\.key=value"):
        load(None, [override])


def test_an_override_into_a_value_is_refused(tmp_path: Path) -> None:
    assert _refusal(tmp_path, TWO_PEERS, "dicom.port.high=1") == "--set dicom.port.high=1: port is not a section"


def test_a_wrong_override_is_named_as_such(tmp_path: Path) -> None:
    assert _refusal(tmp_path, TWO_PEERS, "dicom.port=high").startswith("--set: dicom.port: Input should be a valid int")


# Mistakes, each with the line on which its value ends.


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("[dicom]\nport = 'x'\n", "node.toml:2: dicom.port: Input should be a valid integer"),
        ("[dicom]\n\nport = 70000\n", "node.toml:3: dicom.port: Input should be less than or equal to 65535"),
        ("[dicom]\nprt = 1\n", "node.toml:2: dicom.prt: Extra inputs are not permitted"),
        ("[dikom]\nport = 1\n", "node.toml:1: dikom: Extra inputs are not permitted"),
        ("[node]\nmode = 'clinic'\n", "node.toml:2: node.mode: Input should be 'research' or 'clinical'"),
        ("[completeness]\nexam_quiet = 0\n", "node.toml:2: completeness.exam_quiet: Input should be greater than 0"),
        (
            "[completeness]\nexam_quiet = inf\n",
            "node.toml:2: completeness.exam_quiet: Input should be less than or equal to 31622400",
        ),
        ("[[peers]]\nname = 'a'\n", "node.toml:1: peers.0.aet: Field required"),
        (
            TWO_PEERS.replace('"SR"', '"XY"'),
            "node.toml:14: peers.1.receives.1: Input should be 'SC', 'MR', 'PM', 'PM16', 'SEG'",
        ),
        (TWO_PEERS.replace("archive", "pacs"), "node.toml:9: peers.1.name: 'pacs' is used by two peers"),
        (TWO_PEERS + "tls = true\n", "node.toml:15: peers.1.tls: needs dicom.tls_certificate, tls_key and tls_trusted"),
        (TWO_PEERS.replace("ARCHIVE", "ORTHANC"), "node.toml:10: peers.1.aet: 'ORTHANC' is used by two peers"),
        ("[dicom\n", "node.toml: not TOML: "),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, refusal: str) -> None:
    assert _refusal(tmp_path, text).startswith(refusal)


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, "[dicom]\nport = -1\n[node]\nplugin_processes = 0\n")
    assert [line.split(": ")[:2] for line in refusal.splitlines()] == [
        ["node.toml:4", "node.plugin_processes"],
        ["node.toml:2", "dicom.port"],
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: No such file or directory"):
        load(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match=r"binary\.toml: not TOML"):
        load(binary)


# AE titles (PS3.5 Table 6.2-1).

_PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="\\")


@given(st.text(_PRINTABLE, min_size=1, max_size=16).filter(lambda text: text == text.strip()))
def test_every_legal_ae_title_is_taken(aet: str) -> None:
    assert PeerSettings(name="peer", aet=aet).aet == aet


@given(
    st.one_of(
        st.text(_PRINTABLE, min_size=17, max_size=40),
        st.text(_PRINTABLE, min_size=0, max_size=10).map(lambda text: f" {text}"),
        st.text(_PRINTABLE, min_size=0, max_size=10).map(lambda text: f"A{text} "),
        st.text(_PRINTABLE, min_size=0, max_size=10).map(lambda text: f"{text}\\B"),
        st.text(_PRINTABLE, min_size=0, max_size=10).map(lambda text: f"A{text}\n"),
        st.text(_PRINTABLE, min_size=0, max_size=10).map(lambda text: f"A{text}ü"),
        st.just(""),
    )
)
def test_no_illegal_ae_title_is_taken(aet: str) -> None:
    with pytest.raises(ValidationError, match="an AE title has 1 to 16"):
        PeerSettings(name="peer", aet=aet)


@pytest.mark.parametrize("peer", ["pacs", "scanner"])
def test_a_route_leads_to_a_peer_that_receives_something(tmp_path: Path, peer: str) -> None:
    text = f"""
[[peers]]
name = "scanner"
aet = "SCANNER"
[[routes]]
says = ["positive"]
deliver_to = ["{peer}"]
"""
    with pytest.raises(SettingsError, match=rf"node.toml:7: routes.0.deliver_to: no peer '{peer}' receives anything"):
        load(_file(tmp_path, text))
