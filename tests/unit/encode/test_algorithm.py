from __future__ import annotations

from dataclasses import replace

from dicomnode.encode import Work, algorithm


def test_a_parameter_without_a_value_such_as_an_empty_slot_is_not_listed(task: Work) -> None:
    work = replace(task, parameters={"minimum": 5.0, "model.outline": ""})
    assert algorithm.parameters(work) == ["minimum = 5.0 %"]
    assert len(algorithm.for_images(work)[0].AlgorithmParameters) > 0
