"""What peers may ask of us: C-ECHO, C-STORE and normalized services, behind one port for either transport."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from dicomnode.dimse import tls
from dicomnode.dimse.normalized import Service, Services
from dicomnode.dimse.stock import StockServer
from dicomnode.dimse.storing import Admit, Released, Storing
from dicomnode.dimse.transport.budgets import Budgets
from dicomnode.dimse.transport.connection import Rules
from dicomnode.dimse.transport.negotiation import Negotiator
from dicomnode.dimse.transport.server import Server
from dicomnode.dimse.transport.wire import Interrupted
from dicomnode.domain.identity import AETitle
from dicomnode.errors import SettingsError
from dicomnode.settings import DicomSettings, LimitsSettings, PeerSettings

_STOP_SECONDS: Final = 10.0


class Transport(Protocol):
    """Something that listens."""

    @property
    def port(self) -> int:
        """Where it listens."""

    def start(self) -> None:
        """Take connections."""

    def stop(self, seconds: float) -> None:
        """Take no more, and give those that are here some seconds."""


class StorageSCP:
    """Answers associations from configured peers.

    Parameters
    ----------
    settings : DicomSettings
        Our title, address and transport.
    peers : sequence of PeerSettings
        Those with ``may_store`` may open an association; nobody else, unless ``accept_unknown_peers``.
    admit : callable
        Takes an instance and returns its series, or raises the ReceiveError whose status is answered.
    released : callable
        Told, with the series it brought, when an association was released in good order.
    limits : LimitsSettings
        What one peer may cost.
    services : sequence of Service
        What else peers may ask; their callers may associate for that alone.
    """

    def __init__(
        self,
        settings: DicomSettings,
        peers: Sequence[PeerSettings],
        admit: Admit,
        released: Released,
        limits: LimitsSettings | None = None,
        services: Sequence[Service] = (),
    ) -> None:
        self._settings = settings
        self._callers = None if settings.accept_unknown_peers else {peer.aet for peer in peers if peer.may_store}
        self._certificates = {peer.aet: peer.certificates for peer in peers if peer.certificates}
        self._storing = Storing(admit, released, passing=(Interrupted,))
        self._services = Services(services)
        self._limits = limits or LimitsSettings()
        self._transport: Transport | None = None

    def start(self) -> None:
        """Listen; returns at once.

        Raises
        ------
        SettingsError
            When the address cannot be listened on, or TLS cannot be spoken as configured.
        """
        try:
            self._transport = self._event() if self._settings.transport == "event" else self._stock()
            self._transport.start()
        except OSError as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise SettingsError(f"dicom.host, dicom.port: cannot listen on {where}: {error.strerror}") from error

    @property
    def port(self) -> int:
        """The port we listen on: of interest where the settings say 0."""
        return self._transport.port if self._transport else self._settings.port

    def stop(self) -> None:
        """Abort what is open and stop listening; an instance being admitted at this moment is finished first."""
        if self._transport is not None:
            self._transport.stop(_STOP_SECONDS)
            self._transport = None

    def _event(self) -> Transport:
        settings = self._settings
        rules = Rules(
            limits=self._limits,
            max_pdu=settings.max_pdu,
            idle_time=settings.network_timeout,
            negotiator=Negotiator(
                AETitle(settings.aet), self._callers, self._certificates, settings.max_pdu, self._services
            ),
            budgets=Budgets(self._limits, settings.max_associations),
            storing=self._storing,
            services=self._services,
        )
        context = tls.server_context(settings) if settings.tls_certificate else None
        return Server(settings.host, settings.port, rules, context)

    def _stock(self) -> Transport:
        return StockServer(self._settings, self._callers, self._storing, self._services)
