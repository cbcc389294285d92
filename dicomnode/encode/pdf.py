"""Encapsulated PDF: the report's words and numbers, and a picture, on paper (PS3.3 A.45.1)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset

from dicomnode.encode import sr
from dicomnode.encode.burn import TEXT
from dicomnode.encode.contents import Contents
from dicomnode.encode.context import MANUFACTURER, Context, stamp
from dicomnode.encode.series import Series
from dicomnode.encode.work import Work
from dicomnode.sdk.findings import Measurement

SOP_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
_PAGE = (1240, 1754)
"""A4 at 150 dpi: columns and rows."""
_RESOLUTION = 150
_MARGIN = 80
_LETTER = (12, 26)
"""Width and height of a line's letter: Pillow's built-in bitmap font twice as large, the same pixels everywhere."""
_COLUMNS = (_PAGE[0] - 2 * _MARGIN) // _LETTER[0]
_LINES = (_PAGE[1] - 2 * _MARGIN) // _LETTER[1]
_PICTURE_LINES = 28
_PLAIN = str.maketrans({"≥": ">=", "≤": "<=", "–": "-", "—": "-", "…": "...", "’": "'"})


def build(contents: Contents, context: Context, series: Series) -> Dataset:
    """Write the report as a document; nothing of the patient is on its pages."""
    dataset = Dataset()
    dataset.SOPClassUID = SOP_CLASS
    dataset.Modality = "DOC"
    dataset.ConversionType = "WSD"
    dataset.SecondaryCaptureDeviceManufacturer = MANUFACTURER
    dataset.SecondaryCaptureDeviceManufacturerModelName = MANUFACTURER
    dataset.AcquisitionDateTime = None
    dataset.BurnedInAnnotation = "NO"
    dataset.DocumentTitle = series.description
    dataset.ConceptNameCodeSequence = []
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    content = document(contents, context.work)
    dataset.EncapsulatedDocument = content + b"\0" * (len(content) % 2)
    dataset.EncapsulatedDocumentLength = len(content)
    stamp(dataset, context, series)
    return dataset


def document(contents: Contents, work: Work) -> bytes:
    """The PDF: one page, and more only where the words do not fit; it holds no date."""
    said = [row for line in lines(contents, work) for row in _wrapped(line)]
    pages: list[Image.Image] = []
    room = _LINES - (_PICTURE_LINES if contents.captures else 0)
    while said or not pages:
        page = Image.new("RGB", _PAGE, "white")
        for number, row in enumerate(said[:room]):
            page.paste(_drawn(row), (_MARGIN, _MARGIN + number * _LETTER[1]))
        if work.mode == "research":
            page.paste(_drawn(TEXT), (_MARGIN, _PAGE[1] - _MARGIN + _LETTER[1]))
        if contents.captures and not pages:
            _show(page, contents)
        pages.append(page)
        said, room = said[room:], _LINES
    buffer = BytesIO()
    pages[0].save(
        buffer, "PDF", save_all=True, append_images=pages[1:], resolution=_RESOLUTION, quality=95,
        creationDate=None, modDate=None, title=work.spec.title,
    )  # fmt: skip
    return buffer.getvalue()


def lines(contents: Contents, work: Work) -> Iterator[str]:
    """What the document says, in the order of the report in words."""
    if work.mode == "research":
        yield TEXT
    yield f"{work.spec.title} ({work.spec.name} {work.spec.version})"
    yield sr.MARK[work.mode]
    for label in ("", *contents.labels):
        statements = sr.case_statements(contents) if not label else sr.statements(contents.evaluations, label)
        numbers = [measurement for measurement in contents.measurements if measurement.of == label]
        if statements or numbers:
            yield ""
        if label:
            yield label
        yield from map(_statement, statements)
        yield from map(_number, numbers)
    if not (contents.labels or contents.measurements or sr.case_statements(contents)):
        yield sr.NOTHING_REPORTED


def _statement(item: Dataset) -> str:
    value = item.TextValue if "TextValue" in item else item.ConceptCodeSequence[0].CodeMeaning
    return f"{item.ConceptNameCodeSequence[0].CodeMeaning}: {value}"


def _number(measurement: Measurement) -> str:
    derived = f" ({measurement.derivation.meaning})" if measurement.derivation else ""
    value = f"{sr.rounded(measurement):.{measurement.decimals}f}"
    return f"{measurement.name.meaning}{derived}: {value} {measurement.unit.value}"


def _wrapped(line: str) -> list[str]:
    """Rows of a page; a letter that the font does not have is named, so that none is lost."""
    plain = line.translate(_PLAIN).encode("latin-1", "namereplace").decode("latin-1")
    return textwrap.wrap(plain, _COLUMNS) or [""]


def _drawn(row: str) -> Image.Image:
    small = Image.new("RGB", (max(1, 6 * len(row)), _LETTER[1] // 2), "white")
    ImageDraw.Draw(small).text((0, 0), row, fill="black", font=ImageFont.load_default_imagefont())
    return small.resize((2 * small.width, 2 * small.height), Image.Resampling.NEAREST)


def _show(page: Image.Image, contents: Contents) -> None:
    """The summary picture at the lower end: the last one that stands free, else the middle slice of the first."""
    free = [capture for capture in contents.captures if not capture.on]
    frames = (free[-1] if free else contents.captures[0]).frames
    picture = Image.fromarray(frames[len(frames) // 2])
    room = (_PAGE[0] - 2 * _MARGIN, (_PICTURE_LINES - 1) * _LETTER[1])
    scale = min(room[0] / picture.width, room[1] / picture.height)
    picture = picture.resize(
        (max(1, int(picture.width * scale)), max(1, int(picture.height * scale))), Image.Resampling.BILINEAR
    )
    page.paste(picture, ((_PAGE[0] - picture.width) // 2, _PAGE[1] - _MARGIN - picture.height))
