"""Search by words, pictures and sums of them, and what is shown of what is found."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from edgeclip.serve.limits import JSON_BYTES
from tests.serve.page.browsing import chips, give, keys_of, opened, searched, shows, until
from tests.serve.page.conftest import ODD

WORDS = ["a cat", "a dog", "big king", "big king size", "snow"]


@pytest.mark.parametrize("words", ["a cat", "2:beach - people"])
def test_by_words(page, api, words):
    opened(page)
    told = searched(page, words)
    assert told == api.post("/search", json={"query": words, "count": 24}).json()
    shows(page, keys_of(told))
    best = f"{told['matches'][0]['score']:.3f}"
    expect(page.locator(".grid b").first).to_have_text(best)
    expect(page.get_by_text("9 pictures, the nearest first")).to_contain_text(best)
    loaded = "[...document.querySelectorAll('.grid img')].every((each) => each.naturalWidth > 0)"
    until(page, loaded)


def test_the_address_is_kept_and_back_goes_back(page, api):
    opened(page)
    expect(page.get_by_text("nothing is asked yet")).to_be_visible()
    first, second = searched(page, "a cat"), searched(page, "a dog")
    assert keys_of(first) != keys_of(second)
    page.go_back()
    shows(page, keys_of(first))
    expect(page.get_by_role("searchbox")).to_have_value("a cat")
    page.reload()
    shows(page, keys_of(first))
    page.go_back()
    expect(page.get_by_text("nothing is asked yet")).to_be_visible()


def test_no_good_match_is_said_where_the_service_says_so(page, api):
    told = {words: api.post("/search", json={"query": words}).json() for words in WORDS}
    good = [words for words, answer in told.items() if answer["good_match"]]
    bad = [words for words, answer in told.items() if answer["good_match"] is False]
    assert good and bad, told
    opened(page)
    searched(page, bad[0])
    note = page.get_by_text("No good match.")
    expect(note).to_be_visible()
    expect(note.locator("..")).to_contain_text(f"{told[bad[0]]['threshold']:.3f}")
    expect(page.locator(".grid li")).to_have_count(9)
    searched(page, good[0])
    expect(note).to_have_count(0)


def test_a_query_that_breaks_the_grammar(page):
    opened(page)
    with page.expect_response("**/search") as answer:
        page.get_by_role("searchbox").fill("a +")
        page.keyboard.press("Enter")
    told = answer.value.json()["detail"]
    expect(page.get_by_role("alert")).to_contain_text(told[1:])


def test_a_dropped_picture_is_made_small_and_weighed(page, api, album, tmp_path):
    large = tmp_path / "large.png"
    with Image.open(album / "astronaut.png") as picture:
        picture.resize((2000, 2000)).save(large)
    opened(page)
    asked = give(page, large).post_data_json
    (term,) = asked["terms"]
    data = base64.b64decode(term["picture"])
    with Image.open(io.BytesIO(data)) as sent:
        assert sent.format == "JPEG" and 512 <= sent.width == sent.height <= 1024
    assert len(term["picture"]) < JSON_BYTES / 16  # a search may have so many of them
    shows(page, keys_of(api.post("/search", json=asked).json()))
    expect(page.locator(".grid .name").first).to_have_text("astronaut.png")
    expect(chips(page)).to_contain_text("large.png")
    asked = [term]
    for press, weight in (("Less of", 0.5), ("Less of", -0.5), ("More of", 0.5)):
        with page.expect_request("**/search") as request:
            page.get_by_role("button", name=f"{press} large.png").click()
        asked = request.value.post_data_json
        assert asked["terms"] == [{**term, "weight": weight}]
    with page.expect_request("**/search") as request:
        page.get_by_role("spinbutton", name="Weight of large.png").fill("-2")
        page.keyboard.press("Tab")
    page.get_by_role("searchbox").fill("a cat")
    with page.expect_request("**/search") as request:
        page.keyboard.press("Enter")
    asked = request.value.post_data_json
    assert asked["query"] == "a cat" and asked["terms"] == [{**term, "weight": -2}]
    shows(page, keys_of(api.post("/search", json=asked).json()))
    page.get_by_role("button", name="Remove large.png").click()
    shows(page, keys_of(api.post("/search", json={"query": "a cat"}).json()))


def test_a_half_typed_weight_stays_when_an_answer_comes(page, api, album):
    opened(page)
    asked = give(page, album / "coffee.png").post_data_json
    shows(page, keys_of(api.post("/search", json=asked).json()))
    held = []
    page.route("**/search", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/search"):
        page.get_by_role("button", name="More of coffee.png").click()
    weight = page.get_by_role("spinbutton", name="Weight of coffee.png")
    weight.fill("-2")
    held[0].fulfill(json={"matches": []})
    expect(page.locator(".grid .name")).to_have_count(0)
    with page.expect_request("**/search") as request:
        page.keyboard.press("Tab")
    assert request.value.post_data_json["terms"][0]["weight"] == -2
    weight.fill("0")  # would leave it out
    page.keyboard.press("Tab")
    expect(weight).to_have_value("-2")


def test_pictures_are_pasted_and_chosen_and_others_refused(page, album, tmp_path):
    opened(page)
    give(page, album / "coffee.png", kind="paste")
    with page.expect_request("**/search") as request:
        page.get_by_label("Add a picture").set_input_files(album / "coins.png")
    assert len(request.value.post_data_json["terms"]) == 2
    expect(chips(page)).to_have_count(2)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    page.get_by_label("Add a picture").set_input_files(bad)
    expect(page.get_by_role("alert")).to_contain_text("cannot read bad.png")
    expect(chips(page)).to_have_count(2)
    page.reload()
    expect(page.get_by_text("not kept any more")).to_be_visible()
    expect(chips(page)).to_have_count(0)


def test_more_like_this_one(page, api):
    opened(page)
    page.get_by_role("button", name="More like this: coffee.png").click()
    expect(chips(page)).to_contain_text("coffee.png")
    told = api.get("/items/coffee.png/similar").json()
    shows(page, keys_of(told))
    assert {"more/again.png", "more/small.jpg"} == set(keys_of(told)[:2])
    page.get_by_role("button", name=f"More like this: {ODD}").click()
    expect(chips(page)).to_have_count(1)
    expect(chips(page)).to_contain_text(ODD)
    until(page, "document.querySelector('.terms img').naturalWidth > 0")


def test_a_picture_opens_and_is_added_to_the_search(page, api):
    opened(page)
    told = searched(page, "a cat")
    first, second = keys_of(told)[:2]
    page.get_by_role("button", name=f"Open {first}").click()
    dialog = page.get_by_role("dialog", name=first)
    expect(dialog).to_contain_text(f"{told['matches'][0]['metadata']['width']}")
    until(page, "document.querySelector('dialog img').naturalWidth > 256")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name=second)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name=f"Open {first}")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Add to the search").click()
    body = {"query": "a cat", "terms": [{"key": first}]}
    expected = keys_of(api.post("/search", json=body).json())
    shows(page, [key for key in expected if key != first])


def test_filters_by_time_and_folder(page, api):
    opened(page)
    searched(page, "a cat")
    page.get_by_label("From").fill("2020-05-01")
    page.get_by_label("To").fill("2020-05-01")
    shows(page, ["more/rocket.jpg"])
    page.get_by_label("To").fill("")
    page.get_by_label("From").fill("2020-05-02")
    expect(page.locator(".grid li")).to_have_count(8)
    page.get_by_label("Folder").select_option("more")
    expect(page.locator(".grid li")).to_have_count(3)
    page.get_by_label("From").fill("")
    where = {"key": {"prefix": "more/"}}
    shows(page, keys_of(api.post("/search", json={"query": "a cat", "where": where}).json()))
    page.get_by_role("button", name="No filters").click()
    expect(page.locator(".grid li")).to_have_count(9)
    page.go_back()
    expect(page.get_by_label("Folder")).to_have_value("more")
    expect(page.locator(".grid li")).to_have_count(4)


def test_the_coach_says_what_cannot_be_held(page, api):
    advice = api.post("/coach", json={"query": "a cat without a dog"}).json()
    assert advice["rewrite"]
    opened(page)
    page.get_by_role("searchbox").type("a cat without a dog")
    hint = page.locator("#hint")
    expect(hint).to_contain_text(advice["limits"][0]["why"])
    expect(hint).to_have_attribute("role", "status")
    with page.expect_request("**/search") as request:
        hint.get_by_role("button", name=advice["rewrite"]).click()
    assert request.value.post_data_json["query"] == advice["rewrite"]
    expect(page.get_by_role("searchbox")).to_have_value(advice["rewrite"])
    expect(hint).to_have_text("")
