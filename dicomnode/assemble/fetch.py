"""Bring the priors of an exam from a peer: ask what it holds, leave out what is here, fetch the rest within limits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from dicomnode.assemble.priors import Current, Match, oldest, unfit_series, unfit_study
from dicomnode.dimse.query import Level, Limits
from dicomnode.domain.identity import SOPInstanceUID, StudyInstanceUID
from dicomnode.errors import LimitExceeded
from dicomnode.sdk.spec import Prior
from dicomnode.settings import PeerSettings

_MOST_MATCHES: Final = 200
_MOST_UIDS: Final = 64
"""In one request: a list of UIDs grows with each, and not every peer takes a long one."""
_STUDY_KEYS: Final = (
    "StudyInstanceUID", "StudyDate", "ModalitiesInStudy", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
)  # fmt: skip
_SERIES_KEYS: Final = ("SeriesInstanceUID", "Modality", "BodyPartExamined")


class Archive(Protocol):
    """How a peer is asked and read; raises DeliveryError and LimitExceeded by name."""

    def find(self, peer: PeerSettings, level: Level, keys: Mapping[str, str], limits: Limits) -> Iterator[Match]:
        """Matches of a C-FIND."""
        ...

    def retrieve(
        self, peer: PeerSettings, keys: Mapping[str, str | Sequence[str]], limits: Limits, arrived: Callable[[], int]
    ) -> None:
        """Have these instances come in by C-GET or C-MOVE, on the level of images."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What is in the index."""

    known: Callable[[Collection[str]], set[SOPInstanceUID]]
    """Which of these instances are here."""
    size: Callable[[StudyInstanceUID], int]
    """Bytes of a study that are here."""


@dataclass(slots=True, kw_only=True)
class Budget:
    """What is left for one exam, over all its peers and priors."""

    instances: int
    bytes: int
    deadline: float
    clock: Callable[[], float]

    def limits(self) -> Limits:
        """As limits of the next question.

        Raises
        ------
        LimitExceeded
            When nothing is left.
        """
        seconds = self.deadline - self.clock()
        if seconds <= 0 or self.instances <= 0 or self.bytes <= 0:
            spent = "time" if seconds <= 0 else "number of instances" if self.instances <= 0 else "number of bytes"
            raise LimitExceeded(f"the {spent} for priors of one exam is spent")
        return Limits(number=self.instances, seconds=seconds, bytes=self.bytes)


def offered(exam: Current, rule: Prior, peer: PeerSettings, archive: Archive, budget: Budget) -> list[StudyInstanceUID]:
    """The studies of a peer that may be priors of an exam, the newest first."""
    if not exam.patient.patient_id or not exam.study_date:
        return []
    keys = {**dict.fromkeys(_STUDY_KEYS, ""), "PatientID": exam.patient.patient_id}
    keys["StudyDate"] = f"{oldest(exam, rule)}-{exam.study_date}"
    limits = Limits(number=_MOST_MATCHES, seconds=budget.limits().seconds)
    fit = [match for match in archive.find(peer, "STUDY", keys, limits) if not unfit_study(match, exam, rule)]
    fit.sort(key=lambda match: (match.get("StudyDate", ""), match["StudyInstanceUID"]), reverse=True)
    return [StudyInstanceUID(match["StudyInstanceUID"]) for match in fit]


def fetch(
    study: StudyInstanceUID,
    exam: Current,
    rule: Prior,
    peer: PeerSettings,
    archive: Archive,
    here: Here,
    budget: Budget,
) -> tuple[int, int, int]:
    """Fetch what is not here of a prior's fitting series.

    Returns
    -------
    int, int, int
        Series that fit, instances that came, and instances that were asked for and did not come.
    """
    came = asked = 0
    fitting = _series(study, exam, rule, peer, archive, budget)
    for series in fitting:
        place = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
        wanted = _instances(place, peer, archive, budget)
        missing = sorted(set(wanted) - here.known(wanted))
        if len(missing) > budget.instances:
            raise LimitExceeded(f"{peer.name} offers more instances than the limit for priors of one exam allows")
        for start in range(0, len(missing), _MOST_UIDS):
            some = missing[start : start + _MOST_UIDS]
            begun = here.size(study)

            def arrived_bytes(begun: int = begun) -> int:
                return here.size(study) - begun

            archive.retrieve(peer, {**place, "SOPInstanceUID": some}, budget.limits(), arrived_bytes)
            arrived = len(here.known(some))
            came, asked = came + arrived, asked + len(some)
            budget.instances -= len(some)
            budget.bytes -= arrived_bytes()
    return len(fitting), came, asked - came


def _series(
    study: StudyInstanceUID, exam: Current, rule: Prior, peer: PeerSettings, archive: Archive, budget: Budget
) -> list[str]:
    keys = {**dict.fromkeys(_SERIES_KEYS, ""), "StudyInstanceUID": study}
    limits = Limits(number=_MOST_MATCHES, seconds=budget.limits().seconds)
    found = archive.find(peer, "SERIES", keys, limits)
    return sorted(match["SeriesInstanceUID"] for match in found if not unfit_series(match, exam, rule))


def _instances(place: Mapping[str, str], peer: PeerSettings, archive: Archive, budget: Budget) -> list[str]:
    found = archive.find(peer, "IMAGE", {**place, "SOPInstanceUID": ""}, budget.limits())
    return [match["SOPInstanceUID"] for match in found if "SOPInstanceUID" in match]
