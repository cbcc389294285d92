"""Result objects, read back."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from pydicom import Dataset, dcmread

from dicomnode.domain.task import ResultObject


def read(result: ResultObject) -> Dataset:
    """The data set in a result's bytes."""
    return dcmread(BytesIO(result.content))


def of_kind(results: Sequence[ResultObject], kind: str) -> list[Dataset]:
    """The data sets of one kind, in order."""
    return [read(result) for result in results if result.kind == kind]


def nodes(node: Dataset) -> list[Dataset]:
    """All content items below one, depth first."""
    below = list(node.get("ContentSequence", ()))
    return [item for child in below for item in (child, *nodes(child))]


def name(node: Dataset) -> str:
    """Meaning of a content item's concept name."""
    return str(node.ConceptNameCodeSequence[0].CodeMeaning) if "ConceptNameCodeSequence" in node else ""
