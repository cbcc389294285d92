"""The report as a tree of lines, for viewers that draw no measurements: conclusions first, nothing to be loaded.

The same content as :mod:`dicomnode.encode.sr`, which OHIF (3.13) cannot open. Here every line is readable by itself: a
number stands under how it was derived, sections are SEPARATE so that names are shown, and no image is referred to.
"""

from __future__ import annotations

from collections.abc import Sequence

from highdicom.sr import (
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    NumContentItem,
    RelationshipTypeValues,
)
from pydicom import Dataset

from dicomnode.encode import algorithm, document, sr
from dicomnode.encode.algorithm import concept
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import Context, stamp
from dicomnode.encode.series import Series
from dicomnode.sdk.codes import Code
from dicomnode.sdk.findings import Measurement, Segment

_TITLE = CodedConcept("18782-3", "LN", "Radiology Study observation")
_LABEL = CodedConcept("112039", "DCM", "Tracking Identifier")
_METHOD = CodedConcept("111001", "DCM", "Algorithm Name")
_DERIVATION = CodedConcept("121401", "DCM", "Derivation")


def build(contents: Contents, context: Context, series: Series) -> Dataset:
    """Write the report."""
    root = _section(_TITLE, is_root=True)
    root.ContentSequence.extend(_lines(contents, context))
    report = document.report(root, context.sources.everything())
    stamp(report, context, series)
    return report


def _lines(contents: Contents, context: Context) -> list[ContentItem]:
    """What a reader wants to know, then what an auditor wants to know."""
    said = [*sr.case_statements(contents), *_numbers(contents, "")]
    said += [_structure(segment, contents) for finding in contents.segmentations for segment in finding.segments]
    method = _section(_METHOD)
    method.ContentSequence.extend(algorithm.for_reports(context.work))
    return [
        sr.text(sr.COMMENT, sr.MARK[context.work.mode]),
        *(said or [sr.text(sr.COMMENT, sr.NOTHING_REPORTED)]),
        method,
        *sr.observer(context),
    ]


def _structure(segment: Segment, contents: Contents) -> ContainerContentItem:
    section = _section(concept(segment.type))
    section.ContentSequence.append(sr.text(_LABEL, segment.label))
    section.ContentSequence.extend(sr.statements(contents.evaluations, segment.label))
    section.ContentSequence.extend(_numbers(contents, segment.label))
    return section


def _numbers(contents: Contents, label: str) -> list[ContentItem]:
    """Numbers as they are, then those derived in some way under its name: viewers do not show a number's modifiers."""
    plain: list[ContentItem] = []
    derived: dict[Code, list[ContentItem]] = {}
    for measurement in contents.measurements:
        if measurement.of == label:
            items = derived.setdefault(measurement.derivation, []) if measurement.derivation else plain
            items.append(_number(measurement))
    return [*plain, *(_derived(derivation, items) for derivation, items in derived.items())]


def _derived(derivation: Code, numbers: Sequence[ContentItem]) -> ContainerContentItem:
    section = _section(concept(derivation))
    section.ContentSequence.extend(numbers)
    return section


def _number(measurement: Measurement) -> NumContentItem:
    item = NumContentItem(
        concept(measurement.name),
        sr.rounded(measurement),
        concept(measurement.unit),
        relationship_type=RelationshipTypeValues.CONTAINS,
    )
    if measurement.derivation:
        item.ContentSequence = ContentSequence([sr.modifier(_DERIVATION, measurement.derivation)])
    return item


def _section(name: CodedConcept, *, is_root: bool = False) -> ContainerContentItem:
    relationship = None if is_root else RelationshipTypeValues.CONTAINS
    section = ContainerContentItem(name, is_content_continuous=False, relationship_type=relationship)
    section.ContentSequence = ContentSequence(is_root=False)
    return section
