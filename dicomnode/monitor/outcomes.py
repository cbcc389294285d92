"""What turned out to be true, and how right a model was; how far a candidate agrees with the model that speaks."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dicomnode.domain.decision import LedgerEntry
from dicomnode.domain.identity import StudyInstanceUID
from dicomnode.errors import BadOutcomes
from dicomnode.sdk.intervals import Proportion, wilson

_WORDS = {
    **dict.fromkeys(("positive", "pos", "yes", "true", "1"), True),
    **dict.fromkeys(("negative", "neg", "no", "false", "0"), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of outcomes that was read."""

    outcomes: Mapping[StudyInstanceUID, bool]
    unknown: tuple[int, ...]
    """Lines, or reports in the order of their moments, about studies the plugin has not decided on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """Decisions against outcomes, by study."""

    found: int
    """Positive, and rightly so."""
    missed: int
    false: int
    """Positive, and wrongly so."""
    right_negative: int
    waiting: int
    """Studies whose outcome is not known yet."""

    @property
    def sensitivity(self) -> Proportion | None:
        """With its 95 % Wilson interval; None without a positive outcome."""
        return wilson(self.found, self.found + self.missed) if self.found + self.missed else None

    @property
    def specificity(self) -> Proportion | None:
        """With its 95 % Wilson interval; None without a negative outcome."""
        negative = self.right_negative + self.false
        return wilson(self.right_negative, negative) if negative else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concordance:
    """A candidate beside the model that speaks, on the same exams."""

    table: Mapping[tuple[str, str], int]
    """How often the model said the first tier and the candidate the second."""
    agreement: Proportion
    kappa: float | None
    """Cohen's (1960); None where chance alone would always agree."""
    differences: Mapping[str, float]
    """Mean of candidate less model for each score, over the exams on which both give it."""


def read(text: str, known: Mapping[str, Collection[StudyInstanceUID]]) -> Table:
    """Read a CSV table of outcomes, whole or not at all.

    Parameters
    ----------
    text : str
        With a header line; ``study`` (Study Instance UID or Accession Number) and ``outcome`` (positive or negative,
        yes or no, 1 or 0) are read, other columns are not.
    known : mapping
        Studies by both names.

    Raises
    ------
    BadOutcomes
        For a missing column, a word that is no outcome, a name that means several studies, or two outcomes of one.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=None))
    try:
        return _table(rows, known)
    except csv.Error as error:
        raise BadOutcomes(f"line {rows.reader.line_num}: {error}") from error


def of_reports(said: Sequence[tuple[str, bool]], known: Mapping[str, Collection[StudyInstanceUID]]) -> Table:
    """Outcomes that reports state.

    Parameters
    ----------
    said : sequence of (Study Instance UID, positive)
        In the order of the reports' moments: what a later one says of a study counts.
    known : mapping
        As :func:`read`.
    """
    outcomes = {study: positive for name, positive in said for study in known.get(name, ())}
    unknown = tuple(number for number, (name, _) in enumerate(said, start=1) if not known.get(name))
    return Table(outcomes=outcomes, unknown=unknown)


def _table(rows: csv.DictReader[str], known: Mapping[str, Collection[StudyInstanceUID]]) -> Table:
    columns = {(name or "").strip().lower(): name for name in rows.fieldnames or ()}
    if missing := sorted({"study", "outcome"} - columns.keys()):
        raise BadOutcomes(f"line 1: there is no column {' and no '.join(missing)}; needed are study and outcome")
    outcomes: dict[StudyInstanceUID, bool] = {}
    unknown = []
    for row in rows:
        line = rows.line_num
        name, word = ((row[columns[column]] or "").strip() for column in ("study", "outcome"))
        if word.lower() not in _WORDS:
            raise BadOutcomes(f"line {line}: {word!r} is no outcome; say positive or negative")
        studies = known.get(name, ())
        if len(studies) > 1:
            raise BadOutcomes(f"line {line}: the accession number means {len(studies)} studies; give the UID")
        if not studies:
            unknown.append(line)
        for study in studies:
            if outcomes.setdefault(study, _WORDS[word.lower()]) != _WORDS[word.lower()]:
                raise BadOutcomes(f"line {line}: an earlier line says otherwise of the same study")
    return Table(outcomes=outcomes, unknown=tuple(unknown))


def performance(entries: Sequence[LedgerEntry], outcomes: Mapping[StudyInstanceUID, bool]) -> Performance:
    """How right the decisions that left the node were; a study with several is positive when one of them is."""
    called: dict[StudyInstanceUID, bool] = {}
    for entry in entries:
        if entry.positive is not None and not (entry.shadow or entry.withheld or entry.superseded):
            called[entry.study_instance_uid] = called.get(entry.study_instance_uid, False) or entry.positive
    pairs = Counter((positive, outcomes[study]) for study, positive in called.items() if study in outcomes)
    return Performance(
        found=pairs[True, True],
        missed=pairs[False, True],
        false=pairs[True, False],
        right_negative=pairs[False, False],
        waiting=len(called) - pairs.total(),
    )


def concordance(speaks: Sequence[LedgerEntry], candidate: Sequence[LedgerEntry]) -> Concordance | None:
    """Hold a shadow model's decisions against those on the same tasks; None without a common one."""
    other = {entry.task_id: entry for entry in candidate}
    pairs = [(entry, other[entry.task_id]) for entry in speaks if entry.task_id in other]
    if not pairs:
        return None
    table = Counter((one.tier, two.tier) for one, two in pairs)
    same = sum(count for (one, two), count in table.items() if one == two)
    moved: dict[str, list[float]] = {}
    for one, two in pairs:
        for name in sorted(one.scores.keys() & two.scores.keys()):
            moved.setdefault(name, []).append(two.scores[name] - one.scores[name])
    differences = {name: sum(values) / len(values) for name, values in moved.items()}
    kappa = _kappa(table)
    return Concordance(table=dict(table), agreement=wilson(same, len(pairs)), kappa=kappa, differences=differences)


def _kappa(table: Counter[tuple[str, str]]) -> float | None:
    total = table.total()
    ones, twos = Counter[str](), Counter[str]()
    for (one, two), count in table.items():
        ones[one] += count
        twos[two] += count
    chance = sum(ones[tier] * twos[tier] for tier in ones) / total**2
    same = sum(table[tier, tier] for tier in ones) / total
    return None if chance == 1 else (same - chance) / (1 - chance)
