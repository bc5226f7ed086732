"""The towers: statistics, fused branches, two outputs."""

from typing import Any

import pytest
import torch
from edgeclip_export.towers import (
    CLIP_MEAN,
    CLIP_STD,
    ImageTower,
    TextTower,
    reparameterised,
    statistics_change,
)
from torch import nn


def normalised(pixels: torch.Tensor, mean: Any, std: Any) -> torch.Tensor:
    return (pixels - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_clip_statistics_become_the_trained_ones(mean: Any, std: Any) -> None:
    pixels = torch.rand(2, 3, 8, 8)
    scale, shift = statistics_change(mean, std)
    found = normalised(pixels, CLIP_MEAN, CLIP_STD) * scale + shift
    assert (found - normalised(pixels, mean, std)).abs().max() < 2e-6


def test_for_pixels_in_0_1_it_is_the_exact_inverse() -> None:
    scale, shift = statistics_change((0, 0, 0), (1, 1, 1))
    assert scale.flatten().tolist() == torch.tensor(CLIP_STD).tolist()
    assert shift.flatten().tolist() == torch.tensor(CLIP_MEAN).tolist()


def test_for_clip_statistics_nothing_stands_at_the_head() -> None:
    tower = ImageTower(nn.Flatten(), CLIP_MEAN, CLIP_STD)
    pixels = torch.rand(1, 3, 2, 2)
    assert torch.equal(tower(pixels)[0], pixels.flatten(1))


@torch.no_grad()
def test_both_outputs_of_both_towers(fastvit: Any, vit: Any) -> None:
    pixels = torch.rand(3, 3, 64, 64)
    ids = torch.randint(0, 49408, (3, 77))
    for model in (fastvit, vit):
        for tower, tensor, expected in (
            (ImageTower(model.visual, CLIP_MEAN, CLIP_STD), pixels, model.encode_image(pixels)),
            (TextTower(model), ids, model.encode_text(ids)),
        ):
            raw, unit = tower(tensor)
            assert torch.equal(raw, expected)
            assert torch.allclose(unit, raw / raw.norm(dim=-1, keepdim=True), atol=1e-6)


def test_the_text_tower_leaves_the_image_half_out(vit: Any) -> None:
    tower = TextTower(vit)
    assert not any("visual" in name for name, _ in tower.named_parameters())
    assert hasattr(vit, "visual")


@torch.no_grad()
def test_fusing_changes_no_answer_and_leaves_the_original_alone(fastvit: Any) -> None:
    before = {name: tensor.clone() for name, tensor in fastvit.state_dict().items()}
    fused = reparameterised(fastvit)
    pixels = torch.rand(2, 3, 64, 64)
    one, other = fastvit.encode_image(pixels, True), fused.encode_image(pixels, True)
    assert (one * other).sum(-1).min() > 0.99999
    branches = ("conv_kxk.", "conv_scale.", "identity.", "large_conv.", "small_conv.")
    assert any(branch in name for name in before for branch in branches)
    assert not any(branch in name for name in fused.state_dict() for branch in branches)
    assert all(torch.equal(before[name], t) for name, t in fastvit.state_dict().items())
