"""What a plugin may say: a closed union. The node turns each finding into DICOM; a plugin never writes a header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from dicomnode.sdk.codes import Code
from dicomnode.sdk.labels import Side

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

GRAY: tuple[Colour, ...] = ((0, 0, 0), (255, 255, 255))
HOT_IRON: tuple[Colour, ...] = ((0, 0, 0), (128, 0, 0), (255, 0, 0), (255, 128, 0), (255, 255, 255))
"""The well-known colour palette of that name (PS3.6 B.1.1), as evenly spaced colours."""

Proposable: TypeAlias = Literal["", "GTV"]
"""Volumes of radiotherapy that a segment may be a proposal of; empty: of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One labelled structure of a segmentation."""

    label: str
    """Name shown to the reader, at most 64 characters; measurements refer to it."""
    category: Code
    """Segmented property category (CID 7150)."""
    type: Code
    """Segmented property type (CID 7151 and others)."""
    colour: Colour = (255, 200, 80)
    side: Side = ""
    """Laterality of the structure: written as modifier of the type, and into the finding site of its measurements."""
    proposes: Proposable = ""
    """RT ROI Interpreted Type (PS3.3 C.8.8.8) that the segment proposes to a radiation oncologist. Every object that
    holds it then says "proposal, not for treatment planning"; its label must have the word "proposal" too."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """Voxels that belong to structures; written as DICOM SEG, and as RT Structure Set for peers that take it.

    Attributes
    ----------
    on : str
        Input role whose grid this is on.
    labels : (z, y, x) uint8
        0 is background, n is ``segments[n - 1]``. Every segment has at least one voxel: "nothing found" is a
        :class:`QualitativeEvaluation`, never an empty mask.
    contoured : bool
        False for what outlines nothing, such as attention above a level: no structure set is written of it.
    """

    on: str
    labels: npt.NDArray[np.uint8]
    segments: tuple[Segment, ...]
    contoured: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A number with its unit; written into the Structured Report (TID 1500)."""

    name: Code
    value: float
    unit: Code
    of: str = ""
    """Label of the segment it was measured in; empty for the whole case."""
    derivation: Code | None = None
    """Mean, median, standard deviation ..."""
    decimals: int = 2
    """Digits after the point that mean something; the value is rounded to them before it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitativeEvaluation:
    """A statement in words or a code; written into the Structured Report (TID 1500)."""

    name: Code
    value: Code | str
    of: str = ""
    """Label of the segment it is about; empty for the whole case."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParametricMap:
    """A real-valued map on the grid of an input; written as DICOM Parametric Map.

    Attributes
    ----------
    on : str
        Input role whose grid this is on.
    derived_from : tuple of str
        All input roles the values were computed from.
    array : (z, y, x) float32
        NaN where there is no value.
    value_range : (float, float)
        Smallest and largest value with a meaning; values outside are kept, display clips them.
    window : (float, float)
        Centre and width for display.
    """

    on: str
    derived_from: tuple[str, ...]
    array: npt.NDArray[np.float32]
    quantity: Code
    unit: Code
    label: str
    """At most 16 characters, capitals, digits, space and underscore (VR CS)."""
    title: str
    value_range: tuple[float, float]
    window: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondaryCapture:
    """Colour pictures, one for each slice of an input or one free-standing; written as DICOM Secondary Capture.

    Attributes
    ----------
    on : str
        Input role whose slices the frames lie on, pixel for pixel; empty for a free-standing picture.
    derived_from : tuple of str
        All input roles the pictures show.
    frames : (n, rows, columns, 3) uint8
        RGB. With ``on``: n, rows and columns are those of the input. No patient data in the pixels, ever.
    """

    on: str = ""
    derived_from: tuple[str, ...]
    frames: npt.NDArray[np.uint8]
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Advice for the reader; written into the Structured Report. A person acts on it, never the node.

    A plugin that ``advises`` gives exactly one with a code of ``dicomnode.sdk.codes``: the node shows it at the console
    before any object is written.
    """

    value: Code | str
    reason: str = ""
    """One sentence."""
    cautions: tuple[str, ...] = ()
    """What else the person who acts must know."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Registration:
    """Where the space of one input lies in that of another; written as DICOM Spatial Registration.

    Two inputs that share a frame of reference are already registered by it: then a correction is said by a
    :class:`DerivedImage` alone.

    Attributes
    ----------
    fixed, moving : str
        Input roles.
    matrix : (4, 4) float64
        From the moving input's LPS mm to the fixed input's LPS mm, rigid or affine, without mirroring.
    """

    fixed: str
    moving: str
    matrix: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DerivedImage:
    """A new grey-scale image on the grid of an input, for example one resampled onto it; written as MR images.

    Attributes
    ----------
    on : str
        Input role whose grid this is on.
    derived_from : tuple of str
        All input roles the values were computed from.
    array : (z, y, x) int16 or float32
        Signal in arbitrary units, finite. float32 is stored in 16 bits with a scale that keeps 1 / 32767 of the
        largest magnitude.
    title : str
        Unique in the case; a :class:`Presentation` refers to it.
    window : (float, float)
        Centre and width for display, in the units of ``array``.
    derivation : Code
        How it was made (CID 7203).
    """

    on: str
    derived_from: tuple[str, ...]
    array: npt.NDArray[np.int16 | np.float32]
    title: str
    window: tuple[float, float]
    derivation: Code


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Grey-scale images and how to show them."""

    image: str
    """An input role, or the title of a :class:`DerivedImage`."""
    window: tuple[float, float]
    """Centre and width, in the units of the volume or of the derived image."""
    colours: tuple[Colour, ...] = GRAY
    """From below to above the window, evenly spaced; what lies between is interpolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Presentation:
    """How images are to be shown; written as a presentation state.

    A base alone becomes a Grayscale one, or a Pseudo-colour one where it has colours; a base with an overlay becomes
    an Advanced Blending one.
    """

    title: str
    base: Layer
    overlay: Layer | None = None
    """Images in the base's frame of reference, blended over it."""
    opacity: float = 0.5
    """Of the overlay, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a model decided about the case and from what; kept in the node's decision ledger, never written as DICOM.

    One for each model that decided; the node adds the plugin, the scanner and protocol of each input, and the time.
    """

    model: str = ""
    """Which model; empty where the plugin decides without one."""
    version: str = ""
    """Of the model."""
    digest: str = ""
    """SHA-256 of its weights, lower-case hexadecimal."""
    tier: str
    """The decision in a word, for example ``positive``, ``suspicious``, ``negative``."""
    positive: bool | None = None
    """Whether it says that what is looked for is there; later outcomes are held against it. None: it says neither."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """What it was decided by, for example ``{"t1": 0.31, "t2": 0.62}``; drift is looked for in each."""
    features: Mapping[str, float] = field(default_factory=dict)
    """Plain statistics of the input images, on a scale that spreads evenly; drift is looked for in each."""
    shadow: bool = False
    """A candidate beside the model that speaks: nothing it says leaves the node."""


Finding: TypeAlias = (
    Segmentation
    | Measurement
    | QualitativeEvaluation
    | ParametricMap
    | SecondaryCapture
    | Recommendation
    | Registration
    | DerivedImage
    | Presentation
    | Decision
)
