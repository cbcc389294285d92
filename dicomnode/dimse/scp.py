"""What peers may ask of us: C-ECHO, C-STORE and normalized services, behind one port for either transport."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from dicomnode.dimse import tls
from dicomnode.dimse.normalized import Service, Services
from dicomnode.dimse.stock import StockServer
from dicomnode.dimse.storing import Admit, Released, Storing
from dicomnode.dimse.transport.budgets import Budgets
from dicomnode.dimse.transport.connection import Connection, Rules
from dicomnode.dimse.transport.negotiation import Negotiator
from dicomnode.dimse.transport.relay import Noted, Relay, Start
from dicomnode.dimse.transport.server import Server
from dicomnode.dimse.transport.station import Station
from dicomnode.dimse.transport.wire import Interrupted, Stream, TLSStream
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Receivers:
    """Processes that receive in our place."""

    start: Start
    """Starts one; it is to call `StorageSCP.serve`."""
    noted: Noted
    """Told what they note (`station.note`); called from threads of its own."""


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
    receivers : Receivers, optional
        Wanted where ``processes`` is more than 1; then `admit` and `released` are called over there.
    """

    def __init__(
        self,
        settings: DicomSettings,
        peers: Sequence[PeerSettings],
        admit: Admit,
        released: Released,
        limits: LimitsSettings | None = None,
        services: Sequence[Service] = (),
        receivers: Receivers | None = None,
    ) -> None:
        self._settings = settings
        self._callers = None if settings.accept_unknown_peers else {peer.aet for peer in peers if peer.may_store}
        self._certificates = {peer.aet: peer.certificates for peer in peers if peer.certificates}
        self._storing = Storing(admit, released, passing=(Interrupted,))
        self._services = Services(services)
        self._limits = limits or LimitsSettings()
        self._receivers = receivers if settings.processes > 1 else None
        self._relay: Relay | None = None
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
        if self._relay is not None:
            self._relay.stop()
            self._relay = None

    def serve(self, control: socket.socket) -> None:
        """Serve in the place of a node that has started this process, until it hangs up.

        Raises
        ------
        SettingsError
            When TLS cannot be spoken as configured.
        """
        Station(control, self._rules(self._budgets()), self._streams()).serve()

    def _event(self) -> Transport:
        settings, budgets, streams = self._settings, self._budgets(), self._streams()
        if self._receivers is None:
            rules = self._rules(budgets)
            return Server(
                settings.host, settings.port, lambda one, address: Connection(streams(one), address, rules), budgets
            )
        self._relay = Relay(self._receivers.start, settings.processes, budgets, self._services, self._receivers.noted)
        server = Server(settings.host, settings.port, self._relay.welcome, budgets)
        self._relay.start()
        return server

    def _budgets(self) -> Budgets:
        return Budgets(self._limits, self._settings.max_associations)

    def _rules(self, budgets: Budgets) -> Rules:
        settings = self._settings
        return Rules(
            limits=self._limits,
            max_pdu=settings.max_pdu,
            idle_time=settings.network_timeout,
            negotiator=Negotiator(
                AETitle(settings.aet), self._callers, self._certificates, settings.max_pdu, self._services
            ),
            budgets=budgets,
            storing=self._storing,
            services=self._services,
        )

    def _streams(self) -> Callable[[socket.socket], Stream]:
        """What is spoken: TLS, or plain TCP."""
        if not self._settings.tls_certificate:
            return Stream
        return partial(TLSStream, context=tls.server_context(self._settings))

    def _stock(self) -> Transport:
        return StockServer(self._settings, self._callers, self._storing, self._services)
