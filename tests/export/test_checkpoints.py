"""Reading weights: every layout gives the same model, every wrong file one clear line."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from edgeclip_export import checkpoints
from edgeclip_export.pipeline import create_model
from safetensors.torch import save_file

from edgeclip.errors import CheckpointError
from tests.export.apple_layout import apple_state, without_head_bias


@pytest.fixture
def source(fastvit: Any) -> Any:
    return without_head_bias(copy.deepcopy(fastvit))


def same(one: Any, other: Any) -> bool:
    theirs = other.state_dict()
    return all(
        torch.equal(tensor, theirs[name])
        for name, tensor in one.state_dict().items()
        if not name.endswith("num_batches_tracked")
    )


def bare(model: Any) -> dict[str, torch.Tensor]:
    return {name: tensor.contiguous() for name, tensor in model.state_dict().items()}


LAYOUTS: dict[str, Callable[[Any, Path], object]] = {
    "plain.pt": lambda m, p: torch.save(bare(m), p),
    "open_clip_pytorch_model.bin": lambda m, p: torch.save(bare(m), p),
    "legacy.pt": lambda m, p: torch.save(bare(m), p, _use_new_zipfile_serialization=False),
    "open_clip_model.safetensors": lambda m, p: save_file(bare(m), p),
    "misnamed.pt": lambda m, p: save_file(bare(m), p),
    "wrapped.pt": lambda m, p: torch.save({"epoch": 3, "state_dict": bare(m)}, p),
    "parallel.pt": lambda m, p: torch.save(
        {"state_dict": {f"module.{k}": v for k, v in bare(m).items()}}, p
    ),
    "apple.pt": lambda m, p: torch.save(apple_state(m), p),
    "scale_of_one.pt": lambda m, p: torch.save(
        {**bare(m), "logit_scale": m.logit_scale.reshape(1)}, p
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_model(name: str, source: Any, tmp_path: Path) -> None:
    LAYOUTS[name](source, tmp_path / name)
    model = copy.deepcopy(blank())
    assert not same(model, source)
    checkpoints.load_weights(model, tmp_path / name)
    assert same(model, source)


def test_apples_layout_is_apples(source: Any) -> None:
    names = set(apple_state(source))
    assert "image_encoder.model.patch_embed.0.rbr_conv.0.conv.weight" in names
    assert "text_encoder.transformer.0.pre_norm_mha.1.qkv_proj.weight" in names
    assert not any("trunk" in name or "resblocks" in name for name in names)


def test_half_precision_is_read_as_single(source: Any, tmp_path: Path) -> None:
    save_file(
        {k: v.half() for k, v in bare(source).items() if v.is_floating_point()},
        tmp_path / "half.safetensors",
    )
    model = copy.deepcopy(blank())
    checkpoints.load_weights(model, tmp_path / "half.safetensors")
    assert model.logit_scale.dtype == torch.float32


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


NO_WEIGHTS = {
    "empty.pt": (b"", "is empty"),
    "text.pt": (b"hello, these are no weights\n", "is text"),
    "page.safetensors": (b"\n<!DOCTYPE html><html>sign in</html>", "is a web page"),
    "pointer.bin": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 398000000\n",
        "is a Git LFS pointer",
    ),
    "noise.pt": (bytes(range(1, 200)), "is no checkpoint"),
    "header.safetensors": (b"\x40\0\0\0\0\0\0\0{", "is no checkpoint"),
}


@pytest.mark.parametrize("name", NO_WEIGHTS)
def test_what_is_not_weights_is_named(name: str, tmp_path: Path) -> None:
    content, words = NO_WEIGHTS[name]
    refuse(write(tmp_path / name, content), words)


@cache
def blank() -> Any:
    """Return a model that refused files leave as it is."""
    return create_model("tiny-fastvit")


def refuse(path: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load_weights(blank(), path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    assert all(word in message for word in words), message


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    refuse(tmp_path / "absent.pt", "is no file")
    refuse(tmp_path, "is no file")


@pytest.mark.parametrize("name", ["plain.pt", "legacy.pt", "open_clip_model.safetensors"])
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.999])
def test_a_truncated_file(name: str, kept: float, source: Any, tmp_path: Path) -> None:
    path = tmp_path / name
    LAYOUTS[name](source, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refuse(path, "truncated or damaged")


class Attack:
    """Would run a command when unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os

        return os.system, ("touch owned",)


def test_a_pickle_with_code_is_not_run(
    source: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": bare(source), "extra": Attack()}, tmp_path / "attack.pt")
    refuse(tmp_path / "attack.pt", "Python objects")
    assert not (tmp_path / "owned").exists()


def test_missing_extra_and_misshapen_weights_are_counted_and_named(
    source: Any, tmp_path: Path
) -> None:
    state = bare(source)
    missing = [name for name in state if name.startswith("text.transformer.resblocks.1.")]
    for name in missing:
        del state[name]
    state["surplus.weight"] = torch.zeros(2)
    state["text.ln_final.weight"] = torch.zeros(7)
    save_file(state, tmp_path / "odd.safetensors")
    refuse(
        tmp_path / "odd.safetensors",
        f"{len(missing)} missing ({missing[0]}, ",
        "1 unknown (surplus.weight)",
        "1 of another shape (text.ln_final.weight)",
        "…",
    )


def test_another_architecture(vit: Any, tmp_path: Path) -> None:
    save_file(bare(vit), tmp_path / "vit.safetensors")
    refuse(tmp_path / "vit.safetensors", "does not fit this architecture", "missing", "unknown")


def test_apples_layout_of_another_architecture(source: Any, tmp_path: Path) -> None:
    torch.save(apple_state(source), tmp_path / "apple.pt")
    with pytest.raises(CheckpointError, match=r"another architecture|does not fit"):
        checkpoints.load_weights(create_model("tiny-vit"), tmp_path / "apple.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "no weights by name"),
        ({}, "no weights by name"),
        ({"a": torch.zeros(1), "b": 3}, "'b', which is no tensor"),
    ],
)
def test_torch_files_that_hold_something_else(content: Any, words: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pt")
    refuse(tmp_path / "other.pt", words)


def test_weights_that_are_not_finite(source: Any, tmp_path: Path) -> None:
    state = bare(source)
    state["text.ln_final.bias"] = state["text.ln_final.bias"] * float("nan")
    save_file(state, tmp_path / "nan.safetensors")
    refuse(tmp_path / "nan.safetensors", "not finite")


def test_untrained_depends_on_the_seed_alone(fastvit: Any) -> None:
    torch.manual_seed(5)
    again = create_model("tiny-fastvit")
    checkpoints.untrained(again, 1)
    assert same(again, fastvit)
    checkpoints.untrained(again, 2)
    assert not same(again, fastvit)


def test_untrained_hides_no_mistake_behind_zeros_and_ones(fastvit: Any) -> None:
    for name, tensor in fastvit.state_dict().items():
        if tensor.is_floating_point() and tensor.numel() > 1:
            assert tensor.std() > 1e-3, name
            assert torch.isfinite(tensor).all()


@torch.no_grad()
def test_untrained_embeddings_differ(fastvit: Any, vit: Any) -> None:
    pictures = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    texts = torch.randint(1, 49406, (4, 77), generator=torch.Generator().manual_seed(0))
    texts[:, -1] = 49407
    for model in (fastvit, vit):
        for unit in (model.encode_image(pictures, True), model.encode_text(texts, True)):
            cosines = unit @ unit.T - 2 * torch.eye(4)
            assert torch.isfinite(unit).all()
            assert cosines.max() < 0.995
