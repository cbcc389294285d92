"""The deformable stage: off by default, said where it is used, and said where it is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from dicomnode.sdk import DerivedImage, Presentation, Registration, SecondaryCapture
from dicomnode.sdk.verify import declared, verify
from dicomnode_plugins._imaging import bending, examination, fields
from dicomnode_plugins._imaging.bending import Bend, Bending
from dicomnode_plugins._imaging.registration import Alignment
from dicomnode_plugins._imaging.resampling import onto
from dicomnode_plugins.fusion import SPEC, gates, necks, picture, run
from tests.plugins.fusion.scenes import case, numbers, pair, said

FIGURES = {
    bending.GAIN: 0.02,
    bending.SURENESS: 9.0,
    bending.INFORMATION: 0.01,
    bending.LARGEST: 12.0,
    bending.SHRUNK: 0.8,
    bending.GROWN: 1.1,
}


class Silent:
    """A run that nobody watches."""

    def progress(self, share: float, what: str) -> None:
        """Nothing."""


def neck(**changed: float) -> Bending:
    """Everything moves 5 mm to the left before the true motion."""
    truth = pair().truth
    shift = truth[:3, :3] @ np.array([[5.0], [0], [0]]) + truth[:3, 3:]
    displacements = fields.field(pair().t1, lambda places: truth[:3, :3] @ places + shift)
    bend = Bend(hinge=np.zeros(3), low=-100.0, knots=np.zeros((4, 6)))
    return Bending(bend=bend, displacements=displacements, figures={**FIGURES, **changed})


def aligned(*, affine: bool = False) -> Alignment:
    """The true motion, with nothing against it."""
    figures = {
        **{name: (low + min(high, 2 * low + 0.1)) / 2 for name, (low, high) in gates.LIMITS.items()},
        **dict.fromkeys((examination.PULL, examination.ELSEWHERE, examination.TURN, examination.SHIFT), 0.0),
        examination.SEARCHES: 1.0,
    }
    return Alignment(matrix=pair().truth, contralateral=np.eye(4), figures=figures, affine=affine)


def test_a_bend_that_can_be_believed_is_in_the_series_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "register", lambda *_, **__: aligned())
    monkeypatch.setattr(necks.bending, "bending", lambda *_: neck())
    asked, given, shift = case(pair(), deformable=True), pair(), np.eye(4)
    made = run.run(asked, Silent())  # type: ignore[arg-type]
    verify(made, asked)
    declared(made, SPEC)
    shift[0, 3] = 5
    wanted = onto(given.t1, given.mrn, given.truth @ shift)
    (image,) = (finding for finding in made if isinstance(finding, DerivedImage))
    known = (wanted > 0) & (image.array > 0)
    assert np.allclose(image.array[known], wanted[known], atol=1e-3 * wanted.max())
    assert image.title == "CE-MRN on the grid of CE-T1, deformed"
    fused = next(f for f in made if isinstance(f, SecondaryCapture) and f.title == "CE-MRN over CE-T1")
    rigid = picture.fused_slices(given.t1, (1e6, 2e6), np.zeros_like(given.t1.array), (1.0, 2.0))
    assert (fused.frames[0, 2:7, 60:100] == 255).any(), "the picture is called deformed"
    assert not (rigid[0, 2:7, 60:100] == 255).any()
    (state,) = (finding for finding in made if isinstance(finding, Presentation))
    assert state.overlay is not None
    assert state.overlay.image == image.title
    assert "Rigid registration by" in said(made)
    assert run.BENT in said(made)
    assert "a bend of the neck of 12 mm at most; a Spatial Registration, where one is written, holds the" in said(made)
    (registration,) = (finding for finding in made if isinstance(finding, Registration))
    assert np.allclose(registration.matrix, np.linalg.inv(given.truth))
    measured = {name: value for name, value in numbers(made).items() if name.startswith("BEND_")}
    assert measured == dict(
        zip(
            ("BEND_GAIN", "BEND_SURENESS", "BEND_NMI", "BEND_LARGEST", "BEND_SHRUNK", "BEND_GROWN"),
            FIGURES.values(),
            strict=True,
        )
    )


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({bending.GAIN: 0.001}, "local correlation of the neck gained by the bend: 0.001"),
        ({bending.SURENESS: 3.0}, "over its standard error: 3"),
        ({bending.SHRUNK: 0.4}, "least Jacobian determinant: 0.4 (allowed 0.5 to 2)"),
        ({bending.GROWN: 2.1}, "largest Jacobian determinant: 2.1 (allowed 0.5 to 2)"),
        ({bending.LARGEST: 70.0}, "largest motion by the bend, mm: 70"),
    ],
)
def test_one_figure_outside_its_limits_keeps_the_rigid_motion(
    changed: dict[str, float], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(necks.bending, "bending", lambda *_: neck(**changed))
    kept = necks.follow(pair().t1, pair().mrn, aligned())
    assert kept.values is None
    assert kept.figures == {**FIGURES, **changed}
    (told,) = kept.said
    assert told.startswith("The neck was not followed, the motion of the whole stands: ")
    assert reason in told


@pytest.mark.parametrize(
    ("found", "affine", "reason"), [(None, False, "shows too little below the head"), (neck, True, "an affine one")]
)
def test_without_a_neck_or_with_an_affine_motion_nothing_is_followed(
    found: Callable[[], Bending] | None, affine: bool, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(necks.bending, "bending", lambda *_: found and found())
    kept = necks.follow(pair().t1, pair().mrn, aligned(affine=affine))
    assert (kept.values, kept.figures) == (None, {})
    assert reason in kept.said[0]


def test_the_stage_is_off_unless_asked_for() -> None:
    assert SPEC.resolve({})["deformable"] is False
