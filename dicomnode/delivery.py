"""The durable workflows of delivery: send results to a peer, then have it prove that it keeps them.

As in the pipeline, each may run again from its start: it reads where things stand, does its work and commits what it
did together with what comes next.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dicomnode.deliver import hours, patience, profiles, proof, send
from dicomnode.deliver.destination import Destination
from dicomnode.dimse import commitment
from dicomnode.dimse.normalized import Request
from dicomnode.domain.delivery import Delivered, DeliveryState, Verdict
from dicomnode.domain.identity import AETitle, Digest
from dicomnode.engine.submitter import Submitter
from dicomnode.errors import Refused, RequestError, SettingsError, TooMuch, Unreachable
from dicomnode.index import commitments, deliveries
from dicomnode.index.database import DATABASE_AWAY, Database, Transaction
from dicomnode.settings import PeerSettings, Settings

log = logging.getLogger(__name__)

_FIRST_CHAIN = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What delivery works with; made by the composition root."""

    settings: Settings
    database: Database
    submitter: Submitter
    path: Callable[[str], Path]
    """Where the bytes of a store key are."""
    destination: Destination
    new_uid: Callable[[], str]
    """A UID that nobody can guess."""
    now: Callable[[], datetime]


class Delivery:
    """From the outbox to objects that are proven to be at their destinations."""

    def __init__(self, means: Means) -> None:
        self._means = means

    # -- 1: send --

    def begin(self, session: Transaction, task_id: Digest, attempt: int, peers: Collection[str]) -> None:
        """Submit the delivery of what a task has queued for these peers, in the caller's transaction."""
        for peer in peers:
            self._submit(session, "deliver", task_id, attempt, peer, _FIRST_CHAIN)

    def deliver(self, task_id: str, attempt: int, peer_name: str, chain: str, trial: int) -> None:
        """Send what a peer has not got yet; what must wait is submitted again, later, as the chain's next trial."""
        means, key, policy = self._means, Digest(task_id), self._means.settings.delivery
        with means.database.read() as session:
            parcels = deliveries.pending(session, key, peer_name)
        if not parcels:
            return
        peer, closed_for = self._peer(peer_name), 0.0
        if peer is None:
            receipts = send.put_by(parcels, DeliveryState.PARKED, "the peer is no longer configured")
        elif closed_for := hours.opens_in(peer.hours, means.now().astimezone()):
            receipts = send.put_by(parcels, DeliveryState.WAITING, f"to be sent at {' and '.join(peer.hours)} only")
        else:
            receipts = send.attempt(peer, parcels, means.path, means.destination.store, policy, means.now())
        with means.database.write() as session:
            standing = deliveries.standing(session, key, peer_name)
            kinds = {parcel.delivery_id: parcel.kind for parcel in parcels}
            receipts, more = profiles.fall_back(receipts, kinds, standing)
            deliveries.note(session, receipts, means.now())
            states = [receipt.state for receipt in receipts]
            if more and deliveries.queue(session, key, peer_name, more, means.now()):
                self._submit(session, "deliver", key, attempt, peer_name, f"{chain}.{trial}")
            if DeliveryState.WAITING in states:
                wait = max(patience.next_wait(trial, policy), closed_for)
                self._submit(session, "deliver", key, attempt, peer_name, chain, trial + 1, wait)
            if DeliveryState.DELIVERED in states and peer is not None and peer.commitment:
                self._submit(session, "prove", key, attempt, peer_name, f"{chain}.{trial}")
        counts = {state.value: states.count(state) for state in set(states)}
        log.info("delivery attempted", extra={"peer": peer_name, "task": task_id[:16], "state": str(counts)})

    # -- 2: have it proven --

    def prove(self, task_id: str, attempt: int, peer_name: str, chain: str, trial: int) -> None:
        """Ask a peer whether it keeps what it acknowledged; what it cannot say yet is asked again, later."""
        means, key, policy = self._means, Digest(task_id), self._means.settings.delivery
        with means.database.read() as session:
            parcels = deliveries.unproven(session, key, peer_name)
        if not parcels:
            return
        peer = self._peer(peer_name)
        try:
            verdicts = proof.unproven(parcels, "the peer is no longer configured")
            if peer is not None:
                why_not = self._ask(peer, key, proof.to_ask(parcels))
                verdicts = self._look(peer, key, why_not)
        except Unreachable as error:
            verdicts = proof.unreachable(parcels, str(error), policy, means.now())
        with means.database.write() as session:
            self._decide(session, key, attempt, peer_name, verdicts, f"{chain}.{trial}")
            left = deliveries.unproven(session, key, peer_name)
            if left:
                wait = proof.next_look(left, patience.next_wait(trial, policy), policy, means.now())
                self._submit(session, "prove", key, attempt, peer_name, chain, trial + 1, wait)

    def _ask(self, peer: PeerSettings, task_id: Digest, parcels: Sequence[Delivered]) -> str:
        """Ask for storage commitment; returns why the peer gives none, or nothing."""
        means = self._means
        if not parcels:
            return ""
        transaction_uid = means.new_uid()
        with means.database.write() as session:
            commitments.open_(session, transaction_uid, task_id, peer.name, parcels, means.now())
        try:
            means.destination.commit(peer, transaction_uid, [parcel.reference for parcel in parcels], self.reported)
        except (Refused, Unreachable) as error:
            with means.database.write() as session:
                commitments.withdraw(session, parcels)
            if isinstance(error, Unreachable):
                raise
            return str(error)
        return ""

    def _look(self, peer: PeerSettings, task_id: Digest, why_not: str) -> list[Verdict]:
        """Query for what no report will come for."""
        means, policy = self._means, self._means.settings.delivery
        with means.database.read() as session:
            parcels = proof.to_look_for(deliveries.unproven(session, task_id, peer.name), policy, means.now())
        if not parcels:
            return []
        try:
            found = means.destination.look_for(peer, [means.path(parcel.store_key) for parcel in parcels])
        except Refused as error:
            return proof.unproven(parcels, f"{why_not or 'no report on storage commitment came'}; {error}")
        return proof.looked(parcels, found, policy, means.now())

    def reported(self, request: Request) -> None:
        """Take a peer's report on a storage commitment, durably; refused and counted when it is not what we asked for.

        Raises
        ------
        RequestError
            What the peer is answered.
        """
        means = self._means
        try:
            report = commitment.read(request)
            with means.database.write() as session:
                asked = commitments.load(session, report.transaction_uid)
                peer = self._peer(asked.peer) if asked else None
                aet = AETitle(peer.aet) if peer else None
                verdicts = proof.judge(report, asked, aet, means.settings.delivery, means.now())
                if asked is not None:
                    chain = f"report-{report.transaction_uid}"
                    self._decide(session, asked.task_id, asked.attempt, asked.peer, verdicts, chain)
        except RequestError as refusal:
            with means.database.write() as session:
                commitments.count_refusal(session, request.calling_aet, str(refusal), means.now())
            raise
        except DATABASE_AWAY as error:
            raise TooMuch("the index is away, report again later") from error

    def _decide(
        self, session: Transaction, task_id: Digest, attempt: int, peer: str, verdicts: Sequence[Verdict], chain: str
    ) -> None:
        """Write verdicts, and submit again what is to be sent or asked again."""
        policy = self._means.settings.delivery
        applied = deliveries.decide(session, verdicts, self._means.now())
        states = [verdict.state for verdict in applied]
        if DeliveryState.WAITING in states:
            self._submit(session, "deliver", task_id, attempt, peer, chain, delay_s=policy.first_retry)
        if DeliveryState.DELIVERED in states:
            self._submit(session, "prove", task_id, attempt, peer, chain, delay_s=policy.first_retry)
        if states:
            counts = {state.value: states.count(state) for state in set(states)}
            log.info("delivery judged", extra={"peer": peer, "task": task_id[:16], "state": str(counts)})

    # -- nothing is forgotten --

    def reconcile(self) -> None:
        """Submit again what the index believes to be under way but the engine has given up; called once a minute.

        The rows are read before the engine is asked: work that ends in between has then written its end.
        """
        means = self._means
        asked_to_prove = {peer.name for peer in means.settings.peers if peer.commitment}
        with means.database.read() as session:
            open_ = [("deliver", *row) for row in deliveries.underway(session)]
            open_ += [("prove", *row) for row in deliveries.to_prove(session) if row[2] in asked_to_prove]
        alive = means.submitter.alive()
        chain = means.now().strftime("%Y%m%dT%H%M%S")
        with means.database.write() as session:
            for workflow, task_id, attempt, peer in open_:
                prefix = _workflow_id(workflow, task_id, attempt, peer)
                if not any(workflow_id.startswith(prefix) for workflow_id in alive):
                    self._submit(session, workflow, task_id, attempt, peer, chain)

    def _peer(self, name: str) -> PeerSettings | None:
        try:
            return self._means.settings.peer(name)
        except SettingsError:
            return None

    def _submit(
        self,
        session: Transaction,
        workflow: str,
        task_id: Digest,
        attempt: int,
        peer: str,
        chain: str,
        trial: int = 1,
        delay_s: float = 0.0,
    ) -> None:
        workflow_id = f"{_workflow_id(workflow, task_id, attempt, peer)}{chain}-{trial}"
        arguments = (task_id, attempt, peer, chain, trial)
        self._means.submitter.submit(session, workflow, workflow_id, *arguments, delay_s=delay_s, partition=peer)


def _workflow_id(workflow: str, task_id: Digest, attempt: int, peer: str) -> str:
    return f"{workflow}-{task_id}-{attempt}-{peer}/"  # a peer's name may hold a hyphen and begin like another's
