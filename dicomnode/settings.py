"""What a site may decide: frozen sections, and the bounds of every value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from dicomnode.advice_settings import AdviceSettings, FactSettings, Hl7Settings, NoticeSettings, WebSettings
from dicomnode.errors import SettingsError
from dicomnode.section import AETitleText, Days, Fingerprint, Hours, MatchSettings, Port, Seconds, Section

ResultKind = Literal[
    "SC", "MR", "PM", "PM16", "SEG", "LABELMAP", "RTSTRUCT", "REG", "PR", "SR", "SR-VIEWER", "KOS", "PDF"
]
CharacterSet = Literal[
    "ISO_IR 192", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110", "ISO_IR 127", "ISO_IR 144", "ISO_IR 148"
]


class NodeSettings(Section):
    """What this node is and where it keeps everything."""

    mode: Literal["research", "clinical"] = "research"
    """``clinical`` runs plugins and models of status ``validated`` only; ``research`` marks every result."""
    data: Path = Path("var")
    """Folder of the embedded node: objects, database, cases. Relative to the working directory."""
    keep_cases: bool = False
    """Keep the case directory of every task for replay, not only of those that failed. They hold pixel data."""
    plugin_processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Plugins that run at the same time."""
    express_processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Plugins of the express lane that run at the same time, beside the others; as many again of those that advise."""
    drain: Seconds = 25.0
    """Seconds that running work gets to finish when the node is stopped; what is left is done after the next start."""


class DicomSettings(Section):
    """The C-STORE SCP."""

    aet: AETitleText = "DICOMNODE"
    """Our AE title; also the calling AE title when results are sent."""
    host: str = "0.0.0.0"  # noqa: S104 - a C-STORE SCP exists to be reached; peers are closed by default
    """Address to listen on."""
    port: Port = 11112
    """0 takes a free port, which is printed at start."""
    max_associations: Annotated[int, Field(ge=1)] = 64
    """Associations served at once; more are rejected as temporarily out of resources."""
    max_pdu: Annotated[int, Field(ge=4096, le=1 << 20)] = 131072
    """Largest P-DATA-TF PDU we take, bytes."""
    accept_unknown_peers: bool = False
    """Take instances from AE titles that are not configured. For closed test networks only."""
    network_timeout: Seconds = 60.0
    """Seconds of silence after which an association is aborted."""
    transport: Literal["event", "stock"] = "event"
    """``stock`` is pynetdicom's own server: slower, without TLS, bounds and streaming; for when ours is in doubt."""
    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that receive; 1 is the node's own. Two, each on its own core, are faster from four associations on."""
    durability: Literal["default", "strict"] = "default"
    """``strict`` flushes the folder of each new file and its index row too; not needed on ext4 and XFS."""
    tls_certificate: str = ""
    """File with our certificate and those between it and its root, PEM; then we speak TLS only (PS3.15 B.12)."""
    tls_key: str = ""
    """File with our private key, PEM, without a password."""
    tls_trusted: str = ""
    """File with the authorities that vouch for our peers, PEM; every peer must show a certificate."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = [bool(file) for file in (self.tls_certificate, self.tls_key, self.tls_trusted)]
        if any(given) and not all(given):
            raise ValueError("TLS needs tls_certificate, tls_key and tls_trusted")
        if any(given) and self.transport == "stock":
            raise ValueError("the stock transport does not speak TLS: use event")
        if self.processes > 1 and self.transport == "stock":
            raise ValueError("the stock transport receives in one process: use event")
        return self


class LimitsSettings(Section):
    """What one peer may cost. Every time is a deadline, not a pause between two bytes."""

    sockets: Annotated[int, Field(ge=1)] = 512
    """Connections open at once."""
    unnegotiated: Annotated[int, Field(ge=1)] = 384
    """Those among them that are no association yet; the oldest gives way to a new one."""
    per_address: Annotated[int, Field(ge=1)] = 320
    """Connections from one address."""
    per_peer: Annotated[int, Field(ge=1)] = 48
    """Associations of one AE title."""
    handshake_time: Seconds = 5.0
    """Seconds for a TLS handshake."""
    negotiation_time: Seconds = 5.0
    """Seconds until the A-ASSOCIATE-RQ is complete."""
    pdu_time: Seconds = 10.0
    """Seconds for one PDU, once it has begun, and for one of ours to leave."""
    message_time: Seconds = 60.0
    """Seconds for one message; its bytes prolong it at the rate of ``slowest``."""
    slowest: Annotated[int, Field(ge=1)] = 32768
    """Bytes a second below which a sender is too slow."""
    object_bytes: Annotated[int, Field(ge=1)] = 16 << 30
    """Largest instance, bytes."""
    free_for_new_studies: Annotated[int, Field(ge=0)] = 512 << 20
    """Free bytes below which studies not seen before are refused with A700."""
    free_for_any: Annotated[int, Field(ge=0)] = 64 << 20
    """Free bytes below which every instance is refused with A700."""
    quarantine_bytes: Annotated[int, Field(ge=0)] = 8 << 30
    """Bytes of refused instances that are kept; what is refused beyond them is gone, and its sender knows it."""


class DatabaseSettings(Section):
    """Where the index and the workflow engine keep their state."""

    url: str = ""
    """SQLAlchemy URL; empty means SQLite inside ``node.data``. PostgreSQL: ``postgresql+psycopg://user@host/db``."""


