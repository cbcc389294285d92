"""Findings in, finished and checked DICOM objects out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydicom import Dataset

from dicomnode.domain.identity import SOPClassUID, SOPInstanceUID
from dicomnode.domain.task import ResultObject
from dicomnode.encode import contents as contents_of
from dicomnode.encode import mr, pm, pr, reg, sc, seg, sources, sr, times
from dicomnode.encode.check import check, check_sources
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import Context
from dicomnode.encode.finalize import to_bytes
from dicomnode.encode.series import Series, plan
from dicomnode.encode.work import Work
from dicomnode.errors import EncodingError
from dicomnode.sdk import wire
from dicomnode.sdk.findings import (
    DerivedImage,
    Finding,
    ParametricMap,
    Presentation,
    Registration,
    SecondaryCapture,
    Segmentation,
)


def encode(findings: Sequence[Finding], work: Work) -> tuple[ResultObject, ...]:
    """Write what a plugin found as DICOM objects.

    Parameters
    ----------
    findings : sequence of Finding
        In any order; measurements refer to segments by label. No finding at all still makes a report.
    work : Work
        The task. Its bytes, the findings and this package's version are all that the result depends on.

    Returns
    -------
    tuple of ResultObject
        Every object after those it refers to: the report last.

    Raises
    ------
    EncodingError
        When a finding cannot be expressed as a DICOM object.
    CheckFailed
        When inputs or finished objects do not hold what they must.
    """
    headers = sources.read(work)
    check_sources(headers, work)
    context = Context(work=work, sources=headers, moment=times.newest(headers.every()))
    contents = contents_of.sort(findings, work, headers)
    series = plan(work, contents.titles(work.spec.title))
    try:
        results = tuple(_result(dataset, place) for dataset, place in _build(contents, context, series))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise EncodingError(f"the findings of {work.spec.name} cannot be written: {error}") from error
    check(results, contents, context, series)
    return results


def encode_case(directory: Path, work: Work) -> tuple[ResultObject, ...]:
    """:func:`encode` the findings a plugin left in its case directory.

    Raises
    ------
    BadFinding, EncodingError, CheckFailed
        As :func:`dicomnode.sdk.wire.read_findings` and :func:`encode`.
    """
    return encode(wire.read_findings(directory, wire.read_case(directory)), work)


def _build(contents: Contents, context: Context, series: Sequence[Series]) -> Iterator[tuple[Dataset, Series]]:
    """Every object with its series; the report comes last and refers to all others."""
    report, *others = series
    written: list[Dataset] = []
    derived: dict[str, list[Dataset]] = {}
    for finding, place in zip(contents.objects, others, strict=True):
        images = list(_datasets(finding, context, place, derived))
        if isinstance(finding, DerivedImage):
            derived[finding.title] = images
        written += images
        yield from ((image, place) for image in images)
    yield sr.build(contents, context, report, written), report


def _datasets(finding: Finding, context: Context, place: Series, derived: pr.Images) -> Iterable[Dataset]:
    match finding:
        case Segmentation():
            yield seg.build(finding, context, place)
        case ParametricMap():
            yield pm.build(finding, context, place)
        case SecondaryCapture():
            yield from sc.build(finding, context, place)
        case DerivedImage():
            yield from mr.build(finding, context, place)
        case Registration():
            yield reg.build(finding, context, place)
        case Presentation():
            yield pr.build(finding, context, place, derived)


def _result(dataset: Dataset, series: Series) -> ResultObject:
    return ResultObject(
        sop_instance_uid=SOPInstanceUID(str(dataset.SOPInstanceUID)),
        sop_class_uid=SOPClassUID(str(dataset.SOPClassUID)),
        kind=series.kind,
        description=series.description,
        content=to_bytes(dataset, series),
    )
