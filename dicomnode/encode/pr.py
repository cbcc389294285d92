"""Presentation states: Grayscale, Pseudo-colour and Advanced Blending (PS3.3 A.33.1, A.33.3, A.33.7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from highdicom import PaletteColorLUTTransformation
from highdicom.pr import (
    AdvancedBlending,
    AdvancedBlendingPresentationState,
    BlendingDisplay,
    BlendingDisplayInput,
    GrayscaleSoftcopyPresentationState,
    PseudoColorSoftcopyPresentationState,
)
from pydicom import Dataset
from pydicom.valuerep import format_number_as_ds

from dicomnode.dicom import scaling
from dicomnode.dicom.scaling import Scaling
from dicomnode.encode import mr, references
from dicomnode.encode.context import Context, body_part, constructor_arguments, stamp
from dicomnode.encode.series import Series
from dicomnode.encode.slices import frame_of_reference
from dicomnode.sdk.findings import GRAY, Layer, Presentation

ADVANCED_BLENDING = "1.2.840.10008.5.1.4.1.1.11.8"
_ENTRIES = 256

Images = Mapping[str, Sequence[Dataset]]
"""Images by what a layer calls them: those of an input role, or of a derived image by its title."""


def build(finding: Presentation, context: Context, series: Series, derived: Images) -> Dataset:
    """Write a presentation state for all slices of its layers; ``derived`` are the task's derived images by title."""
    images: Images = {**context.sources.by_role, **derived}
    base = images[finding.base.image]
    common = {"content_label": "PRESENTATION", **constructor_arguments(context, series)}
    if finding.overlay:
        state = _blending(finding, finding.overlay, images, common)
        state.FrameOfReferenceUID = frame_of_reference(base[0])
        state.PositionReferenceIndicator = base[0].get("PositionReferenceIndicator")
    else:
        stand_ins = list(map(_stand_in, base))
        if finding.base.colours == GRAY:
            state = GrayscaleSoftcopyPresentationState(stand_ins, **common)
        else:
            palette = _palette(finding.base)
            state = PseudoColorSoftcopyPresentationState(stand_ins, palette_color_lut_transformation=palette, **common)
        shown = Dataset()
        shown.SeriesInstanceUID = base[0].SeriesInstanceUID
        shown.ReferencedImageSequence = references.images(base)
        state.ReferencedSeriesSequence = [shown]
        state.SoftcopyVOILUTSequence = windows(finding.base, base)
    _displayed(state, base[0])
    stamp(state, context, series)
    body_part(state, base[0])
    state.PresentationCreationDate, state.PresentationCreationTime = context.moment.date, context.moment.time
    del state.ContentDate, state.ContentTime
    return state


def windows(layer: Layer, images: Sequence[Dataset]) -> list[Dataset]:
    """Items of a Softcopy VOI LUT Sequence: the layer's window in stored values, for each scaling of its images."""
    groups: dict[tuple[float, float], list[Dataset]] = {}
    for image in images:
        groups.setdefault(_scaling(image).stored_window(layer.window), []).append(image)
    items = []
    for (centre, width), those in groups.items():
        item = Dataset()
        item.WindowCenter, item.WindowWidth = format_number_as_ds(centre), format_number_as_ds(width)
        if len(groups) > 1:
            item.ReferencedImageSequence = references.images(those)
        items.append(item)
    return items


def _blending(finding: Presentation, overlay: Layer, images: Images, common: Mapping[str, Any]) -> Dataset:
    """The first input of a foreground blending is the one in front (PS3.3 C.11.34, PS3.4 N.2.6)."""
    inputs = []
    for number, layer in enumerate((overlay, finding.base), start=1):
        stand_ins = list(map(_stand_in, images[layer.image]))
        item = AdvancedBlending(stand_ins, number, palette_color_lut_transformation=_palette(layer))
        item.ReferencedImageSequence = references.images(images[layer.image])
        item.SoftcopyVOILUTSequence = windows(layer, images[layer.image])
        inputs.append(item)
    display = BlendingDisplay(
        "FOREGROUND", [BlendingDisplayInput(1), BlendingDisplayInput(2)], relative_opacity=finding.opacity
    )
    shown = [_stand_in(image) for layer in (overlay, finding.base) for image in images[layer.image]]
    state: Dataset = AdvancedBlendingPresentationState(shown, inputs, [display], **common)
    both = (*images[overlay.image], *images[finding.base.image])
    state.ReferencedSeriesSequence = references.by_series(both, "ReferencedInstanceSequence")
    return state


def _stand_in(image: Dataset) -> Dataset:
    """An image without identity, window, scaling and frames, all of which the node sets itself."""
    stand_in = Dataset()
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "StudyID"):
        setattr(stand_in, keyword, None)
    stand_in.StudyDate = stand_in.StudyTime = None
    stand_in.SOPClassUID = mr.SOP_CLASS  # highdicom refuses several frames of a multi-frame class
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "Rows", "Columns"):
        stand_in[keyword] = image[keyword]
    stand_in.FrameOfReferenceUID = frame_of_reference(image)
    stand_in.SamplesPerPixel = 1
    return stand_in


def _scaling(image: Dataset) -> Scaling:
    if "RealWorldValueMappingSequence" in image:  # a derived image of ours
        return Scaling(slope=float(image.RealWorldValueMappingSequence[0].RealWorldValueSlope))
    return scaling.of(image)


def _palette(layer: Layer) -> PaletteColorLUTTransformation:
    """Red, green and blue of 16 bits, as presentation states want them."""
    stops = np.linspace(0, _ENTRIES - 1, len(layer.colours))
    channels = [np.interp(np.arange(_ENTRIES), stops, channel) for channel in np.asarray(layer.colours, float).T]
    wide = np.rint(np.stack(channels, axis=1) * (0xFFFF / 0xFF)).astype(np.uint16)
    return PaletteColorLUTTransformation.from_combined_lut(wide)


def _displayed(state: Dataset, image: Dataset) -> None:
    """Show pixels in their true proportion; highdicom takes all pixels for squares."""
    (area,) = state.DisplayedAreaSelectionSequence
    del area.PresentationPixelAspectRatio
    area.PresentationPixelSpacing = image.PixelSpacing
