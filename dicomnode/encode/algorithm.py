"""Who made a result: the plugin as SEG and SR identify an algorithm."""

from __future__ import annotations

from highdicom import AlgorithmIdentificationSequence
from highdicom.sr import AlgorithmIdentification, CodedConcept

from dicomnode.encode.context import MANUFACTURER
from dicomnode.encode.work import Work
from dicomnode.sdk.codes import Code


def concept(code: Code) -> CodedConcept:
    """The same code in highdicom's clothes."""
    return CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)


def parameters(work: Work) -> list[str]:
    """All parameters with their units, in the order of the specification: ``minimum = 5.0 %``; none without a value."""
    units = {parameter.name: parameter.unit for parameter in work.spec.parameters}
    names = [*(name for name in units if name in work.parameters), *sorted(set(work.parameters) - set(units))]
    said = {name: str(work.parameters[name]) for name in names}
    return [f"{name} = {value} {units.get(name, '')}".rstrip() for name, value in said.items() if value]


def for_images(work: Work) -> AlgorithmIdentificationSequence:
    """Algorithm Identification macro (PS3.3 Table 10-19)."""
    return AlgorithmIdentificationSequence(
        name=work.spec.name,
        version=work.spec.version,
        family=concept(work.spec.family),
        source=MANUFACTURER,
        parameters=dict(line.split(" = ", 1) for line in parameters(work)) or None,
    )


def for_reports(work: Work) -> AlgorithmIdentification:
    """Algorithm Identification template (PS3.16 TID 4019)."""
    return AlgorithmIdentification(
        name=work.spec.name,
        version=work.spec.version,
        family=concept(work.spec.family),
        manufacturer=MANUFACTURER,
        parameters=parameters(work) or None,
    )
