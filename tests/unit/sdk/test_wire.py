"""A case and findings cross the border unchanged; what is broken is named."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dicomnode.errors import BadFinding
from dicomnode.sdk import (
    HOT_IRON,
    Case,
    Code,
    Decision,
    DerivedImage,
    Finding,
    Layer,
    Measurement,
    ParametricMap,
    Presentation,
    QualitativeEvaluation,
    Recommendation,
    Registration,
    SecondaryCapture,
    Segment,
    Segmentation,
    Volume,
    wire,
)
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, FAT_FRACTION, LIVER, MEAN, PERCENT, SPATIAL_RESAMPLING

SHAPE = (2, 3, 4)


def case() -> Case:
    volume = Volume(
        array=np.arange(24, dtype=np.float32).reshape(SHAPE),
        affine=np.array([[0, 0.5, 0, -10.25], [1.5, 0, 0, 3], [0, 0, -7, 1e-7], [0, 0, 0, 1]]),
        frame="A",
        acquisition={"EchoTime": 2.3, "Manufacturer": "SIEMENS"},
    )
    return Case(
        volumes={"image": volume, "other": replace(volume, frame="B")},
        parameters={"gate": 5.0, "name": "x", "count": 3, "on": True},
    )


def findings() -> list[Finding]:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 1, 2] = 1
    percent = np.full(SHAPE, np.nan, np.float32)
    percent[0] = 12.5
    return [
        Segmentation(
            on="image",
            labels=labels,
            segments=(Segment(label="Liver", category=ANATOMICAL_STRUCTURE, type=LIVER, colour=(1, 2, 3)),),
        ),
        ParametricMap(
            on="image",
            derived_from=("image",),
            array=percent,
            quantity=FAT_FRACTION,
            unit=PERCENT,
            label="FF",
            title="Fat fraction",
            value_range=(0.0, 50.0),
            window=(20.0, 40.0),
        ),
        SecondaryCapture(
            on="image", derived_from=("image",), frames=np.full((*SHAPE, 3), 7, np.uint8), title="Überlagerung"
        ),
        Measurement(name=FAT_FRACTION, value=np.float32(0.1), unit=PERCENT, of="Liver", derivation=MEAN, decimals=1),  # type: ignore[arg-type]
        QualitativeEvaluation(name=FAT_FRACTION, value=Code("1", "99X", "one"), of="Liver"),
        QualitativeEvaluation(name=FAT_FRACTION, value="in words"),
        Recommendation(value="look again"),
        Registration(fixed="image", moving="other", matrix=np.eye(4) + np.eye(4, k=3) * 2.5),
        DerivedImage(
            on="image",
            derived_from=("other",),
            array=np.full(SHAPE, -3, np.int16),
            title="Resampled",
            window=(100.0, 50.0),
            derivation=SPATIAL_RESAMPLING,
        ),
        Presentation(
            title="Both",
            base=Layer(image="image", window=(1.0, 2.0)),
            overlay=Layer(image="Resampled", window=(3.0, 4.0), colours=HOT_IRON),
            opacity=0.25,
        ),
        Decision(
            model="darndest",
            version="1.0",
            digest="ab" * 32,
            tier="suspicious",
            positive=True,
            scores={"t1": np.float32(0.5)},  # type: ignore[dict-item]
            features={"t1_noise": -3.25, "t2_noise": -2.0},
            shadow=True,
        ),
        Decision(tier="negative"),
    ]


def test_a_case_comes_back_as_it_was(tmp_path: Path) -> None:
    sent = case()
    wire.write_case(tmp_path, sent.volumes, sent.parameters)
    got = wire.read_case(tmp_path)
    assert got.parameters == sent.parameters
    assert {type(v) for v in got.parameters.values()} == {float, str, int, bool}
    one, other = got.volume("image"), sent.volume("image")
    np.testing.assert_array_equal(one.array, other.array)
    np.testing.assert_array_equal(one.affine, other.affine)
    assert (one.unit, one.frame, one.acquisition) == (other.unit, other.frame, other.acquisition)
    with pytest.raises(KeyError):
        got.volume("third")


def test_findings_come_back_as_they_were(tmp_path: Path) -> None:
    wire.write_findings(tmp_path, findings())
    got = wire.read_findings(tmp_path, case())
    for one, other in zip(got, findings(), strict=True):
        assert type(one) is type(other)
        for name in type(other).__dataclass_fields__:
            left, right = getattr(one, name), getattr(other, name)
            if isinstance(right, np.ndarray):
                assert left.dtype == right.dtype
                np.testing.assert_array_equal(left, right)
            else:
                assert left == right


@settings(max_examples=50, deadline=None)
@given(
    array=arrays.arrays(np.float32, SHAPE, elements=st.floats(-1e6, 1e6, width=32)),
    affine=arrays.arrays(np.float64, (4, 4), elements=st.floats(-1e6, 1e6)),
    acquisition=st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.floats(-1e6, 1e6), max_size=4),
)
def test_any_volume_comes_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, affine: np.ndarray, acquisition: dict[str, str | float]
) -> None:
    folder = tmp_path_factory.mktemp("case")
    wire.write_case(folder, {"v": Volume(array=array, affine=affine, acquisition=acquisition)}, {})
    got = wire.read_case(folder).volume("v")
    assert got.array.tobytes() == array.tobytes()
    assert got.affine.tobytes() == affine.tobytes()
    assert got.acquisition == acquisition


WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=64)
CODES = st.builds(Code, WORDS, WORDS, WORDS)
SAID = st.one_of(
    st.builds(
        Measurement,
        name=CODES,
        value=st.floats(allow_nan=False, allow_infinity=False),
        unit=CODES,
        derivation=st.none() | CODES,
        decimals=st.integers(0, 9),
    ),
    st.builds(QualitativeEvaluation, name=CODES, value=CODES | WORDS),
    st.builds(Recommendation, value=CODES | WORDS),
)


@settings(max_examples=100, deadline=None)
@given(said=st.lists(SAID, min_size=1, max_size=4))
def test_whatever_is_said_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, said: list[Finding]) -> None:
    folder = tmp_path_factory.mktemp("findings")
    wire.write_findings(folder, said)
    assert wire.read_findings(folder, case()) == said


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        wire.write_findings(tmp_path / name, findings())
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "ended without writing findings"),
        ("{", "cannot be read"),
        ("{}", "is not a list"),
        ('[{"kind": "Poem"}]', "kind 'Poem'"),
        ("[7]", "not a kind of finding"),
        ('[{"kind": "Measurement"}]', "finding 0 \\(Measurement\\) cannot be read"),
        ('[{"kind": "Recommendation", "value": {"value": "", "scheme": "x", "meaning": "y"}}]', "a code needs"),
        (
            '[{"kind": "Segmentation", "on": "image", "labels": "../x.npy", "segments": []}]',
            "outside the case directory",
        ),
        ('[{"kind": "Segmentation", "on": "image", "labels": "gone.npy", "segments": []}]', "cannot be read"),
    ],
)
def test_broken_findings_are_named(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / wire.FINDINGS).write_text(content)
    with pytest.raises(BadFinding, match=says):
        wire.read_findings(tmp_path, case())


def test_a_pickle_in_an_array_file_is_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "evil.npy", np.array([object()]), allow_pickle=True)
    entry = [{"kind": "Segmentation", "on": "image", "labels": "evil.npy", "segments": []}]
    (tmp_path / wire.FINDINGS).write_text(json.dumps(entry))
    with pytest.raises(BadFinding, match="cannot be read"):
        wire.read_findings(tmp_path, case())


def test_what_is_no_finding_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(BadFinding, match="finding 0 is a str"):
        wire.write_findings(tmp_path, ["text"])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": 7}, "name: 7 is not a Code"),
        ({"name": {"value": "1", "scheme": "S", "meaning": "x" * 65}}, "name: code meaning is longer than 64"),
        ({"value": "12"}, "value: '12' is not a float"),
        ({"value": True}, "value: True is not a float"),
        ({"decimals": 1.0}, "decimals: 1.0 is not a int"),
        ({"of": None}, "of: None is not a str"),
        ({"extra": 1}, "a Measurement has no extra"),
    ],
)
def test_a_field_of_another_type_is_named(tmp_path: Path, change: dict[str, object], says: str) -> None:
    wire.write_findings(tmp_path, [Measurement(name=FAT_FRACTION, value=1.0, unit=PERCENT)])
    (entry,) = json.loads((tmp_path / wire.FINDINGS).read_text())
    (tmp_path / wire.FINDINGS).write_text(json.dumps([entry | change]))
    with pytest.raises(BadFinding, match=f"finding 0 .*{says}"):
        wire.read_findings(tmp_path, case())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(which=st.integers(0, 6), choice=st.integers(0, 20), value=JSON)
def test_whatever_a_field_holds_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, which: int, choice: int, value: object
) -> None:
    folder = tmp_path_factory.mktemp("findings")
    wire.write_findings(folder, findings())
    entries = json.loads((folder / wire.FINDINGS).read_text())
    names = sorted(entries[which])
    entries[which][names[choice % len(names)]] = value
    (folder / wire.FINDINGS).write_text(json.dumps(entries))
    with suppress(BadFinding):
        wire.read_findings(folder, case())


def test_a_link_out_of_the_directory_is_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "case"
    inside.mkdir()
    wire.write_findings(inside, findings())
    labels = inside / "finding-0-labels.npy"
    labels.rename(tmp_path / "elsewhere.npy")
    labels.symlink_to(tmp_path / "elsewhere.npy")
    with pytest.raises(BadFinding, match="outside the case directory"):
        wire.read_findings(inside, case())


def test_a_pipe_in_place_of_the_findings_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / wire.FINDINGS)
    with pytest.raises(BadFinding, match="is not a file"):
        wire.read_findings(tmp_path, case())


def test_an_array_larger_than_its_file_is_not_made(tmp_path: Path) -> None:
    wire.write_findings(tmp_path, findings())
    with (tmp_path / "finding-0-labels.npy").open("wb") as labels:
        header = {"descr": "|u1", "fortran_order": False, "shape": (10**6, 10**4, 10**3)}
        np.lib.format.write_array_header_1_0(labels, header)
    with pytest.raises(BadFinding, match=r"finding 0 .*cannot be read: labels: mmap length"):
        wire.read_findings(tmp_path, case())


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (None, "returned a NoneType"),
        ([Recommendation(value={1, 2})], "finding 0 .Recommendation. cannot be written: set"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_written_is_named(tmp_path: Path, returned: object, says: str) -> None:
    with pytest.raises(BadFinding, match=says):
        wire.write_findings(tmp_path, returned)  # type: ignore[arg-type]
    assert not (tmp_path / wire.FINDINGS).exists()
