"""What a site may set when it trains and calibrates models; light, so that a specification can say it."""

from __future__ import annotations

from dicomnode.sdk import InputRole, Learning, Parameter, Procedure

TRAINING = (
    Parameter(
        name="architecture",
        default="densenet121",
        description="densenet121, densenet-small or resnet34; unet or unet-small, where outlines are taught (all 3D).",
    ),
    Parameter(name="epochs", default=100, description="Passes over the training exams.", minimum=1),
    Parameter(name="batch", default=12, description="Exams a step.", minimum=2),
    Parameter(name="rate", default=1e-3, description="Learning rate.", minimum=1e-7, maximum=1.0),
    Parameter(name="schedule", default="halve on plateau", description="Or 'one cycle'."),
    Parameter(name="decay", default=0.0, description="Weight decay, decoupled.", minimum=0.0, maximum=1.0),
    Parameter(name="longest_step", default=0.0, description="Norm to which gradients are cut; 0: none.", minimum=0.0),
)
"""The defaults are the recipe of DARNDEST."""

EXPLAINED = "unlabelled"

DISTILLATION = (
    Parameter(name="temperature", default=2.0, description="Softens the answers compared.", minimum=0.1, maximum=100.0),
    Parameter(
        name="soft", default=0.5, description="Weight of the teacher beside the label.", minimum=0.0, maximum=1.0
    ),
    Parameter(name="hint", default=5.0, description="Weight of the difference in features.", minimum=0.0),
    Parameter(
        name="dropout",
        default=0.2,
        description="Share of exams from which a student of several sequences is shown no T2.",
        minimum=0.0,
        maximum=0.9,
    ),
    Parameter(
        name=EXPLAINED,
        default=1.0,
        description="Share of the exams without label that the teacher explains.",
        minimum=0.0,
        maximum=1.0,
    ),
)
"""What a teacher's part in a training is; the defaults are those of the contrast-free routing's recipe."""

CALIBRATION = (
    Parameter(
        name="rule",
        default="lower bound",
        description="What must reach the sensitivity: the 'lower bound' (one-sided 95 %, Wilson), or the 'point' "
        "estimate as in DARNDEST, which misses it on new exams more often than not.",
    ),
    Parameter(
        name="sensitivity", default=0.90, description="Of the layered call.", minimum=0.5, maximum=0.999, unit="1"
    ),
)


def learning(
    module: str,
    more: tuple[Parameter, ...] = (),
    *,
    inputs: tuple[InputRole, ...] = (),
    teachers: tuple[str, ...] = (),
) -> Learning:
    """The procedures of a module that has ``prepare``, ``train`` and ``calibrate``.

    Parameters
    ----------
    more : tuple of Parameter
        Of its training, beside those of every training.
    inputs, teachers : tuple
        As `Learning` has them.
    """
    return Learning(
        prepare=f"{module}:prepare",
        train=Procedure(entry=f"{module}:train", parameters=(*TRAINING, *more, *(DISTILLATION if teachers else ()))),
        calibrate=Procedure(entry=f"{module}:calibrate", parameters=CALIBRATION),
        inputs=inputs,
        teachers=teachers,
    )
