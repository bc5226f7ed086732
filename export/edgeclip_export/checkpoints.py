"""Weights from a file, or from a seed, into an open_clip model.

Read are Apple's own ``.pt`` layout (keys ``image_encoder.model.…``), OpenCLIP's ``.pt``, ``.bin``
and ``.safetensors``, wrapped in ``{"state_dict": …}`` or with ``module.`` prefixes or not. What a
file is, its first bytes say, not its name. Pickles are read with ``weights_only=True`` alone.

Reference for the conversions: ``open_clip.convert`` and ``open_clip.factory.load_checkpoint``;
unlike that one, nothing is interpolated to fit: a wrong shape is a wrong architecture.
"""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from open_clip.convert import convert_state_dict
from open_clip.model import convert_to_custom_text_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from edgeclip.errors import CheckpointError

_LFS_POINTER = b"version https://git-lfs"
_IGNORED_KEYS = frozenset({"text.transformer.embeddings.position_ids", "logit_bias"})
_SHOWN = 3


def load_weights(model: nn.Module, path: Path) -> None:
    """Read the weights in ``path`` into ``model``, every one of them and no other.

    Raises:
        CheckpointError: the file is no checkpoint, is damaged, or belongs to another architecture.
    """
    state = _as_open_clip(model, read_state_dict(path), path)
    _check_fit(model.state_dict(), state, path)
    # logit_bias belongs to SigLIP losses alone; the rest was compared above, name by name.
    model.load_state_dict(state, strict=False)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise CheckpointError(f"{path} holds weights that are not finite. Download it again.")


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a checkpoint file as name -> tensor, unwrapped, on the CPU.

    Raises:
        CheckpointError: missing, empty, truncated, text, a Git LFS pointer, or a pickle that
            holds more than weights.
    """
    kind = _kind(path)
    try:
        if kind == "safetensors":
            loaded: object = load_file(path, device="cpu")
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch remarks on foreign pickles; we refuse them
                loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds Python objects besides weights, which are never run. "
            "Bring a .safetensors file, or a .pt of plain weights."
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} is truncated or damaged ({_first_line(error)}). Download it again."
        ) from error
    return _unwrap(loaded, path)


@torch.no_grad()
def untrained(model: nn.Module, seed: int = 0) -> None:
    """Give every weight of ``model`` a random value from ``seed``, activations staying sane.

    A fresh model hides mistakes: its BatchNorm statistics are 0 and 1, its layer scales tiny, some
    projections zero. Here each of them is random. The embeddings are finite and differ from input
    to input, and mean nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point():
            tensor.copy_(_random_like(name, tensor, generator))


def _random_like(name: str, tensor: Tensor, generator: torch.Generator) -> Tensor:
    """Draw one tensor.

    The ranges keep a network of 40 residual blocks between two faults. Larger layer scales let it
    grow until the softmax saturates, and its denormal numbers make the graph 6 ms slower than a
    trained one; larger means and biases drown the picture, and all embeddings are alike.
    """
    leaf = name.rsplit(".", 1)[-1]
    normal = torch.randn(tensor.shape, generator=generator)
    uniform = torch.rand(tensor.shape, generator=generator)
    if leaf == "logit_scale":
        return 4.0 + 0.5 * uniform  # exp: 55 to 90, as trained models have
    if leaf == "running_mean":
        return 0.03 * normal
    if leaf == "running_var":
        return 0.7 + 0.8 * uniform
    if leaf == "gamma" or "layer_scale" in leaf:
        return 0.15 + 0.15 * uniform
    if "embedding" in leaf or "embedding" in name or "pos_embed" in leaf:
        return 0.5 * normal
    if tensor.ndim < 2:
        return 0.8 + 0.4 * uniform if leaf == "weight" else 0.03 * normal
    fan_in = tensor[0].numel() if leaf == "weight" or leaf.endswith("_weight") else len(tensor)
    return normal / math.sqrt(fan_in)


def _kind(path: Path) -> str:
    """Tell ``safetensors`` from ``torch`` by the first bytes; refuse what is neither."""
    if not path.is_file():
        raise CheckpointError(f"{path} is no file. Give the path of a checkpoint.")
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith(_LFS_POINTER):
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the weights. Fetch them: git lfs pull"
        )
    if head[:4] == b"PK\x03\x04" or head[:1] == b"\x80":
        return "torch"
    if len(head) > 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 28:
        return "safetensors"
    raise CheckpointError(f"{path} {_what_else(head)}. Bring a .pt, .bin or .safetensors file.")


def _what_else(head: bytes) -> str:
    if not head:
        return "is empty"
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page, not weights"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in head):
        return "is text, not weights"
    return "is no checkpoint: neither torch nor safetensors"


def _unwrap(loaded: object, path: Path) -> dict[str, Tensor]:
    """Take the weights out of ``{"state_dict": …}`` and off ``module.``."""
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, Mapping) and isinstance(loaded.get(key), Mapping):
            loaded = loaded[key]
    if not isinstance(loaded, Mapping) or not loaded:
        raise CheckpointError(f"{path} holds no weights by name. Bring a model's state dict.")
    state = {str(name): value for name, value in loaded.items() if isinstance(value, Tensor)}
    if len(state) != len(loaded):
        odd = next(str(name) for name, value in loaded.items() if not isinstance(value, Tensor))
        raise CheckpointError(
            f"{path} holds {odd!r}, which is no tensor. Bring a model's state dict."
        )
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def _as_open_clip(model: nn.Module, state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Rename Apple's and old OpenCLIP layouts to the names that ``model`` has."""
    try:
        state = dict(convert_state_dict(model, state))
    except (KeyError, RuntimeError, AttributeError, TypeError, IndexError) as error:
        raise CheckpointError(
            f"{path} has Apple's layout but is of another architecture ({_first_line(error)}). "
            "Export it by its own name."
        ) from error
    if "positional_embedding" in state and not hasattr(model, "positional_embedding"):
        state = dict(convert_to_custom_text_state_dict(state))
    scale = state.get("logit_scale")
    if scale is not None and scale.numel() == 1:
        # Stored as () or (1,), and both load.
        state["logit_scale"] = scale.reshape(model.state_dict()["logit_scale"].shape)
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
        if name not in _IGNORED_KEYS
    }


def _check_fit(own: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> None:
    """Compare names and shapes; say what differs, the first few by name."""
    # num_batches_tracked counts training steps; converters drop it, and nothing here reads it.
    missing = [name for name in own if name not in state and not name.endswith("batches_tracked")]
    missing = [name for name in missing if name not in _IGNORED_KEYS]
    extra = [name for name in state if name not in own]
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    faults = [
        _list_some("missing", missing),
        _list_some("unknown", extra),
        _list_some("of another shape", shapes),
    ]
    found = "; ".join(fault for fault in faults if fault)
    if found:
        raise CheckpointError(
            f"{path} does not fit this architecture: {found}. Export it by its own name."
        )


def _list_some(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:_SHOWN])
    return f"{len(names)} {what} ({shown}{', …' if len(names) > _SHOWN else ''})"


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:120].rstrip(".")
