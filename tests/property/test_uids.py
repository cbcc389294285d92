from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dicomnode.domain.identity import Digest
from dicomnode.encode import uids

SYNTAX = re.compile(r"2\.25\.(0|[1-9]\d*)")
digests = st.text("0123456789abcdef", min_size=64, max_size=64).map(Digest)
words = st.text(max_size=20)


@given(digests, st.lists(words, max_size=5))
def test_a_derived_uid_is_valid_and_always_the_same(task: Digest, role: list[str]) -> None:
    uid = uids.derive(task, *role)
    assert SYNTAX.fullmatch(uid)
    assert len(uid) <= 44
    assert int(uid.removeprefix("2.25.")) < 2**128
    assert uid == uids.derive(task, *role)


@given(st.lists(st.tuples(digests, st.lists(words, max_size=4).map(tuple)), max_size=60, unique=True))
def test_different_names_never_share_a_uid(names: list[tuple[Digest, tuple[str, ...]]]) -> None:
    assert len({uids.derive(task, *role) for task, role in names}) == len(names)


@given(st.tuples(words, words), words, words)
def test_a_tracking_uid_depends_on_every_part(patient: tuple[str, str], plugin: str, label: str) -> None:
    uid = uids.tracking(patient, plugin, label)
    assert SYNTAX.fullmatch(uid)
    issuer, patient_id = patient
    assert uid == uids.tracking(patient, plugin, label)
    assert uid != uids.tracking((issuer + "x", patient_id), plugin, label)
    assert uid != uids.tracking((issuer, patient_id + "x"), plugin, label)
    assert uid != uids.tracking(patient, plugin + "x", label)
    assert uid != uids.tracking(patient, plugin, label + "x")
    assert uid != uids.tracking(issuer + patient_id, plugin, label)
