"""A plugin's decisions become ledger entries that say how their inputs were acquired, and nothing of the patient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dicomnode.domain.decision import Freeze, Model
from dicomnode.domain.identity import AETitle, SOPClassUID, StudyInstanceUID
from dicomnode.domain.task import Input, Task, TaskState
from dicomnode.monitor import ledger
from dicomnode.sdk import Decision, QualitativeEvaluation
from dicomnode.sdk.codes import FAT_FRACTION
from tests.values import STUDY, at, digest, instance, stack

GRID = stack("1.1").geometry
SPEAKS = Decision(model="m", version="2", digest="ab" * 32, tier="positive", positive=True, scores={"p": 0.9})
HEADER = {"Manufacturer": "Siemens", "ProtocolName": "t1_tse", "EchoTime": 12.0, "AccessionNumber": "A7"}


def _input(**facts: object) -> Input:
    assert GRID is not None
    sent = instance("1.1", **{**HEADER, **facts})  # type: ignore[arg-type]
    return Input(role="t1", instances=(sent,), geometry=GRID, frame_of_reference_uid="1")


def _task(entry: Input) -> Task:
    return Task(
        task_id=digest("a"),
        attempt=1,
        study_instance_uid=StudyInstanceUID(STUDY),
        plugin="triage",
        version="0.1.0",
        parameters={},
        inputs=(entry,),
        state=TaskState.RUNNING,
    )


def test_each_decision_is_an_entry_and_nothing_else_is() -> None:
    words = QualitativeEvaluation(name=FAT_FRACTION, value="words")
    shadow = replace(SPEAKS, model="new", shadow=True)
    one, other = ledger.entries(_task(_input()), [words, SPEAKS, shadow], at(5))
    assert one.by == Model(plugin="triage", model="m", version="2", digest="ab" * 32)
    assert (one.tier, one.positive, one.scores, one.shadow) == ("positive", True, {"p": 0.9}, False)
    assert (one.decided, one.study_instance_uid, one.accession_number, one.sender) == (at(5), STUDY, "A7", "SENDER")
    assert (other.by.model, other.shadow) == ("new", True)


def test_a_segmentation_is_no_acquisition_and_its_workstation_no_sender() -> None:
    images = _input()
    drawn = images.instances[0]
    drawn = replace(
        drawn,
        header=replace(drawn.header, sop_class_uid=SOPClassUID("1.2.840.10008.5.1.4.1.1.66.4")),
        calling_aet=AETitle("WORKSTATION"),
    )
    task = replace(_task(images), inputs=(replace(images, role="drawn", instances=(drawn,)), images))
    (entry,) = ledger.entries(task, [SPEAKS], at(5))
    assert (set(entry.inputs), entry.sender) == ({"t1"}, "SENDER")


def test_tags_say_how_an_input_was_acquired_and_nothing_of_the_patient() -> None:
    found = ledger.tags(_input(ScanOptions="FS", ScanningSequence=["SE", "IR"]))
    assert found == {
        "Manufacturer": "Siemens",
        "ProtocolName": "t1_tse",
        "EchoTime": 12.0,
        "FatSaturation": "yes",
        "ScanningSequence": "SE\\IR",
        "SliceSpacing": 5.0,
    }
    assert ledger.tags(_input())["FatSaturation"] == "no"


def test_tags_of_an_enhanced_image_are_those_of_the_frame() -> None:
    entry = _input()
    header = replace(entry.instances[0].header, frames=({"EffectiveEchoTime": 20.0}, {"EffectiveEchoTime": 80.0}))
    second = replace(entry, instances=(replace(entry.instances[0], header=header),), frames=(2,))
    assert ledger.tags(second)["EchoTime"] == 80.0


@pytest.mark.parametrize(
    ("plugin", "model", "why"),
    [
        ("triage", "", "plugin triage by Dr. A: a recall"),
        ("triage", "m", "model m by Dr. A: a recall"),
        ("triage", "other", ""),
        ("fusion", "", ""),
    ],
)
def test_a_freeze_is_of_a_plugin_or_of_one_of_its_models(plugin: str, model: str, why: str) -> None:
    freezes = [Freeze(plugin=plugin, model=model, by="Dr. A", reason="a recall")]
    assert ledger.frozen(freezes, Model(plugin="triage", model="m")) == why
    speaks, shadow = ledger.entries(_task(_input()), [SPEAKS, replace(SPEAKS, shadow=True)], at(5), freezes)
    assert speaks.withheld is bool(why)
    assert not shadow.withheld, "a shadow says nothing that could be withheld"
