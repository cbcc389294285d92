"""A case and findings cross the border unchanged; what is broken is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dicomnode.errors import BadFinding
from dicomnode.sdk import (
    Case,
    Code,
    Finding,
    Measurement,
    ParametricMap,
    QualitativeEvaluation,
    Recommendation,
    SecondaryCapture,
    Segment,
    Segmentation,
    Volume,
    wire,
)
from dicomnode.sdk.codes import ANATOMICAL_STRUCTURE, FAT_FRACTION, LIVER, MEAN, PERCENT

SHAPE = (2, 3, 4)


def case() -> Case:
    volume = Volume(
        array=np.arange(24, dtype=np.float32).reshape(SHAPE),
        affine=np.array([[0, 0.5, 0, -10.25], [1.5, 0, 0, 3], [0, 0, -7, 1e-7], [0, 0, 0, 1]]),
        frame="A",
        acquisition={"EchoTime": 2.3, "Manufacturer": "SIEMENS"},
    )
    return Case(volumes={"image": volume}, parameters={"gate": 5.0, "name": "x", "count": 3, "on": True})


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
        got.volume("other")


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