class CompletenessSettings(Section):
    """When an exam counts as complete."""

    series_quiet: Seconds = 3.0
    """Seconds without a new instance after a sender whose manner is known released its association in good order."""
    exam_quiet: Seconds = 15.0
    """Seconds without a new instance after a sender whose manner is not known yet released its association."""
    missing_wait: Seconds = 60.0
    """Seconds to wait for a release, and for what geometry, a count or a procedure step says is missing."""
    longest_wait: Seconds = 1800.0
    """Seconds without anything new after which nothing is waited for, not even a procedure step in progress."""
    longest_open: Seconds = 14400.0
    """Seconds after its first instance when an exam is judged, even while more comes."""
    source: str = ""
    """Name of the peer that exams come from: it is asked by C-FIND how many instances it has; empty asks nobody."""


class DeliverySettings(Section):
    """How results are sent, and how their arrival is proven."""

    associations: Annotated[int, Field(ge=1, le=64)] = 2
    """Associations to one destination at the same time; destinations never wait for each other."""

    first_retry: Seconds = 5.0
    """Seconds before the second attempt; each later wait doubles."""
    longest_retry: Seconds = 900.0
    """Upper limit of the wait between two attempts, seconds."""
    give_up_after: Seconds = 7 * 86400.0
    """Seconds after which an undelivered object is parked for a person to look at."""
    report_wait: Seconds = 5.0
    """Seconds an association stays open for the storage commitment report that may come on it."""
    report_patience: Seconds = 1800.0
    """Seconds without a report after which C-FIND looks whether the objects are there."""
    settle_time: Seconds = 60.0
    """Seconds a destination gets to make an object it has acknowledged findable; then it is sent again."""


class RetentionSettings(Section):
    """How long an exam stays here; it goes as a whole, and never before its results are proven where they belong."""

    exams: Days = 0.0
    """Days after its last image when an exam may go; 0 keeps exams for ever."""
    results: Days = 0.0
    """Days after its last result moved when an exam with results may go; 0 keeps exams with results for ever."""


class PriorsSettings(Section):
    """What fetching the priors of one exam may cost, over all peers with ``query_priors``."""

    seconds: Seconds = 120.0
    """Seconds after which an exam goes on without them."""
    studies: Annotated[int, Field(ge=1, le=50)] = 3
    """Newest fitting studies that are fetched from one peer, and compared with."""
    instances: Annotated[int, Field(ge=1)] = 4000
    """Instances fetched for one exam."""
    bytes: Annotated[int, Field(ge=1)] = 4 << 30
    """Bytes fetched for one exam."""


class MonitorSettings(Section):
    """What is noticed about models at work; see ``docs/monitor.md``."""

    reference: Annotated[int, Field(ge=100, le=10000)] = 200
    """First decisions of a model, after which drift is looked for: they say what is usual."""
    sensitivity: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Alarm when imported outcomes show, with 95 % confidence, that a model's sensitivity is below; 0 for never."""
    freeze_on: tuple[Literal["image", "score", "tier", "protocol", "outcome"], ...] = ()
    """Kinds of alarms that freeze their model at once; otherwise a person decides."""


