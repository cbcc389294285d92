"""What is usual for a model is kept and made anew; a study counts once along each stream; on both databases."""

from __future__ import annotations

from dataclasses import replace

from dicomnode.domain.decision import Stream
from dicomnode.domain.identity import AETitle
from dicomnode.index import references
from dicomnode.index.database import Database
from dicomnode.index.references import Kept
from tests.unit.monitor.decisions import BY
from tests.values import STUDY, at, digest


def test_a_reference_is_kept_watched_from_and_made_anew(database: Database) -> None:
    other = replace(BY, digest=digest("other weights"))
    with database.write() as session:
        assert references.read(session, BY) == Kept(content={}, last=0, watched=0)
        references.write(session, BY, {"exams": 100}, 120, at(1))
        references.watched(session, BY, 150)
    with database.write() as session:
        assert references.read(session, BY) == Kept(content={"exams": 100}, last=120, watched=150)
        assert references.read(session, other).content == {}
        references.write(session, BY, {}, 200, at(2))
    with database.read() as session:
        assert references.read(session, BY) == Kept(content={}, last=200, watched=200)


def test_a_study_counts_once_along_each_stream_and_old_ones_go(database: Database) -> None:
    one = Stream(sender=AETitle("MR1"), scanner="Siemens Vida", protocol="t1_tse")
    two = replace(one, protocol="")
    with database.write() as session:
        references.note(session, STUDY, {one}, at(0))
        references.note(session, STUDY, {one, two}, at(5))
        assert references.arrivals(session, at(-1)) == {one: [at(0)], two: [at(5)]}
        assert references.arrivals(session, at(1)) == {two: [at(5)]}
        assert references.arrivals(session, at(-1)) == {two: [at(5)]}, "what is old is gone"
