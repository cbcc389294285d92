"""Which results go where."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dicomnode.domain.task import STANDS_IN, ResultKind
from dicomnode.sdk.codes import Code
from dicomnode.sdk.findings import Decision, Finding, Recommendation
from dicomnode.settings import PeerSettings, RouteSettings

Routes = tuple[tuple[str, frozenset[str]], ...]
"""(Name, kinds of result object) of every peer that something goes to."""

USUAL: frozenset[ResultKind] = frozenset({"SEG", "SR", "SC", "PM"})
"""What is made where nobody receives anything, to be looked at in the node."""


def takers(peers: Sequence[PeerSettings], kind: str) -> frozenset[str]:
    """Names of the peers that receive a kind of result object."""
    return frozenset(peer.name for peer in peers if kind in peer.receives)


def routes(
    peers: Sequence[PeerSettings],
    rules: Sequence[RouteSettings] = (),
    plugin: str = "",
    said: Collection[str] = (),
) -> Routes:
    """Where the results of a plugin go by what they say.

    Without a rule they go to every peer that receives something. A peer that a rule on this plugin names gets only
    what a rule sends there; ``only`` keeps what its rule sends from all others.

    Parameters
    ----------
    said : collection of str
        As :func:`said` of the findings.
    """
    about = [rule for rule in rules if rule.plugin in ("", plugin)]
    fitting = [rule for rule in about if not rule.says or not set(rule.says).isdisjoint(said)]
    named = {name for rule in about for name in rule.deliver_to}
    sent = {name for rule in fitting for name in rule.deliver_to}
    exclusive = any(rule.only for rule in fitting)
    return tuple(
        (peer.name, frozenset(peer.receives))
        for peer in peers
        if peer.receives and (peer.name in sent or not (exclusive or peer.name in named))
    )


def again(
    peers: Sequence[PeerSettings], rules: Sequence[RouteSettings], plugin: str, before: Collection[str]
) -> Routes:
    """Where results go that are sent again: with rules on their plugin, to the peers they were meant for before."""
    is_ruled = any(rule.plugin in ("", plugin) for rule in rules)
    return tuple(route for route in routes(peers) if not is_ruled or route[0] in before)


def said(findings: Sequence[Finding]) -> frozenset[str]:
    """What rules go by: code values of recommendations, and the tiers of decisions that are not a candidate's."""
    advised = [one.value for one in findings if isinstance(one, Recommendation)]
    tiers = {one.tier for one in findings if isinstance(one, Decision) and not one.shadow}
    return frozenset(tiers.union(value.value if isinstance(value, Code) else value for value in advised))


def kinds(peers: Sequence[PeerSettings]) -> frozenset[ResultKind]:
    """The kinds of result object that have to be made: all that a peer receives, and what may stand in for it."""
    received = {kind for peer in peers for kind in peer.receives}
    return frozenset(received.union(*(STANDS_IN.get(kind, ()) for kind in received))) or USUAL