class PeerSettings(Section):
    """One system we talk to."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    """How logs and commands call it."""
    aet: AETitleText
    """Its AE title."""
    host: str = "127.0.0.1"
    """Its address."""
    port: Port = 104
    """Its port."""
    tls: bool = False
    """It speaks DICOM over TLS (PS3.15 B.12); we show the certificate of ``[dicom]`` and trust the same authorities."""
    url: Annotated[str, Field(pattern=r"^(https?://[^\s?#]+)?$")] = ""
    """Base of its DICOMweb service, for example ``https://pacs/dicom-web``: results go there, by STOW-RS."""
    authorization: SecretStr = SecretStr("")
    """Authorization header for its DICOMweb service, for example ``Bearer ...``; empty for none."""
    may_store: bool = False
    """It may send instances to us."""
    certificates: tuple[Fingerprint, ...] = ()
    """SHA-256 fingerprints, hexadecimal, of the TLS certificates its AE title is bound to; empty binds it to none."""
    receives: tuple[ResultKind, ...] = ()
    """Which results go to it, in the words of ``docs/delivery.md``; empty means none."""
    character_sets: Annotated[tuple[CharacterSet, ...], Field(min_length=1)] = ("ISO_IR 192",)
    """How its results are written: in the first set that loses nothing; what none of them can say is not sent."""
    hours: tuple[Hours, ...] = ()
    """When results may be sent to it, local time, for example ``19:00-07:00``; empty means always."""
    megabytes_per_second: Annotated[float, Field(ge=0)] = 0.0
    """Most that one association to it may carry; 0 means no limit."""
    procedure_steps: bool = False
    """It tells us of its performed procedure steps (MPPS): the best proof that an exam is complete."""
    commitment: bool = False
    """Have it prove that it keeps results: by storage commitment, by C-FIND where it gives none."""
    query_priors: bool = False
    """Ask it for earlier studies of a patient when a plugin compares."""
    retrieve: Literal["get", "move"] = "get"
    """How priors come from it: C-GET, or C-MOVE to our own receiver, for which it needs ``may_store``."""


class PluginSettings(Section):
    """One installed plugin at this site."""

    enabled: bool = True
    """Match and run it."""
    parameters: Mapping[str, float | int | str | bool] = Field(default_factory=dict)
    """Values over the plugin's defaults; checked against its specification."""
    models: Mapping[str, str] = Field(default_factory=dict)
    """Card (``id/version`` or ``demonstration``) that fills each slot; in research the plugin's own unless optional."""
    candidates: Mapping[str, str] = Field(default_factory=dict)
    """Cards of models on trial, by slot: they run beside those that speak, and what they say stays in the ledger."""


class ModelsSettings(Section):
    """The models of this site."""

    folder: str = ""
    """Folder with model cards (``*.toml``, there or one level below) and the weights they name; empty for none."""


class RoleSettings(Section):
    """A site's own rule for what a volume is; the first one that holds wins over what the node recognised."""

    role: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,47}$")]
    """What the volume is, for example ``ce-mrn``."""
    match: Annotated[tuple[MatchSettings, ...], Field(min_length=1)]
    """Conditions that must all hold: ``keyword``, ``op`` and ``value``, as plugins state theirs."""


class RouteSettings(Section):
    """Where results go by what they say; a peer named here gets of that plugin only what is sent to it here."""

    deliver_to: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of peers."""
    plugin: str = ""
    """The plugin whose results are meant; empty means every plugin."""
    says: tuple[str, ...] = ()
    """What they must say one of: codes of an advice (``ADV_CONTRAST``), tiers of a decision; empty means anything."""
    only: bool = False
    """Nobody else gets them."""


class Settings(Section):
    """Everything a node is told."""

    node: NodeSettings = Field(default_factory=NodeSettings)
    dicom: DicomSettings = Field(default_factory=DicomSettings)
    limits: LimitsSettings = Field(default_factory=LimitsSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    completeness: CompletenessSettings = Field(default_factory=CompletenessSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    priors: PriorsSettings = Field(default_factory=PriorsSettings)
    advice: AdviceSettings = Field(default_factory=AdviceSettings)
    web: WebSettings = Field(default_factory=WebSettings)
    hl7: Hl7Settings = Field(default_factory=Hl7Settings)
    monitor: MonitorSettings = Field(default_factory=MonitorSettings)
    peers: tuple[PeerSettings, ...] = ()
    plugins: Mapping[str, PluginSettings] = Field(default_factory=dict)
    models: ModelsSettings = Field(default_factory=ModelsSettings)
    roles: tuple[RoleSettings, ...] = ()
    facts: tuple[FactSettings, ...] = ()
    notices: tuple[NoticeSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()

    def peer(self, name: str) -> PeerSettings:
        """The configured peer of a name.

        Raises
        ------
        SettingsError
            When no peer is called so.
        """
        for peer in self.peers:
            if peer.name == name:
                return peer
        raise SettingsError(
            f"no peer is called {name!r}; configured: {', '.join(p.name for p in self.peers) or 'none'}"
        )
