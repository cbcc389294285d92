"""Submit durable work inside the caller's own transaction, and ask which work is still alive."""

from __future__ import annotations

from collections.abc import Sequence

from dbos import DBOSClient, EnqueueOptions
from sqlalchemy import Engine
from sqlalchemy.orm import Session

APPLICATION = "dicomnode"
PROTOCOL = "1"
"""Raised only when a workflow's arguments or meaning change: work of another protocol is not picked up."""

_ALIVE = ["ENQUEUED", "DELAYED", "PENDING"]


class Submitter:
    """The writing half of the engine; any process with the database may use it."""

    def __init__(self, engine: Engine) -> None:
        self._client = DBOSClient(
            system_database_engine=engine, application_name=APPLICATION, retry_connection_errors=False
        )

    def submit(
        self,
        session: Session,
        workflow: str,
        workflow_id: str,
        *arguments: str | int,
        delay_s: float = 0.0,
        partition: str = "",
    ) -> None:
        """Queue a workflow; it exists when, and only when, the caller's transaction commits.

        A workflow id that was used before makes this a harmless repetition.

        Parameters
        ----------
        workflow : str
            Name of a registered workflow; its queue has the same name.
        workflow_id : str
            Idempotency key of this piece of work.
        arguments : str or int
            Keys and numbers only, never data.
        delay_s : float
            Seconds before it may start.
        partition : str
            Work of one partition never waits for that of another; for workflows that are partitioned.
        """
        options: EnqueueOptions = {
            "queue_name": workflow,
            "workflow_name": workflow,
            "workflow_id": workflow_id,
            "app_version": PROTOCOL,
        }
        if partition:
            options["queue_partition_key"] = partition
        if delay_s > 0:
            options["delay_seconds"] = delay_s
        self._client.enqueue_in_transaction(session, options, *arguments)

    def alive(self) -> set[str]:
        """Ids of all work that is queued, delayed or running."""
        return {
            status.workflow_id
            for status in self._client.list_workflows(status=_ALIVE, load_input=False, load_output=False)
        }

    def forget(self, beginnings: Sequence[str]) -> bool:
        """Forget ended work, so that its ids may be used anew; False, and nothing is forgotten, when some is alive.

        Parameters
        ----------
        beginnings : sequence of str
            An id is meant that equals one of these, or goes on after it with ``-``.
        """
        found = self._client.list_workflows(workflow_id_prefix=list(beginnings), load_input=False, load_output=False)
        meant = [work for work in found if any(f"{work.workflow_id}-".startswith(f"{one}-") for one in beginnings)]
        if any(work.status in _ALIVE for work in meant):
            return False
        if meant:
            self._client.delete_workflows([work.workflow_id for work in meant])
        return True

    def close(self) -> None:
        """Stop the client; the database engine belongs to the caller."""
        self._client.destroy()
