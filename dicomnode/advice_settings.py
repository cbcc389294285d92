"""What a site decides about advice: its deadline, its page, what is told to the node, who is told by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from dicomnode.section import MatchSettings, Port, Seconds, Section


class AdviceSettings(Section):
    """What is advised while the patient is still on the table; in force when a plugin that advises is enabled."""

    deadline: Seconds = 90.0
    """Seconds after which the protocol as ordered is advised, whatever has become of the plugin."""
    counts_from: Literal["series", "image"] = "series"
    """``series``: from when the images the plugin needs are complete; ``image``: from the first image of the exam."""
    longest: Seconds = 2700.0
    """Seconds after the first image of an exam when it is advised in any case."""
    match: tuple[MatchSettings, ...] = ()
    """Conditions on any series of an exam that is to be advised; none means every MR exam."""
    label: tuple[
        Literal["AccessionNumber", "StationName", "StudyDescription", "StudyID", "PatientID", "StudyTime"], ...
    ] = ("AccessionNumber", "StationName")
    """How the console calls an exam: only what the console of the scanner shows there already."""
    notice_hosts: tuple[str, ...] = ()
    """Host names and addresses that notices of an advice may go to; any other is refused."""


class Hl7Settings(Section):
    """What the site tells of its patients by HL7 v2 over MLLP: allergies, laboratory results, orders."""

    enabled: bool = False
    """Listen for messages."""
    host: str = "127.0.0.1"
    """Address to listen on. MLLP knows no log-in: ``senders`` and the network must keep others out."""
    port: Port = 2575
    """0 takes a free port."""
    senders: tuple[str, ...] = ("127.0.0.1",)
    """Addresses that may send."""
    services: Mapping[str, Mapping[str, float | str]] = Field(default_factory=dict)
    """What an order means here: its code (OBR-4.1) to facts, for example ``{ MRNPC = { npc-follow-up = "yes" } }``."""


class WebSettings(Section):
    """Pages for people, and what machines ask for."""

    enabled: bool = False
    """Serve the console page, ``/metrics`` and ``/health``."""
    host: str = "127.0.0.1"
    """Address to listen on. There is no log-in: whoever reaches it may acknowledge an advice."""
    port: Port = 8080
    """0 takes a free port, which is printed at start."""
    allowed_hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    """Names under which browsers may ask; anything else is refused (DNS rebinding)."""


class NoticeSettings(Section):
    """One system that is told of every advice: by a webhook, by HL7 ORU^R01, or by a work item (UPS-RS)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    """How events and logs call it."""
    url: Annotated[str, Field(pattern=r"^(https?://[^\s#]+)?$")] = ""
    """Where JSON is posted to."""
    authorization: SecretStr = SecretStr("")
    """Authorization header for it; empty for none."""
    hl7_host: str = ""
    """Host that takes ORU^R01 over MLLP, in place of a webhook."""
    hl7_port: Port = 2575
    """Its port."""
    workitems: Annotated[str, Field(pattern=r"^(https?://[^\s?#]+)?$")] = ""
    """Base of a DICOMweb service where a work item is created (PS3.18 11.4), in place of a webhook."""
    advice: tuple[Literal["ADV_OMIT", "ADV_CONTRAST", "ADV_STANDARD", "ADV_RADIOLOGIST", "ADV_TOO_LATE"], ...] = ()
    """It is told of these only; empty means of every advice."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(map(bool, (self.url, self.hl7_host, self.workitems))) != 1:
            raise ValueError("a notice goes by url, by hl7_host or by workitems")
        return self


class FactSettings(Section):
    """A site's own rule for a fact of the patient that its headers tell."""

    name: str
    """A fact of ``dicomnode.sdk.facts``, for example ``npc-follow-up``."""
    value: float | str
    """What it says then."""
    match: Annotated[tuple[MatchSettings, ...], Field(min_length=1)]
    """Conditions that must all hold of one series."""
