"""The decision ledger: what was decided, by whom, from what; and what turned out to be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Select, delete, func, select, update

from dicomnode.domain.decision import LedgerEntry, Model
from dicomnode.domain.identity import AETitle, Digest, StudyInstanceUID
from dicomnode.index.database import Transaction
from dicomnode.index.schema_monitor import DecisionRow, OutcomeRow


def record(session: Transaction, entries: Sequence[LedgerEntry]) -> None:
    """Write the decisions of one task, once: a later attempt adds nothing, and only replaces what was withheld."""
    tasks = {entry.task_id for entry in entries}
    session.execute(delete(DecisionRow).where(DecisionRow.task_id.in_(tasks), DecisionRow.withheld))
    known = set(session.scalars(select(DecisionRow.task_id).where(DecisionRow.task_id.in_(tasks))))
    session.add_all(_row(place, entry) for place, entry in enumerate(entries) if entry.task_id not in known)
    session.flush()


def supersede(session: Transaction, task_id: str, *, superseded: bool) -> None:
    """Mark a task's decisions as replaced by those on changed input, or as standing again."""
    session.execute(update(DecisionRow).where(DecisionRow.task_id == task_id).values(superseded=superseded))


def models(session: Transaction) -> list[Model]:
    """Everybody who has decided, the first first."""
    rows = session.execute(
        select(DecisionRow.plugin, DecisionRow.model, DecisionRow.model_version, DecisionRow.model_digest)
        .group_by(DecisionRow.plugin, DecisionRow.model, DecisionRow.model_version, DecisionRow.model_digest)
        .order_by(DecisionRow.plugin, DecisionRow.model, DecisionRow.model_version, DecisionRow.model_digest)
    )
    return [
        Model(plugin=plugin, model=model, version=version, digest=digest) for plugin, model, version, digest in rows
    ]


def of(session: Transaction, by: Model, *, after: int = 0, limit: int = 0, speaking: bool = False) -> list[LedgerEntry]:
    """A model's decisions, in order, those that changed input has replaced left out.

    Parameters
    ----------
    after : int
        Only those with a higher number.
    limit : int
        Not more than so many; 0 for all.
    speaking : bool
        Leave out what it said in the shadow.
    """
    query = _by(by).where(DecisionRow.id > after, ~DecisionRow.superseded).order_by(DecisionRow.id)
    if speaking:
        query = query.where(~DecisionRow.shadow)
    return [_entry(row) for row in session.scalars(query.limit(limit) if limit else query)]


def last(session: Transaction) -> int:
    """The highest number in the ledger."""
    return session.scalar(select(func.max(DecisionRow.id))) or 0


def before(session: Transaction, by: Model, number: int, limit: int) -> list[LedgerEntry]:
    """What the model said last up to a number, not in the shadow, in order."""
    stands = ~(DecisionRow.superseded | DecisionRow.shadow)
    query = _by(by).where(DecisionRow.id <= number, stands).order_by(DecisionRow.id.desc())
    return [_entry(row) for row in session.scalars(query.limit(limit))][::-1]


def newest(session: Transaction, *, plugin: str = "", study: str = "", limit: int = 0) -> list[LedgerEntry]:
    """Decisions of all models, the newest first; 0 for no limit."""
    query = select(DecisionRow).order_by(DecisionRow.id.desc())
    if plugin:
        query = query.where(DecisionRow.plugin == plugin)
    if study:
        query = query.where(DecisionRow.study_instance_uid == study)
    return [_entry(row) for row in session.scalars(query.limit(limit) if limit else query)]


def studies(session: Transaction, plugin: str) -> dict[str, set[StudyInstanceUID]]:
    """Studies that a plugin decided about, by Study Instance UID and by Accession Number."""
    rows = session.execute(
        select(DecisionRow.study_instance_uid, DecisionRow.accession_number).where(DecisionRow.plugin == plugin)
    )
    found: dict[str, set[StudyInstanceUID]] = {}
    for study, accession in rows:
        for name in filter(None, (study, accession)):
            found.setdefault(name, set()).add(StudyInstanceUID(study))
    return found


def write_outcomes(
    session: Transaction, plugin: str, outcomes: Mapping[StudyInstanceUID, bool], source: str, now: datetime
) -> None:
    """Keep what turned out to be true; what is known already is replaced."""
    session.execute(
        delete(OutcomeRow).where(OutcomeRow.plugin == plugin, OutcomeRow.study_instance_uid.in_(list(outcomes)))
    )
    session.add_all(
        OutcomeRow(study_instance_uid=study, plugin=plugin, positive=positive, source=source, imported=now)
        for study, positive in outcomes.items()
    )
    session.flush()


def outcomes(session: Transaction, plugin: str) -> dict[StudyInstanceUID, bool]:
    """What turned out to be true of the studies a plugin decided about."""
    rows = session.execute(
        select(OutcomeRow.study_instance_uid, OutcomeRow.positive).where(OutcomeRow.plugin == plugin)
    )
    return {StudyInstanceUID(study): positive for study, positive in rows}


def _by(by: Model) -> Select[DecisionRow]:
    return select(DecisionRow).where(
        DecisionRow.plugin == by.plugin,
        DecisionRow.model == by.model,
        DecisionRow.model_version == by.version,
        DecisionRow.model_digest == by.digest,
    )


def _row(place: int, entry: LedgerEntry) -> DecisionRow:
    return DecisionRow(
        task_id=entry.task_id,
        place=place,
        decided=entry.decided,
        study_instance_uid=entry.study_instance_uid,
        accession_number=entry.accession_number,
        plugin=entry.by.plugin,
        plugin_version=entry.plugin_version,
        model=entry.by.model,
        model_version=entry.by.version,
        model_digest=entry.by.digest,
        tier=entry.tier,
        positive=entry.positive,
        scores=dict(entry.scores),
        features=dict(entry.features),
        inputs={role: dict(tags) for role, tags in entry.inputs.items()},
        sender=entry.sender,
        shadow=entry.shadow,
        withheld=entry.withheld,
        superseded=entry.superseded,
    )


def _entry(row: DecisionRow) -> LedgerEntry:
    return LedgerEntry(
        number=row.id,
        decided=row.decided,
        task_id=Digest(row.task_id),
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        accession_number=row.accession_number,
        plugin_version=row.plugin_version,
        by=Model(plugin=row.plugin, model=row.model, version=row.model_version, digest=row.model_digest),
        tier=row.tier,
        positive=row.positive,
        scores=row.scores,
        features=row.features,
        inputs=row.inputs,
        sender=AETitle(row.sender),
        shadow=row.shadow,
        withheld=row.withheld,
        superseded=row.superseded,
    )
