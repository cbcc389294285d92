"""What a reader gets back of derived images, registrations and presentation states, decoded without highdicom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from dicomnode.encode import pr, references
from dicomnode.encode.context import Context
from dicomnode.encode.roundtrip import TOLERANCE, on_slice
from dicomnode.errors import CheckFailed
from dicomnode.sdk.findings import DerivedImage, Layer, Presentation, Registration


def derived(images: Sequence[Dataset], finding: DerivedImage, context: Context) -> None:
    """Prove place and signal of each image."""
    for number, (image, expected) in enumerate(zip(images, finding.array, strict=True)):
        stored = np.frombuffer(image.PixelData, "<i2").reshape(image.Rows, image.Columns)
        mapping = image.RealWorldValueMappingSequence[0]
        step = mapping.RealWorldValueSlope
        if mapping.RealWorldValueIntercept or np.abs(stored * step - expected).max() > step / 2:
            raise CheckFailed("MR: the signal does not read back as it was given")
        if image.ImageType[:2] != ["DERIVED", "SECONDARY"]:
            raise CheckFailed("MR: the image does not say that it is derived")
        on_slice(image, image, context.sources.by_role[finding.on][number], "MR")


def registration(dataset: Dataset, finding: Registration, context: Context) -> None:
    """The read matrices carry the moving input's corners to where the finding's matrix carries them."""
    fixed, moving = (context.sources.by_role[role][0].FrameOfReferenceUID for role in (finding.fixed, finding.moving))
    matrices = {str(item.FrameOfReferenceUID): _matrix(item) for item in dataset.RegistrationSequence}
    if dataset.FrameOfReferenceUID != fixed or set(matrices) != {fixed, moving}:
        raise CheckFailed("REG: the frames of reference are not those of the fixed and the moving input")
    corners = np.array([[*corner, 1.0] for corner in context.work.geometry[finding.moving].corners()]).T
    for matrix, expected in ((matrices[moving], finding.matrix), (matrices[fixed], np.eye(4))):
        if np.linalg.norm((matrix @ corners - expected @ corners)[:3], axis=0).max() > TOLERANCE:
            raise CheckFailed("REG: the matrix does not read back as it was given")


def _matrix(item: Dataset) -> npt.NDArray[np.float64]:
    step = item.MatrixRegistrationSequence[0].MatrixSequence[0]
    return np.array(step.FrameOfReferenceTransformationMatrix, dtype=np.float64).reshape(4, 4)


def presentation(dataset: Dataset, finding: Presentation, images: Mapping[str, Sequence[Dataset]]) -> None:
    """Prove layers, their order, opacity and windows; ``images`` are those a layer may name."""
    layers = [layer for layer in (finding.overlay, finding.base) if layer]
    if dataset.SOPClassUID == pr.ADVANCED_BLENDING:
        items = list(dataset.AdvancedBlendingSequence)
        display = dataset.BlendingDisplaySequence[0]
        order = [entry.BlendingInputNumber for entry in display.BlendingDisplayInputSequence]
        if order != [1, 2] or display.RelativeOpacity != np.float32(finding.opacity):
            raise CheckFailed("PR: the layers are not blended as the finding says")
        shown = [_named(item.ReferencedImageSequence) for item in items]
    else:
        items = [dataset]
        shown = [_named(dataset.ReferencedSeriesSequence[0].ReferencedImageSequence)]
    if shown != [_named(references.images(images[layer.image])) for layer in layers]:
        raise CheckFailed("PR: the images are not those of the finding's layers")
    if [_windows(item) for item in items] != [_expected(layer, images[layer.image]) for layer in layers]:
        raise CheckFailed("PR: the windows are not those of the finding")


def _named(items: Sequence[Dataset]) -> list[tuple[str, str, str]]:
    """Class, instance and frames of references."""
    return [
        (str(item.ReferencedSOPClassUID), str(item.ReferencedSOPInstanceUID), str(item.get("ReferencedFrameNumber")))
        for item in items
    ]


def _windows(item: Dataset) -> list[tuple[float, float]]:
    return [(float(entry.WindowCenter), float(entry.WindowWidth)) for entry in item.SoftcopyVOILUTSequence]


def _expected(layer: Layer, images: Sequence[Dataset]) -> list[tuple[float, float]]:
    return [(float(entry.WindowCenter), float(entry.WindowWidth)) for entry in pr.windows(layer, images)]
