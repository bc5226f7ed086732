"""Find a model's recipe, and hold it to open_clip's own configuration.

Each recipe states the preprocessing that its weights were trained with. It is compared with the
configuration that open_clip keeps for the pretrained tag (`checked`): for a local file open_clip
silently answers with CLIP's defaults, which are wrong for most MobileCLIP models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import open_clip
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from edgeclip.errors import ExportError
from edgeclip_export.recipe import License, Preprocessing, Recipe, Three
from edgeclip_export.table import APPLE, RECIPES

_METACLIP = License(
    name="Creative Commons Attribution-NonCommercial 4.0",
    spdx="CC-BY-NC-4.0",
    url="https://github.com/facebookresearch/MetaCLIP/blob/main/LICENSE",
    commercial_use=False,
    consequence="These weights are for non-commercial use only, with attribution.",
)
_DEFAULT_TAGS = {
    "ViT-B-32": "laion2b_s34b_b79k",
    "ViT-B-16": "laion2b_s34b_b88k",
    "ViT-L-14": "datacomp_xl_s13b_b90k",
    "ViT-H-14": "laion2b_s32b_b79k",
}


def find_recipe(name: str) -> Recipe:
    """Return the recipe of a name in the table, or of an open_clip ``ARCHITECTURE[/TAG]``.

    Raises:
        ExportError: unknown, or a model whose tokenizer is not CLIP's.
    """
    if name in RECIPES:
        return RECIPES[name]
    architecture, _, tag = name.partition("/")
    config = open_clip.get_model_config(architecture) if ":" not in architecture else None
    if config is None:
        raise ExportError(
            f"no model is called {name!r}. Known: {', '.join(RECIPES)}, and every open_clip "
            "architecture with CLIP's tokenizer, as ViT-B-32 or ViT-B-32/laion2b_s34b_b79k."
        )
    _refuse_other_text(name, config)
    return _from_open_clip(name, architecture, tag or _default_tag(architecture))


def checked(recipe: Recipe) -> Recipe:
    """Return ``recipe`` after comparing it with open_clip's configuration of its tag.

    Raises:
        ExportError: they differ, so that the vectors would be quietly wrong.
    """
    trained = trained_preprocessing(recipe.architecture, recipe.tag)
    if trained != recipe.preprocessing:
        raise ExportError(
            f"the installed open_clip says that {recipe.name} was trained with {trained}, the "
            f"recipe says {recipe.preprocessing}. Install the open_clip_torch of this release."
        )
    return recipe


def trained_preprocessing(architecture: str, tag: str) -> Preprocessing:
    """Return what open_clip keeps for a pretrained tag, never its default for local files.

    Raises:
        ExportError: the tag is unknown, or asks for a preprocessing that no manifest can name.
    """
    config = open_clip.get_model_config(architecture)
    pretrained = open_clip.get_pretrained_cfg(architecture, tag)
    if not config or not pretrained:
        known = ", ".join(open_clip.list_pretrained_tags_by_model(architecture)) or "none"
        raise ExportError(f"open_clip has no weights {tag!r} for {architecture}. It has: {known}.")
    merged = merge_preprocess_dict(PreprocessCfg(), pretrained)
    size = config["vision_cfg"].get("image_size", 224)
    sides = set(size) if isinstance(size, list | tuple) else {size}
    if len(sides) != 1 or merged["resize_mode"] not in ("shortest", "squash"):
        raise ExportError(f"{architecture}/{tag} wants pictures that are not square.")
    return Preprocessing(
        int(sides.pop()),
        merged["resize_mode"],
        merged["interpolation"],
        _three(merged["mean"]),
        _three(merged["std"]),
    )


def _refuse_other_text(name: str, config: Mapping[str, Any]) -> None:
    text = config["text_cfg"]
    if text.get("hf_tokenizer_name") or text.get("hf_model_name") or text.get("tokenizer_kwargs"):
        raise ExportError(
            f"{name} has another tokenizer than CLIP's. Convert it elsewhere and adopt the files: "
            "edgeclip import"
        )
    if "multimodal_cfg" in config or text.get("vocab_size", 49408) != 49408:
        raise ExportError(
            f"{name} has another text tower than CLIP's. Convert it elsewhere and adopt the "
            "files: edgeclip import"
        )


def _default_tag(architecture: str) -> str:
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if len(tags) == 1:
        return str(tags[0])
    if architecture in _DEFAULT_TAGS:
        return _DEFAULT_TAGS[architecture]
    choices = ", ".join(f"{architecture}/{tag}" for tag in tags)
    raise ExportError(
        f"{architecture} has {len(tags)} sets of weights. Name one: {choices}."
        if tags
        else f"open_clip has no weights for {architecture}. Name another model."
    )


def _from_open_clip(name: str, architecture: str, tag: str) -> Recipe:
    preprocessing = trained_preprocessing(architecture, tag)
    config = open_clip.get_pretrained_cfg(architecture, tag)
    # Weights trained with QuickGELU in a model built with GELU are quietly wrong.
    quick = bool(config.get("quick_gelu"))
    if quick != bool((open_clip.get_model_config(architecture) or {}).get("quick_gelu")):
        other = f"{architecture}-quickgelu" if quick else architecture.removesuffix("-quickgelu")
        raise ExportError(f"{name} was trained with another GELU. Export it as {other}/{tag}.")
    repository, _, file = str(config.get("hf_hub", "")).rpartition("/")
    if not repository:
        raise ExportError(f"open_clip names no hub repository for {name}. Name another model.")
    recipe = Recipe(
        re.sub(r"[^a-z0-9._]+", "_", f"{architecture}-{tag}".lower()),
        "openclip",
        architecture,
        tag,
        repository,
        preprocessing,
        _license(repository, tag),
    )
    return replace(recipe, files=(file,)) if file else recipe


def _license(repository: str, tag: str) -> License:
    if repository.startswith("apple/"):
        return APPLE
    if tag.startswith("metaclip"):
        return _METACLIP
    return License(
        name="as stated by the publisher of the weights",
        spdx=None,
        url=f"https://huggingface.co/{repository}",
        commercial_use=None,
        consequence="The terms of these weights are not known to edgeclip: read them before use.",
    )


def _three(values: Any) -> Three:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
