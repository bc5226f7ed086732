"""Write an open_clip MobileCLIP's weights under the names of Apple's own checkpoints.

The inverse of open_clip's and timm's converters, so that reading Apple's layout is tested without
Apple's files.
"""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

# Later rules see what earlier ones wrote.
_IMAGE = (
    (r"^stem", "patch_embed"),
    (r"conv_kxk", "rbr_conv"),
    (r"conv_scale", "rbr_scale"),
    (r"identity", "rbr_skip"),
    (r"final_conv", "conv_exp"),
    (r"large_conv", "lkb_origin"),
    (r"\bmlp\b", "convffn"),
    (r"se\.fc1", "se.reduce"),
    (r"se\.fc2", "se.expand"),
    (r"(layer_scale(_\d)?)\.gamma", r"\1"),
)
_TEXT = (
    (r"transformer\.resblocks\.", "transformer."),
    (r"\bln_1\b", "pre_norm_mha.0"),
    (r"attn\.in_proj_", "pre_norm_mha.1.qkv_proj."),
    (r"attn\.", "pre_norm_mha.1."),
    (r"\bln_2\b", "pre_norm_ffn.0"),
    (r"mlp\.c_fc", "pre_norm_ffn.1"),
    (r"mlp\.c_proj", "pre_norm_ffn.4"),
    (r"ln_final", "final_layer_norm"),
    (r"token_embedding", "embedding_layer"),
    (r"^positional_embedding", "positional_embedding.pos_embed.pos_embed"),
    (r"text_projection", "projection_layer"),
)


def without_head_bias(model: Any) -> Any:
    """Zero the one weight for which Apple's layout has no place."""
    with torch.no_grad():
        model.visual.trunk.head.fc.bias.zero_()
    return model


def apple_state(model: Any) -> dict[str, Tensor]:
    """Return the weights of an open_clip model with a FastViT image tower in Apple's layout."""
    own = model.state_dict()
    positioned = {m[1] for name in own if (m := re.search(r"stages\.(\d)\.pos_emb", name))}
    state: dict[str, Tensor] = {"logit_scale": own["logit_scale"]}
    for name, tensor in own.items():
        if name.startswith("visual.trunk."):
            new, value = _image(name.removeprefix("visual.trunk."), tensor, positioned)
            if new:
                state["image_encoder.model." + new] = value
        elif name.startswith("text."):
            new = _rename(name.removeprefix("text."), _TEXT)
            state["text_encoder." + new] = tensor[None, None] if "pos_embed" in new else tensor
    return state


def _image(name: str, tensor: Tensor, positioned: set[str]) -> tuple[str, Tensor]:
    if name.startswith("head.fc."):
        return ("head.proj", tensor.T.contiguous()) if name.endswith("weight") else ("", tensor)
    if match := re.match(r"stages\.(\d)\.(blocks|downsample|pos_emb\.pos_enc)\.(.*)", name):
        stage, part, rest = int(match[1]), match[2], match[3]
        blocks = 2 * stage + (match[1] in positioned)
        new = {"blocks": f"{blocks}.", "downsample": f"{2 * stage - 1}."}
        name = "network." + new.get(part, f"{2 * stage}.pe.") + rest
    return _rename(name, _IMAGE), tensor


def _rename(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, new in rules:
        name = re.sub(pattern, new, name)
    return name
