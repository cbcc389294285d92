from __future__ import annotations

import torch

from dicomnode_plugins._learning.augmentation import augment


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_sequences_of_a_case_move_together() -> None:
    volumes = torch.zeros(20, 2, 8, 24, 24)
    volumes[:, :, 3:5, 9:12, 14:18] = 40.0
    moved = augment(volumes, random(1))
    first, second = ((moved[:, n] > 15).float() for n in range(2))
    assert ((first * second).sum((1, 2, 3)) / first.sum((1, 2, 3))).min() > 0.8


def test_about_half_of_the_cases_are_mirrored() -> None:
    volumes = torch.zeros(200, 1, 4, 16, 16)
    volumes[..., 12:] = 40.0
    moved = augment(volumes, random(2))
    mirrored = (moved[..., :4].mean((1, 2, 3, 4)) > moved[..., 12:].mean((1, 2, 3, 4))).float().mean()
    assert 0.4 < mirrored < 0.6


def test_equal_seeds_draw_equal_changes() -> None:
    volumes = torch.randn(3, 1, 6, 12, 12, generator=random(0))
    assert torch.equal(augment(volumes, random(5)), augment(volumes, random(5)))
    assert not torch.equal(augment(volumes, random(5)), augment(volumes, random(6)))


def test_a_mask_moves_with_its_images_and_stays_a_mask() -> None:
    volumes = torch.zeros(20, 2, 8, 24, 24)
    volumes[:, :, 3:5, 9:12, 14:18] = 1.0
    images = volumes.clone()
    images[:, 0] *= 40.0
    moved = augment(images, random(1), masks=1)
    assert set(moved[:, 1].unique().tolist()) == {0.0, 1.0}
    inside = (moved[:, 0] > 15).float()
    both = 2 * (inside * moved[:, 1]).sum((1, 2, 3)) / (inside.sum((1, 2, 3)) + moved[:, 1].sum((1, 2, 3)))
    assert both.min() > 0.7


def test_a_mask_draws_nothing_so_the_images_change_as_they_would_without() -> None:
    volumes = torch.randn(3, 2, 6, 12, 12, generator=random(0))
    assert torch.equal(augment(volumes[:, :1], random(5)), augment(volumes, random(5), masks=1)[:, :1])
