"""The table of models says what the recipes, models/README.md and the starter say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from edgeclip_export.table import RECIPES

from edgeclip.advice import choices
from edgeclip.advice.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]
ALL = choices.choices()
CLIP = {choice.name: choice for choice in ALL if choice.clip}
OTHERS = [choice for choice in ALL if not choice.clip]
README_ROWS = {
    cells[0].strip("`"): cells
    for cells in (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "models" / "README.md").read_text("utf-8").splitlines()
        if re.match(r"\| `[a-z0-9_]+` \|", line)
    )
}


def test_every_model_of_this_project_is_in_it_once():
    assert set(CLIP) == {"starter", *RECIPES} == set(README_ROWS)
    assert len({choice.name for choice in ALL}) == len(ALL)
    assert [choice.clip for choice in ALL] == [True] * len(CLIP) + [False] * len(OTHERS)


@pytest.mark.parametrize("name", RECIPES)
def test_a_model_says_what_its_recipe_says(name):
    choice, recipe = CLIP[name], RECIPES[name]
    assert choice.products == recipe.license.commercial_use
    assert choice.weights == (recipe.license.spdx or "Apple, research only")
    published = recipe.accuracy[0] if recipe.accuracy else None
    assert (choice.accuracy is None) == (published is None)
    if choice.accuracy and published:
        for field in ("task", "value", "unit", "source"):
            assert getattr(choice.accuracy, field) == getattr(published, field)


@pytest.mark.parametrize("name", README_ROWS)
def test_a_model_says_what_the_readme_of_the_models_says(name):
    choice, row = CLIP[name], README_ROWS[name]
    assert [choice.image.mb, choice.text.mb] == [float(row[3]), float(row[4])]
    assert [choice.weights, choices.product_word(choice)] == [row[5], row[6]]
    assert row[7].split(" (")[0] == choices.figure(choice)


def test_the_starter_says_what_its_manifest_says():
    record = json.loads((ROOT / "models" / "starter" / "model.json").read_text("utf-8"))
    starter = CLIP["starter"]
    assert starter.products is record["license"]["commercial_use"]
    assert record["license"]["spdx"] == starter.weights
    for tower in ("image", "text"):
        assert record["files"][f"{tower}.onnx"]["bytes"] / 1e6 == pytest.approx(
            getattr(starter, tower).mb, abs=0.05
        )


def test_sizes_in_int8_are_those_of_the_results():
    results = (ROOT / "benchmarks" / "results.md").read_text("utf-8")
    found = {
        (title.lower().replace("mobileclip-s2", "mobileclip_s2"), tower): float(mb)
        for title, tower, mb in re.findall(
            r"\| ([\w-]+), (\w+) tower, int8: size against .*?\| ([\d.]+) against", results
        )
    }
    stated = {
        (name, tower): getattr(choice, tower).int8
        for name, choice in CLIP.items()
        for tower in ("image", "text")
        if getattr(choice, tower).int8
    }
    assert stated == found


def test_times_are_those_of_the_results():
    results = (ROOT / "benchmarks" / "results.md").read_text("utf-8")
    row = r"\| (\w+), (\w+) tower, one thread: time against mobileclip_s2 \| ([\d.]+) "
    found = {(name, tower): float(ratio) for name, tower, ratio in re.findall(row, results)}
    stated = {
        (name, tower): getattr(choice, tower).time
        for name, choice in CLIP.items()
        for tower in ("image", "text")
        if getattr(choice, tower).time is not None and name != "mobileclip_s2"
    }
    assert stated == found


def test_memory_follows_from_the_sizes():
    assert CLIP["starter"].memory_gb == 0.5
    assert CLIP["mobileclip_s2"].memory_gb == 1  # what docs/raspberry-pi.md says
    assert CLIP["mobileclip2_s4"].memory_gb == 8
    assert {choice.memory_gb for choice in OTHERS} == {None}


def test_what_was_measured_has_its_medians_and_nothing_else_has():
    unmeasured = {name for name, choice in CLIP.items() if choice.image.time is None}
    assert unmeasured == {"mobileclip2_s4", "mobileclip2_l14"}
    for choice in CLIP.values():
        for tower in (choice.image, choice.text):
            assert bool(tower.detail) == (tower.time is not None)
            pair = re.match(r"([\d.]+) against ([\d.]+) ms", tower.detail)
            if pair:
                assert tower.time == pytest.approx(
                    float(pair[1]) / float(pair[2]), rel=0.03, abs=0.01
                )


def test_needs_are_a_closed_list_and_each_is_served():
    assert tuple(choices.guide()) == choices.NEEDS
    assert {need for choice in ALL for need in choice.needs} == set(choices.NEEDS) - {"commercial"}
    assert choices.choices("commercial")
    assert {choice.products for choice in choices.choices("commercial")} == {True}
    both = {choice.name for choice in choices.choices("pi", "commercial") if choice.clip}
    assert both == {"starter", "vit_b_32_256"}


@pytest.mark.parametrize("need", choices.NEEDS)
def test_the_guide_names_only_what_serves_the_need(need):
    title, advice = choices.guide()[need]
    served = [choice.name for choice in choices.choices(need)]
    named = re.findall(r"`([^`]+)`", advice)
    assert title and any(name.startswith(tuple(named)) for name in served)
    for name in set(named) - {"?"}:  # how the document shows a licence that nobody states
        known = [choice.name for choice in ALL if choice.name.startswith(name)]
        assert set(known) & set(served), name


# Names that the coach's words may use, and that a reader would look up here.
NAMED = (
    *("DETR", "Faster R-CNN", "YOLO", "GQA", "Visual Genome", "PC-CLIP", "dense cosine similarity"),
    *("ArcFace", "CosFace", "DINOv2", "Tesseract", "PaddleOCR", "TrOCR", "edgeclip similar"),
    *("metadata", "Long-CLIP", "M-CLIP", "SigLIP 2", "OpenCLIP", "--negative"),
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_something_instead_and_what_the_coach_names(kind):
    found = [choice for choice in ALL if kind in choice.kinds]
    assert found and not any(choice.clip for choice in found)
    told = " ".join(f"{choice.name} {choice.use}" for choice in found)
    for name in NAMED:
        assert name not in " ".join(KINDS[kind].instead) or name in told, name


def test_every_kind_of_the_table_is_one_of_the_coach():
    assert {kind for choice in ALL for kind in choice.kinds} == set(KINDS)


@pytest.mark.parametrize("choice", OTHERS, ids=lambda choice: choice.name)
def test_what_is_used_instead_has_sources_and_licences(choice):
    assert choice.use and choice.needs and choice.kinds
    assert bool(choice.weights) == bool(choice.code)
    assert choice.sources or not choice.weights
    if choice.products:
        assert "none" not in choice.code and "not stated" not in choice.weights
    urls = [*choice.sources, *([choice.accuracy.source] if choice.accuracy else [])]
    assert all(urlsplit(url).scheme == "https" and urlsplit(url).netloc for url in urls)


def test_licences_that_forbid_products_are_said():
    by_name = {choice.name.split()[0]: choice for choice in OTHERS}
    assert (by_name["YOLO11n"].products, by_name["ArcFace"].products) == (False, False)
    assert "AGPL-3.0" in by_name["YOLO11n"].weights
    assert "non-commercial" in by_name["ArcFace"].weights
    assert by_name["PC-CLIP"].products is None


def test_the_document_is_what_the_table_says():
    assert (ROOT / "docs" / "choosing.md").read_text("utf-8") == choices.markdown()


def test_every_row_of_the_document_has_all_columns():
    rows = [line for line in choices.markdown().splitlines() if line.startswith("|")]
    assert len(rows) == len(ALL) + 4
    assert {line.count(" | ") for line in rows} == {9, 11}
    assert all(f"| `{name}` |" in choices.markdown() for name in CLIP)
