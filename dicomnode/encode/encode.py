"""Findings in, finished and checked DICOM objects out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydicom import Dataset

from dicomnode.domain.identity import SOPClassUID, SOPInstanceUID
from dicomnode.domain.task import ResultObject
from dicomnode.encode import contents as contents_of
from dicomnode.encode import pm, sc, seg, sources, sr, times
from dicomnode.encode.check import check, check_sources
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import Context
from dicomnode.encode.finalize import to_bytes
from dicomnode.encode.series import Series, plan
from dicomnode.encode.work import Work
from dicomnode.errors import EncodingError
from dicomnode.sdk import wire
from dicomnode.sdk.findings import Finding


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
        Segmentations, parametric maps, secondary captures (one for each slice), and the report last: what it refers
        to is then sent before it.

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
    contents = contents_of.sort(findings, work)
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
    report, *others = series
    places = iter(others)
    written: list[Dataset] = []
    for segmentation in contents.segmentations:
        place = next(places)
        written.append(seg.build(segmentation, context, place))
        yield written[-1], place
    for parametric_map in contents.maps:
        place = next(places)
        written.append(pm.build(parametric_map, context, place))
        yield written[-1], place
    for capture in contents.captures:
        place = next(places)
        for image in sc.build(capture, context, place):
            written.append(image)
            yield image, place
    yield sr.build(contents, context, report, written), report


def _result(dataset: Dataset, series: Series) -> ResultObject:
    return ResultObject(
        sop_instance_uid=SOPInstanceUID(str(dataset.SOPInstanceUID)),
        sop_class_uid=SOPClassUID(str(dataset.SOPClassUID)),
        kind=series.kind,
        description=series.description,
        content=to_bytes(dataset, series),
    )
