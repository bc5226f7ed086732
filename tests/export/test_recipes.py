"""Recipes: names, trained preprocessing, licences, refusals."""

import dataclasses
import re

import open_clip
import pytest
from edgeclip_export.recipe import Preprocessing, Recipe
from edgeclip_export.recipes import checked, find_recipe
from edgeclip_export.table import APPLE, RECIPES
from edgeclip_export.towers import CLIP_MEAN, CLIP_STD

from edgeclip.errors import ExportError

UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
CLIP = (CLIP_MEAN, CLIP_STD)


def test_mobileclip_s2_comes_first_and_every_mobileclip_of_open_clip_is_there() -> None:
    assert next(iter(RECIPES)) == "mobileclip_s2"
    known = {(r.architecture, r.tag) for r in RECIPES.values()}
    published = {pair for pair in open_clip.list_pretrained() if pair[0].startswith("MobileCLIP")}
    assert published <= known


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_each_recipe_equals_open_clips_configuration_of_its_tag(recipe: Recipe) -> None:
    assert checked(recipe) is recipe
    hub = open_clip.get_pretrained_cfg(recipe.architecture, recipe.tag)["hf_hub"].rstrip("/")
    # Apple's own repository of MobileCLIP2-S2 is taken: its revision and digest are public.
    assert recipe.repository in (hub, "apple/MobileCLIP2-S2")


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_each_recipe_is_well_formed(recipe: Recipe) -> None:
    assert recipe.revision is None or re.fullmatch(r"[0-9a-f]{40}", recipe.revision)
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in recipe.sha256.values())
    assert set(recipe.sha256) <= set(recipe.files)
    assert recipe.sha256 == {} or recipe.revision
    assert recipe.license.consequence.endswith(".") and recipe.license.url.startswith("https://")
    assert all(figure.source.startswith("https://") for figure in recipe.accuracy)


@pytest.mark.parametrize(
    ("name", "statistics", "size", "filter"),
    [
        ("mobileclip_s1", UNIT, 256, "bilinear"),
        ("mobileclip_s2", UNIT, 256, "bilinear"),
        ("mobileclip_b", UNIT, 224, "bilinear"),
        ("mobileclip_b_lt", UNIT, 224, "bilinear"),
        ("mobileclip2_s0", UNIT, 256, "bilinear"),
        ("mobileclip2_s2", UNIT, 256, "bilinear"),
        ("mobileclip2_b", UNIT, 224, "bilinear"),
        ("mobileclip2_s3", CLIP, 256, "bilinear"),
        ("mobileclip2_s4", CLIP, 256, "bilinear"),
        ("mobileclip2_l14", CLIP, 224, "bicubic"),
        ("vit_b_32_256", CLIP, 256, "bicubic"),
    ],
)
def test_trained_preprocessing(name: str, statistics: object, size: int, filter: str) -> None:
    found = RECIPES[name].preprocessing
    assert (found.mean, found.std) == statistics
    assert (found.size, found.filter, found.resize, found.crop) == (
        size,
        filter,
        "shortest",
        "center",
    )


def test_apples_weights_are_for_research_only_and_one_model_is_not() -> None:
    for recipe in RECIPES.values():
        assert recipe.license.commercial_use is (recipe.family == "openclip")
    assert RECIPES["vit_b_32_256"].license.spdx == "MIT"


def test_a_recipe_that_differs_from_open_clip_is_refused() -> None:
    wrong = dataclasses.replace(
        RECIPES["mobileclip_s2"], preprocessing=Preprocessing(256, filter="bicubic")
    )
    with pytest.raises(ExportError, match="was trained with"):
        checked(wrong)


@pytest.mark.parametrize(
    ("name", "tag", "folder"),
    [
        ("ViT-B-32", "laion2b_s34b_b79k", "vit_b_32_laion2b_s34b_b79k"),
        ("ViT-B-32/laion2b_s34b_b79k", "laion2b_s34b_b79k", "vit_b_32_laion2b_s34b_b79k"),
        ("ViT-B-32-quickgelu/openai", "openai", "vit_b_32_quickgelu_openai"),
        ("PE-Core-T-16-384", "meta", "pe_core_t_16_384_meta"),
    ],
)
def test_other_models_go_by_open_clips_name(name: str, tag: str, folder: str) -> None:
    recipe = find_recipe(name)
    assert (recipe.tag, recipe.name, recipe.family) == (tag, folder, "openclip")
    assert checked(recipe) is recipe
    assert recipe.license.commercial_use is None


def test_squash_has_no_crop() -> None:
    found = find_recipe("PE-Core-T-16-384").preprocessing
    assert (found.resize, found.crop, found.mean) == ("squash", "none", (0.5, 0.5, 0.5))


def test_a_file_that_open_clip_names_is_taken() -> None:
    assert find_recipe("ViTamin-S").files == ("pytorch_model.bin",)
    assert find_recipe("ViTamin-S").repository == "jienengchen/ViTamin-S"


def test_licences_of_others_that_are_known() -> None:
    assert find_recipe("ViT-B-16-quickgelu/dfn2b").license is APPLE
    metaclip = find_recipe("ViT-B-32-quickgelu/metaclip_400m").license
    assert metaclip.spdx == "CC-BY-NC-4.0" and metaclip.commercial_use is False


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nonsense", "no model is called"),
        ("hf-hub:someone/model", "no model is called"),
        ("ViT-B-16-SigLIP", "another tokenizer"),
        ("xlm-roberta-base-ViT-B-32", "another tokenizer"),
        ("ViT-L-14-CLIPA", "another tokenizer"),
        ("coca_ViT-B-32", "another text tower"),
        ("ViT-B-32/nonsense", "no weights 'nonsense'"),
        ("ViT-B-32/openai", "Export it as ViT-B-32-quickgelu/openai"),
        ("RN50", "Name one: RN50/"),
        ("ViT-B-32-plus-256", "no weights"),
    ],
)
def test_refusals_are_one_line(name: str, words: str) -> None:
    with pytest.raises(ExportError) as caught:
        checked(find_recipe(name))
    assert words in str(caught.value) and "\n" not in str(caught.value)
