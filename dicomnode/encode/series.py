"""The series a result object goes into: its UIDs, number and description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dicomnode.domain.identity import digest_of
from dicomnode.domain.task import ResultKind
from dicomnode.encode import uids
from dicomnode.encode.work import Mode, Work
from dicomnode.sdk.findings import Finding

MARK = {"research": "(not for diagnostic use)", "clinical": "(AI)"}
"""How a series description ends, so that nobody takes the series for an acquired one."""

PROPOSAL = "Proposal, not for treatment planning"
"""What every object says of a segment that proposes a volume of radiotherapy."""

_FIRST_NUMBER = 90000
_PLUGINS = 100
_NUMBERS = 100
_LONGEST = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way in which a finding, or the task as a whole, is written."""

    kind: ResultKind
    title: str
    finding: Finding | None = None
    """None for what speaks of the whole task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of results."""

    work: Work
    kind: ResultKind
    finding: Finding | None
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


def plan(work: Work, forms: Sequence[Form]) -> tuple[Series, ...]:
    """Lay out the series of a task.

    Parameters
    ----------
    forms : sequence of Form
        All forms the findings could take, written or not, in the order of their numbers: a number depends on the
        findings alone.

    Notes
    -----
    Series numbers lie in the 90000 block: a hundred for each plugin, chosen by its name, so that results of several
    plugins stand apart from acquired series and, almost always, from each other.
    """
    first = _FIRST_NUMBER + _NUMBERS * (int(digest_of([work.spec.name])[:8], 16) % _PLUGINS)
    kinds = [form.kind for form in forms]
    return tuple(
        Series(
            work=work,
            kind=form.kind,
            finding=form.finding,
            index=kinds[:place].count(form.kind),
            number=first + place,
            description=describe(form.title, work.mode),
        )
        for place, form in enumerate(forms)
    )


def describe(title: str, mode: Mode) -> str:
    """Title and mark in at most 64 characters (VR LO); a title too long for that is cut."""
    room = _LONGEST - len(MARK[mode]) - 1
    plain = " ".join(title.replace("\\", " ").split())
    return f"{plain[:room].rstrip()} {MARK[mode]}"
