"""Filters: by time and folder, with words and without."""

from __future__ import annotations

import shutil
import time

import pytest
from playwright.sync_api import expect

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from tests.patience import PATIENCE_S
from tests.serve.page.browsing import keys_of, opened, searched, shows, until
from tests.serve.serving import serving


@pytest.fixture(scope="module")
def deep(tmp_path_factory, photos, model):
    """A running service of folders within folders."""
    folder = tmp_path_factory.mktemp("deep")
    for place in ("2025/12", "2026/05/zoo", "2026/06"):
        (folder / "album" / place).mkdir(parents=True)
        shutil.copy(photos / "page.png", folder / "album" / place / "a.png")
    shutil.copy(photos / "coins.png", folder / "album" / "2026" / "05" / "b.png")
    with Index.open(folder / "index", model.space, model=str(model.manifest.folder)) as index:
        list(sync(index, model, folder / "album"))
    with serving(folder, "--index", str(folder / "index")) as running:
        yield running


def test_filters_without_words(page, api):
    opened(page)
    page.get_by_label("From").fill("2020-05-01")
    page.get_by_label("To").fill("2020-05-01")
    shows(page, ["more/rocket.jpg"])
    expect(page.get_by_text("1 picture that the filters let through")).to_be_visible()
    page.get_by_label("To").fill("")
    page.get_by_label("From").fill("2020-05-02")
    expect(page.locator(".grid li")).to_have_count(8)
    page.get_by_label("From").fill("2999-01-01")
    expect(page.get_by_text("The filters let nothing through.")).to_be_visible()
    expect(page.locator(".grid li")).to_have_count(0)


def test_folders_within_folders(open_page, deep):
    page = open_page(deep)
    opened(page)
    searched(page, "a cat")
    page.get_by_label("Folder").select_option("2026")
    expect(page.locator(".grid li")).to_have_count(3)
    within = page.get_by_role("combobox", name="In 2026", exact=True)
    expect(within.locator("option")).to_have_text(["all", "05 (2)", "06 (1)"])
    within.select_option("2026/05")
    expect(page.locator(".grid li")).to_have_count(2)
    page.get_by_role("combobox", name="In 2026/05").focus()
    page.keyboard.press("z")  # as it is chosen by the keyboard
    shows(page, ["2026/05/zoo/a.png"])
    page.reload()
    shows(page, ["2026/05/zoo/a.png"])
    expect(page.get_by_role("combobox", name="In 2026/05")).to_have_value("2026/05/zoo")
    within.select_option("all")
    expect(page.locator(".grid li")).to_have_count(3)
    expect(page.get_by_role("combobox", name="In 2026/05")).to_have_count(0)


def test_a_date_that_is_typed_is_one_search(page):
    opened(page)
    told = searched(page, "a cat")
    shows(page, keys_of(told))
    asked = []
    page.on("request", lambda each: asked.append(each) if each.url.endswith("/search") else None)
    before = page.evaluate("history.length")
    page.get_by_label("From").focus()
    for digit in "05012020":
        page.keyboard.press(digit)
        page.wait_for_timeout(250)
    expect(page.get_by_label("From")).to_have_value("2020-05-01")
    page.wait_for_timeout(1000)
    assert [each.post_data_json["where"] for each in asked] == [{"time": {">=": "2020-05-01"}}]
    assert page.evaluate("history.length") == before
    # What is half typed is no date, and stays, whatever the page learns meanwhile.
    page.get_by_role("searchbox").focus()
    page.get_by_label("From").focus()
    page.keyboard.press("Backspace")
    page.wait_for_timeout(1000)
    page.evaluate("history.replaceState(null, '', location.hash + '&count=8')")
    page.evaluate("window.dispatchEvent(new HashChangeEvent('hashchange'))")
    expect(page.locator(".grid li")).to_have_count(8)
    for digit in "12":
        page.keyboard.press(digit)
    page.get_by_label("To").focus()  # as soon as it is left
    until(page, "location.hash.includes('from=2020-12-01')")
    end = time.monotonic() + PATIENCE_S
    while "2020-12-01" not in str(asked[-1].post_data) and time.monotonic() < end:
        page.wait_for_timeout(20)  # the search follows
    assert {each.post_data_json["where"]["time"][">="] for each in asked} == {
        "2020-05-01",
        "2020-12-01",
    }
