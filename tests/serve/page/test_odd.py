"""Names and facts that nobody expects: one odd item does not take the page with it."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from tests.serve.page.browsing import answered, chips, opened, until
from tests.serve.serving import serving

BYTES = b"od\xe4%20.png"  # no UTF-8
ODD = {
    "constructor": {"time": {"toString": 1}},
    "toString": {"list": [{"toString": 1}, None, "two"], "constructor": None},
    "__proto__": {"x" * 300: 1, "deep": {"deep": {"deep": {"deep": {"deep": 1}}}}},
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory, photos, model):
    """A running service of odd items: three alike, and a file whose name is no text."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "album").mkdir()
    shutil.copy(photos / "coins.png", os.fsencode(folder / "album") + b"/" + BYTES)
    shutil.copy(photos / "page.png", folder / "album" / "page.png")
    vector = np.zeros(model.dim, np.float32)
    vector[0] = 1
    with Index.open(folder / "index", model.space, model=str(model.manifest.folder)) as index:
        list(sync(index, model, folder / "album"))
        for key, metadata in ODD.items():
            index.add(key, vector, metadata)
    with serving(folder, "--index", str(folder / "index")) as running:
        yield running


@pytest.fixture
def odd_page(open_page, odd):
    return open_page(odd)


def test_odd_facts_are_shown_as_they_are(odd_page):
    opened(odd_page)
    expect(odd_page.locator(".grid li")).to_have_count(5)
    dialog = odd_page.get_by_role("dialog")
    for key, name, fact in (
        ("constructor", "time.toString", "1"),
        ("toString", "list", '{"toString":1}, null, two'),
        ("__proto__", "deep.deep.deep.deep", '{"deep":1}'),
    ):
        odd_page.get_by_role("button", name=f"Open {key}").click()
        told = dialog.locator("dt").get_by_text(name, exact=True).locator("+ dd")
        expect(told).to_have_text(fact)
        odd_page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_names_that_objects_have(odd_page):
    opened(odd_page, "duplicates")
    expect(odd_page.locator(".grid .name")).to_have_count(3)
    expect(odd_page.locator(".grid b")).to_have_text(["1.000", "1.000"])  # and the keeper
    opened(odd_page, "groups")
    expect(odd_page.locator(".grid .name")).to_have_count(3)


def test_a_long_name_of_a_fact_has_room(open_page, odd):
    page = open_page(odd, size=(320, 640))
    opened(page)
    page.get_by_role("button", name="Open __proto__").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 320
    own = "document.querySelector('dialog')"
    content, room = page.evaluate(f"[{own}.scrollWidth, {own}.clientWidth]")
    assert content <= room


def test_more_like_a_file_whose_name_is_no_text(odd_page, odd):
    opened(odd_page)
    key = os.fsdecode(BYTES)
    with odd_page.expect_response("**/search") as answer:
        odd_page.locator(".grid li").filter(has_text="%20.png").get_by_text("More like").click()
    assert answer.value.request.post_data_json["terms"] == [{"key": key, "weight": 1}]
    assert answer.value.status == 200
    expect(chips(odd_page)).to_have_count(1)
    until(odd_page, "document.querySelector('.terms img').naturalWidth > 0")
    # The address keeps it.
    with odd_page.expect_response("**/search") as answer:
        odd_page.reload()
    assert answer.value.request.post_data_json["terms"] == [{"key": key, "weight": 1}]


def test_a_view_that_breaks_leaves_the_others(page):
    answered(page, "**/groups", {"groups": 5, "total": 1, "alone": 0})
    opened(page, "groups")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This cannot be shown")
    page.get_by_role("link", name="Duplicates").click()
    expect(page.locator(".grid li").first).to_be_visible()
    page.get_by_role("link", name="Groups").click()
    expect(alert).to_be_visible()
    page.unroute("**/groups")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(".grid li").first).to_be_visible()


def test_an_answer_that_is_cut_off(page):
    page.route("**/search", lambda route: route.fulfill(body='{"matches": ['))
    opened(page, "search?q=a+cat")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The answer of the service is cut off. Try again.")
    page.unroute("**/search")
    alert.get_by_role("button", name="Try again").click()
    expect(page.locator(".grid li")).to_have_count(9)
