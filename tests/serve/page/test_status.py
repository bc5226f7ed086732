"""What the page says of the index: while it is made, and whether its answers are good."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from tests.serve.page.browsing import answered, give, keys_of, noise, opened, searched, shows
from tests.serve.serving import serving

LATER_MS = 11_000


def test_how_far_the_indexing_is(page, api):
    model = api.get("/model").json()
    halfway = {**model, "progress": {"done": 512, "total": 2048}}
    answered(page, "**/model", halfway, {**model, "progress": None})
    page.clock.install()
    opened(page)
    bar = page.get_by_role("progressbar", name="Indexing a folder")
    expect(bar).to_have_attribute("value", "512")
    expect(bar).to_have_attribute("max", "2048")
    expect(page.locator(".status")).to_contain_text("indexing a folder: 512 of 2,048")
    page.clock.fast_forward(3_000)  # asked more often while it goes on
    expect(bar).to_have_count(0)


def test_an_index_that_grows_under_the_page(open_page, tmp_path, photos, model):
    """Another process indexes a folder, the service only reads, and the page shows what comes."""
    folder, path = tmp_path / "album", tmp_path / "index"
    folder.mkdir()
    with (
        Index.open(path, model.space, model=str(model.manifest.folder)) as index,
        serving(tmp_path, "--index", str(path), "--read-only") as served,
    ):
        page = open_page(served)
        page.clock.install()
        opened(page)
        expect(page.get_by_text("The index is empty.")).to_be_visible()
        for number in range(3):
            noise(folder / f"{number}.png", seed=number)
        list(sync(index, model, folder))
        page.clock.fast_forward(LATER_MS)
        shows(page, ["0.png", "1.png", "2.png"])
        expect(page.get_by_text("3 pictures of the index")).to_be_visible()
        # What was asked for stays as it was found.
        found = keys_of(searched(page, "a cat"))
        noise(folder / "3.png", seed=3)
        list(sync(index, model, folder))
        page.clock.fast_forward(LATER_MS)
        expect(page.locator(".status")).to_contain_text("4 pictures")
        shows(page, found)


def test_that_nobody_knows_whether_a_match_is_good(page, api, album):
    told = api.post("/search", json={"query": "a cat"}).json()
    answered(page, "**/search", {**told, "good_match": None, "threshold": None}, None)
    opened(page)
    searched(page, "a cat")
    status = page.get_by_role("region", name="What is found").get_by_role("status").first
    expect(status).to_contain_text(
        "Nobody knows whether that is a good match: this index does not know what unrelated words"
    )
    give(page, album / "coffee.png")
    expect(status).to_contain_text(re.compile("Nobody knows .* with pictures in a search"))
