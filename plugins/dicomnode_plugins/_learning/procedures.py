"""What a site may set when it trains and calibrates models; light, so that a specification can say it."""

from __future__ import annotations

from dicomnode.sdk import Learning, Parameter, Procedure

TRAINING = (
    Parameter(
        name="architecture", default="densenet121", description="densenet121, densenet-small or resnet34 (all in 3D)."
    ),
    Parameter(name="epochs", default=100, description="Passes over the training exams.", minimum=1),
    Parameter(name="batch", default=12, description="Exams a step.", minimum=2),
    Parameter(name="rate", default=1e-3, description="Learning rate.", minimum=1e-7, maximum=1.0),
    Parameter(name="schedule", default="halve on plateau", description="Or 'one cycle'."),
    Parameter(name="decay", default=0.0, description="Weight decay, decoupled.", minimum=0.0, maximum=1.0),
    Parameter(name="longest_step", default=0.0, description="Norm to which gradients are cut; 0: none.", minimum=0.0),
)
"""The defaults are the recipe of DARNDEST."""

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


def learning(module: str) -> Learning:
    """The procedures of a module that has ``prepare``, ``train`` and ``calibrate``."""
    return Learning(
        prepare=f"{module}:prepare",
        train=Procedure(entry=f"{module}:train", parameters=TRAINING),
        calibrate=Procedure(entry=f"{module}:calibrate", parameters=CALIBRATION),
    )
