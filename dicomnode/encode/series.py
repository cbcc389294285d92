"""The series a result object goes into: its UIDs, number and description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dicomnode.domain.identity import digest_of
from dicomnode.domain.task import ResultKind
from dicomnode.encode import uids
from dicomnode.encode.work import Mode, Work

MARK = {"research": "(not for diagnostic use)", "clinical": "(AI)"}
"""How a series description ends, so that nobody takes the series for an acquired one."""

_FIRST_NUMBER = 9000
_PLUGINS = 100
_LONGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of results."""

    work: Work
    kind: ResultKind
    index: int
    """Which one of its kind, from 0."""
    number: int
    description: str

    @property
    def uid(self) -> str:
        """Series Instance UID."""
        return self.derive("series")

    def instance_uid(self, number: int = 1) -> str:
        """SOP Instance UID of the instance with this Instance Number."""
        return self.derive("instance", str(number))

    def derive(self, *role: str) -> str:
        """UID of anything else in this series."""
        return uids.derive(self.work.task_id, self.kind, str(self.index), *role)


def plan(work: Work, titles: Sequence[tuple[ResultKind, str]]) -> tuple[Series, ...]:
    """Lay out the series of a task.

    Parameters
    ----------
    titles : sequence of (kind, title)
        One for each series, in the order of their numbers.

    Notes
    -----
    Series numbers lie in the 9000 block: ten for each plugin, chosen by its name, so that results of several plugins
    stand apart from acquired series and, almost always, from each other.
    """
    first = _FIRST_NUMBER + 10 * (int(digest_of([work.spec.name])[:8], 16) % _PLUGINS)
    kinds = [kind for kind, _ in titles]
    return tuple(
        Series(
            work=work,
            kind=kind,
            index=kinds[:place].count(kind),
            number=first + place,
            description=describe(title, work.mode),
        )
        for place, (kind, title) in enumerate(titles)
    )


def describe(title: str, mode: Mode) -> str:
    """Title and mark in at most 64 characters (VR LO); a title too long for that is cut."""
    room = _LONGEST - len(MARK[mode]) - 1
    plain = " ".join(title.replace("\\", " ").split())
    return f"{plain[:room].rstrip()} {MARK[mode]}"
