"""UIDs that follow from what they name: the same task always writes the same UIDs (PS3.5 B.2)."""

from __future__ import annotations

from dicomnode.domain.identity import Digest, digest_of


def derive(task_id: Digest, *role: str) -> str:
    """UID of one thing that a task writes.

    Parameters
    ----------
    task_id : Digest
        Idempotency key of the task.
    role : str
        What the UID names, for example ``"SEG", "0", "series"``.

    Returns
    -------
    str
        ``2.25.`` and 128 bits of a SHA-256 over task and role as a decimal number; at most 44 characters.
    """
    return _uid("task", task_id, *role)


def tracking(patient: tuple[str, str] | str, plugin: str, label: str) -> str:
    """Tracking UID of a structure: stable for one patient over tasks, versions and studies.

    Parameters
    ----------
    patient : (str, str) or str
        Issuer and Patient ID; the Study Instance UID where there is no Patient ID, lest all nameless patients
        share one liver.
    plugin, label : str
        Who names the structure, and its name.
    """
    return _uid("tracking", *((patient,) if isinstance(patient, str) else patient), plugin, label)


def stand_in(instance: str, frame: int) -> str:
    """UID that stands for one frame while an object is built; it is never written."""
    return _uid("frame", instance, str(frame))


def device(plugin: str, version: str) -> str:
    """UID of the plugin as an observer (PS3.16 TID 1004)."""
    return _uid("device", plugin, version)


def workitem(study: str, advice: str) -> str:
    """UID of the work item that one advice on a study calls for."""
    return _uid("workitem", study, advice)


def rejection(reason: str, *names: str) -> str:
    """UID of a note that rejects these instances for this reason."""
    return _uid("rejection", reason, *names)


def _uid(*parts: str) -> str:
    return f"2.25.{int(digest_of(parts)[:32], 16)}"
