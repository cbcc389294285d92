"""Findings in, finished and checked DICOM objects out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, get_args

from pydicom import Dataset

from dicomnode.domain.identity import SeriesInstanceUID, SOPClassUID, SOPInstanceUID
from dicomnode.domain.task import ResultKind, ResultObject
from dicomnode.encode import (
    burn,
    collector,
    kos,
    lookups,
    mr,
    pdf,
    pm,
    pr,
    reg,
    rtstruct,
    sc,
    seg,
    sources,
    sr,
    times,
    words,
)
from dicomnode.encode import contents as contents_of
from dicomnode.encode.check import check, check_replaced, check_sources
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import Context
from dicomnode.encode.finalize import pin_dimension_organization, to_bytes
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

_REFERS_TO: Mapping[ResultKind, tuple[ResultKind, ...]] = {"SR": ("SEG",), "PR": ("MR",)}

Written: TypeAlias = list[tuple[Series, Dataset]]


def prepare() -> None:
    """Load what every task needs: done once in the process that tasks are forked from, it is there in each of them."""
    lookups.load()
    burn.font()


@collector.at_rest()
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
        Of the kinds the task asks for, every object after those it refers to.

    Raises
    ------
    EncodingError
        When a finding cannot be expressed as a DICOM object.
    CheckFailed
        When inputs or finished objects do not hold what they must.
    """
    lookups.remember()
    headers = sources.read(work)
    check_sources(headers, work)
    replaces = sources.read_header(work.replaces) if work.replaces else None
    check_replaced(replaces, headers)
    context = Context(work=work, sources=headers, moment=times.newest(headers.everything()), replaces=replaces)
    contents = contents_of.sort(findings, work, headers)
    series = wanted(plan(work, contents.forms(work.spec.title)), work.kinds)
    try:
        results = tuple(_result(dataset, place) for place, dataset in _build(contents, context, series))
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


def wanted(series: Sequence[Series], kinds: frozenset[ResultKind]) -> tuple[Series, ...]:
    """The series of these kinds and of those they refer to; what is referred to comes first."""
    closed = kinds.union(*(_REFERS_TO.get(kind, ()) for kind in kinds))
    order = get_args(ResultKind)
    return tuple(sorted((place for place in series if place.kind in closed), key=lambda place: order.index(place.kind)))


def _build(contents: Contents, context: Context, series: Sequence[Series]) -> Iterator[tuple[Series, Dataset]]:
    written: Written = []
    for place in series:
        for dataset in _datasets(place, contents, context, written):
            written.append((place, dataset))
            yield place, dataset


def _datasets(place: Series, contents: Contents, context: Context, written: Written) -> Iterable[Dataset]:
    match place.kind, place.finding:
        case "SEG" | "LABELMAP", Segmentation() as finding:
            yield seg.build(finding, context, place)
        case "RTSTRUCT", Segmentation() as finding:
            yield rtstruct.build(finding, context, place)
        case "PM" | "PM16", ParametricMap() as finding:
            yield pm.build(finding, context, place)
        case "SC", SecondaryCapture() as finding:
            yield from sc.build(finding, context, place)
        case "MR", DerivedImage() as finding:
            yield from mr.build(finding, context, place, contents.unwritten)
        case "REG", Registration() as finding:
            yield reg.build(finding, context, place)
        case "PR", Presentation() as finding:
            yield pr.build(finding, context, place, _derived(written))
        case _:
            yield _document(place, contents, context, written)


def _document(place: Series, contents: Contents, context: Context, written: Written) -> Dataset:
    """What speaks of the whole task."""
    match place.kind:
        case "SR":
            segmentations = [image for other, image in written if other.kind == "SEG"]
            return sr.build(contents, context, place, segmentations)
        case "SR-VIEWER":
            return words.build(contents, context, place)
        case "KOS":
            return kos.build(contents, context, place)
        case "PDF":
            return pdf.build(contents, context, place)
        case kind:
            raise EncodingError(f"nothing writes {kind}")


def _derived(written: Written) -> pr.Images:
    images: dict[str, list[Dataset]] = {}
    for place, image in written:
        if isinstance(place.finding, DerivedImage):
            images.setdefault(place.finding.title, []).append(image)
    return images


def _result(dataset: Dataset, series: Series) -> ResultObject:
    pin_dimension_organization(dataset, series)
    return ResultObject(
        sop_instance_uid=SOPInstanceUID(str(dataset.SOPInstanceUID)),
        sop_class_uid=SOPClassUID(str(dataset.SOPClassUID)),
        series_instance_uid=SeriesInstanceUID(str(dataset.SeriesInstanceUID)),
        kind=series.kind,
        description=series.description,
        content=to_bytes(dataset),
    )
