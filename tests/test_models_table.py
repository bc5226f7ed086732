"""models/README.md lists every model that has a name, with what its recipe says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from edgeclip_export.table import RECIPES

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "models" / "README.md").read_text("utf-8")
ROWS = {
    cells[0].strip("`"): cells
    for cells in (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TEXT.splitlines()
        if re.match(r"\| `[a-z0-9_]+` \|", line)
    )
}


def test_lists_every_recipe_and_the_starter() -> None:
    assert set(ROWS) == {"starter", *RECIPES}


@pytest.mark.parametrize("name", RECIPES)
def test_row_says_what_the_recipe_says(name: str) -> None:
    recipe = RECIPES[name]
    _, _, picture, _, _, licence, products, published, _ = ROWS[name]
    assert int(picture) == recipe.preprocessing.size
    assert licence == ("MIT" if recipe.license.spdx == "MIT" else "Apple, research only")
    assert products == ("yes" if recipe.license.commercial_use else "no")
    assert published.startswith(str(recipe.accuracy[0].value) if recipe.accuracy else "–")


def test_pinned_revisions_are_named() -> None:
    pinned = {name for name, recipe in RECIPES.items() if recipe.revision}
    sentence = TEXT.split("**Weights from the hub**")[1].split("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) & set(RECIPES) == pinned
