"""From two series to findings: registered and fused, or refused and shown side by side."""

from __future__ import annotations

from collections.abc import Sequence

from dicomnode.sdk import (
    HOT_IRON,
    Case,
    Context,
    DerivedImage,
    Finding,
    Layer,
    Presentation,
    QualitativeEvaluation,
    Registration,
    SecondaryCapture,
    Volume,
)
from dicomnode.sdk.codes import SPATIAL_RESAMPLING
from dicomnode_plugins._imaging.grids import Values
from dicomnode_plugins._imaging.registration import Alignment, register
from dicomnode_plugins._imaging.resampling import onto
from dicomnode_plugins.fusion import codes, contrast, gates, necks, picture, projections, ratios, reader, readings

BASE, OVERLAY = "ce_t1", "ce_mrn"
METHOD = (
    "{kind} registration by normalised mutual information and local correlation; the CE-MRN is resampled once, "
    "linearly, onto the CE-T1."
)
BENT = " Below the head it follows a bend of the neck: rigid motions that change along the patient's axis."
RESAMPLED = "CE-MRN on the grid of CE-T1"
DEFORMED = f"{RESAMPLED}, deformed"


def run(case: Case, context: Context) -> list[Finding]:
    """Lay CE-MRN over CE-T1WI where the registration can be believed.

    Raises
    ------
    Unsuitable
        When a series covers too little to be registered.
    """
    base, overlay = case.volume(BASE), case.volume(OVERLAY)
    gates.check(base, overlay)
    context.progress(0.1, "registration")
    alignment = register(base, overlay, affine=bool(case.parameters["affine"]))
    context.progress(0.6, "resampling")
    moved = onto(base, overlay, alignment.matrix)
    figures = {**alignment.figures, **contrast.figures(base, moved)}
    same_frame = bool(base.frame) and base.frame == overlay.frame
    failed = gates.failed(figures, same_frame=same_frame)
    doubts = [f"Look at the fit: {doubt}" for doubt in gates.doubtful(figures, same_frame=same_frame)]
    deformed = False
    if case.parameters["deformable"] and not failed:
        context.progress(0.65, "the neck")
        neck = necks.follow(base, overlay, alignment)
        figures |= neck.figures
        doubts += neck.said
        if neck.values is not None:
            moved, deformed = neck.values, True
    context.progress(0.7, "pictures")
    pictures = _refused(base, overlay) if failed else _fused(base, overlay, moved, alignment, deformed=deformed)
    measured = ratios.findings(case)
    return [
        *_said(
            failed,
            [*doubts, *_nameless(base, overlay)],
            "Affine" if alignment.affine else "Rigid",
            BENT if deformed else "",
        ),
        *pictures,
        *measured,
        *readings.measurements(figures),
        *(reader.template(ratios.compared(measured)) if case.parameters["reader_template"] else []),
    ]


def _nameless(base: Volume, overlay: Volume) -> list[str]:
    """What cannot be written because a series names no frame of reference (Type 1 in MR Image, and yet missing)."""
    if not base.frame:
        return [
            "the CE-T1 series names no frame of reference; only pictures without a place in the patient are written"
        ]
    if not overlay.frame:
        return ["the CE-MRN series names no frame of reference; no Spatial Registration can be written"]
    return []


def _said(failed: Sequence[str], doubtful: Sequence[str], kind: str, more: str = "") -> list[Finding]:
    outcome = "Refused, shown side by side: " + "; ".join(failed) if failed else "Fused; a person must confirm the fit."
    return [
        QualitativeEvaluation(name=codes.OUTCOME, value=outcome),
        *(QualitativeEvaluation(name=codes.CAUTION, value=doubt) for doubt in doubtful if not failed),
        QualitativeEvaluation(name=codes.METHOD, value=METHOD.format(kind=kind) + more),
    ]


def _refused(base: Volume, overlay: Volume) -> list[Finding]:
    return [
        SecondaryCapture(
            derived_from=(BASE, OVERLAY),
            frames=picture.side_by_side(base, overlay),
            title="CE-T1 and CE-MRN, not fused",
        )
    ]


def _fused(
    base: Volume, overlay: Volume, moved: Values, alignment: Alignment, *, deformed: bool = False
) -> list[Finding]:
    title, name = (DEFORMED, f"{picture.NAME}, DEFORMED") if deformed else (RESAMPLED, picture.NAME)
    gray, hot = picture.gray_window(base), picture.hot_window(base, moved)
    pictures: list[Finding] = [
        SecondaryCapture(
            on=BASE if base.frame else "",
            derived_from=(BASE, OVERLAY),
            frames=picture.fused_slices(base, gray, moved, hot, name),
            title="CE-MRN over CE-T1",
        ),
        SecondaryCapture(
            derived_from=(OVERLAY,),
            frames=projections.coronal_slabs(overlay, hot),
            title="CE-MRN, coronal MIP of 20 mm",
        ),
        SecondaryCapture(
            derived_from=(OVERLAY,), frames=projections.rotating(overlay, hot), title="CE-MRN, rotating MIP"
        ),
    ]
    if not base.frame:
        return pictures
    placed: list[Finding] = [
        DerivedImage(
            on=BASE,
            derived_from=(OVERLAY, BASE),
            array=moved,
            title=title,
            window=picture.centre_and_width(hot),
            derivation=SPATIAL_RESAMPLING,
        ),
        Presentation(
            title="CE-MRN over CE-T1",
            base=Layer(image=BASE, window=picture.centre_and_width(gray)),
            overlay=Layer(image=title, window=picture.centre_and_width(hot), colours=HOT_IRON),
            opacity=picture.OPACITY,
        ),
    ]
    if overlay.frame:
        placed.append(Registration(fixed=BASE, moving=OVERLAY, matrix=alignment.inverse))
    return [*pictures, *placed]
