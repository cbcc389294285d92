"""When to try again, and when to stop trying."""

from __future__ import annotations

from datetime import datetime

from dicomnode.settings import DeliverySettings


def next_wait(attempts: int, policy: DeliverySettings) -> float:
    """Seconds before the next attempt, after this many; doubles up to a limit.

    Examples
    --------
    >>> [next_wait(n, DeliverySettings(first_retry=5, longest_retry=60)) for n in (1, 2, 3, 4, 5)]
    [5.0, 10.0, 20.0, 40.0, 60.0]
    """
    exponent = min(max(attempts, 1) - 1, 32)
    return float(min(policy.first_retry * 2**exponent, policy.longest_retry))


def exhausted(queued: datetime, now: datetime, policy: DeliverySettings) -> bool:
    """Whether an object has waited so long that a person must look."""
    return (now - queued).total_seconds() >= policy.give_up_after
