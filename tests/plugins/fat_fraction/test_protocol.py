"""Gates on the acquisition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dicomnode.dicom import physics
from dicomnode.errors import Unsuitable
from dicomnode.sdk import Volume
from dicomnode_plugins.fat_fraction import SPEC, protocol


def echo(time: float, tesla: float = 1.5, *, affine: Any = None, shape: Any = (4, 5, 6), **facts: Any) -> Volume:
    acquisition = {"EchoTime": time, "MagneticFieldStrength": tesla, **facts}
    return Volume(
        array=np.zeros(shape, np.float32),
        affine=np.eye(4) if affine is None else affine,
        acquisition={keyword: value for keyword, value in acquisition.items() if value is not None},
    )


@pytest.mark.parametrize(
    ("opposed", "in_phase", "tesla"),
    [
        (2.3, 4.6, 1.5),
        (2.4, 4.9, 1.5),
        (2.302, 4.635, 1.5007),
        (6.9, 4.6, 1.5),
        (1.15, 2.3, 3.0),
        (3.45, 2.3, 3.0),
        (1.15, 2.46, 2.89),
    ],
)
def test_sound_pairs_pass(opposed: float, in_phase: float, tesla: float) -> None:
    protocol.check(echo(in_phase, tesla), echo(opposed, tesla))


@pytest.mark.parametrize(
    ("opposed", "in_phase", "tesla", "culprit"),
    [
        (4.6, 2.3, 1.5, "in-phase contradicts its echo time: 2.3 ms at 1.5 T"),
        (2.3, 4.6, 3.0, "opposed-phase contradicts its echo time: 2.3 ms at 3 T"),
        (2.3, 6.9, 1.5, "in-phase contradicts its echo time: 6.9 ms at 1.5 T"),
        (2.3, 3.5, 1.5, "in-phase contradicts its echo time: 3.5 ms at 1.5 T"),
        (5.19, 7.65, 2.89, "in-phase contradicts its echo time: 7.65 ms at 2.89 T"),
    ],
)
def test_echo_times_that_contradict_their_role_are_refused(
    opposed: float, in_phase: float, tesla: float, culprit: str
) -> None:
    with pytest.raises(Unsuitable, match=f"^the echo called {culprit}"):
        protocol.check(echo(in_phase, tesla), echo(opposed, tesla))


@pytest.mark.parametrize("tesla", [0.55, 1.494, 1.5, 2.89, 3.0, 7.0])
def test_plugin_and_node_agree_on_the_phase(tesla: float) -> None:
    for time in np.arange(0.9, 10, 0.05):
        angle = physics.fat_water_cycles(float(time), tesla) % 1 * 360
        opposed_at = 0.5 / (physics.fat_water_cycles(1.0, tesla))
        if abs(min(angle, 360 - angle) - 32) < 0.1:
            continue
        if min(angle, 360 - angle) < 32:
            protocol.check(echo(float(time), tesla), echo(opposed_at, tesla))
        else:
            with pytest.raises(Unsuitable, match="contradicts"):
                protocol.check(echo(float(time), tesla), echo(opposed_at, tesla))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"EchoTime": None}, "the in-phase echo has no echo time"),
        ({"MagneticFieldStrength": None}, "the in-phase echo has no field strength"),
        ({"ScanOptions": "PFF\\FS"}, "the in-phase echo is fat-saturated .Scan Options FS"),
        ({"ScanOptions": "spair"}, "the in-phase echo is fat-saturated"),
        ({"ContrastBolusAgent": "yes"}, "the in-phase echo was acquired after a contrast agent"),
        ({"RepetitionTime": 180.0}, "RepetitionTime differs between the echoes: 180 in phase, 150 opposed"),
        ({"FlipAngle": 10.0}, "FlipAngle differs"),
        ({"shape": (4, 5, 7)}, "different grids"),
    ],
)
def test_what_does_not_belong_together_is_refused(changes: dict[str, Any], reason: str) -> None:
    both: dict[str, Any] = {"RepetitionTime": 150.0, "FlipAngle": 70.0, "ContrastBolusAgent": "no", "ScanOptions": "SP"}
    changed = echo(4.6, **{**both, **changes}) if "EchoTime" not in changes else echo(0.0, **both)
    with pytest.raises(Unsuitable, match=f"^{reason}|^the echoes have {reason}"):
        protocol.check(changed, echo(2.3, **both))


@pytest.mark.parametrize(("distance", "refused"), [(0.05, False), (0.2, True), (12.0, True)])
def test_shifted_grids_are_refused(distance: float, refused: bool) -> None:
    moved = np.eye(4)
    moved[1, 3] = distance
    if refused:
        with pytest.raises(Unsuitable, match=f"shifted grids, {distance:.1f} mm apart"):
            protocol.check(echo(4.6), echo(2.3, affine=moved))
    else:
        protocol.check(echo(4.6), echo(2.3, affine=moved))


def test_a_tilted_grid_is_refused_though_its_origin_is_the_same() -> None:
    tilted = np.eye(4)
    tilted[0, 1] = 0.1
    with pytest.raises(Unsuitable, match=r"shifted grids, 0\.4 mm apart"):
        protocol.check(echo(4.6), echo(2.3, affine=tilted))


def test_the_order_of_the_echoes_is_said() -> None:
    assert len(protocol.cautions(echo(4.6), echo(2.3))) == 1
    assert "4.6 ms in phase) fat-free tissue with R2* 40/s reads -4.8 %" in protocol.cautions(echo(4.6), echo(2.3))[0]
    _, order = protocol.cautions(echo(4.6), echo(6.9))
    assert "before the opposed one" in order
    assert "reads +4.4 %" in protocol.cautions(echo(4.6), echo(6.9))[0]


def test_the_specification_survives_json_and_resolves_its_parameters() -> None:
    assert type(SPEC).from_json(SPEC.to_json()) == SPEC
    assert SPEC.resolve({}) == {"noise_gate": 5.0, "display_limit": 40.0, "t1_correction": False}
    with pytest.raises(ValueError, match="noise_gate"):
        SPEC.resolve({"noise_gate": 0.0})
