"""Pictures that are dropped, pasted and chosen, in any view and at any moment."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.serve.page.browsing import COUNTED, chips, drop, give, noise, opened, until

LINK = """() => ["dragover", "drop"].map((kind) => {
    const transfer = new DataTransfer();
    transfer.setData("text/uri-list", "http://127.0.0.1/");
    const event = new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true});
    document.body.dispatchEvent(event);
    return event.defaultPrevented;
})"""


def test_another_one_after_a_reload(page, tmp_path):
    """The address has the first one's number, which the second must not get."""
    one, two = (noise(tmp_path / f"{name}.png", seed=len(name)) for name in ("one", "three"))
    opened(page)
    give(page, one)
    page.reload()
    lost = page.get_by_text("not kept any more")
    expect(lost).to_be_visible()
    give(page, two)
    expect(chips(page)).to_have_count(1)
    expect(chips(page)).to_contain_text("three.png")
    expect(lost).to_have_count(0)
    page.go_back()  # not to another picture than it was
    expect(lost).to_be_visible()
    expect(chips(page)).to_have_count(0)


def test_two_at_once(page, tmp_path):
    opened(page)
    large = noise(tmp_path / "large.png", 1100)
    drop(page, large, noise(tmp_path / "small.png"))
    expect(chips(page).locator(".name")).to_have_text(["large.png", "small.png"])


def test_what_is_asked_meanwhile_stays(page, tmp_path):
    opened(page)
    box = page.get_by_role("searchbox")
    box.fill("a cat")
    drop(page, noise(tmp_path / "large.png", 1100))
    box.fill("a dog")
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_count(1)
    expect(box).to_have_value("a dog")
    until(page, "location.hash.includes('q=a+dog')")


def test_who_has_left_is_not_called_back(page, tmp_path):
    opened(page)
    drop(page, noise(tmp_path / "large.png", 1100), then="location.hash = '#/groups'")
    expect(page.get_by_role("link", name="Groups")).to_have_attribute("aria-current", "page")
    # The next one is read after it: when that is here, the first is done.
    with page.expect_request("**/search") as asked:
        drop(page, noise(tmp_path / "small.png"))
    assert len(asked.value.post_data_json["terms"]) == 1
    expect(chips(page).locator(".name")).to_have_text(["small.png"])


@pytest.mark.parametrize("view", ["duplicates", "groups", "camera"])
def test_a_drop_in_another_view_is_a_search(page, tmp_path, view):
    opened(page, view)
    with page.expect_request("**/search"):
        assert drop(page, noise(tmp_path / "one.png")) == [True]
    expect(chips(page)).to_contain_text("one.png")
    page.go_back()
    until(page, f"location.hash === '#/{view}'")


def test_a_link_that_is_dropped_is_not_gone_to(page):
    opened(page)
    assert page.evaluate(LINK) == [True, True]


def test_sixteen_detailed_ones_can_be_sent_and_no_more(page, tmp_path):
    large = noise(tmp_path / "large.png", 1100)
    opened(page)
    with page.expect_response("**/search") as answer:
        page.get_by_label("Add a picture").set_input_files([large] * 16)
    assert answer.value.status == 200, answer.value.text()
    expect(chips(page)).to_have_count(16)
    drop(page, noise(tmp_path / "small.png"))
    expect(page.get_by_role("alert")).to_have_text(
        "A search holds 16 pictures at most. Remove one first."
    )
    expect(chips(page)).to_have_count(16)


def test_old_ones_are_given_back(open_page, shown, tmp_path):
    page = open_page(shown)
    page.add_init_script(COUNTED)
    opened(page)
    small = noise(tmp_path / "small.png")
    page.get_by_label("Add a picture").set_input_files([small])
    expect(chips(page)).to_have_count(1)
    for _ in range(3):  # which stays through all of them
        page.get_by_label("Add a picture").set_input_files([small] * 15)
        expect(chips(page)).to_have_count(16)
        for _ in range(15):
            chips(page).last.get_by_role("button", name="Remove").click()
    expect(chips(page)).to_have_count(1)
    until(page, "document.querySelector('.terms img').naturalWidth > 0")
    assert page.evaluate("[made, revoked]") == [46, 14]
