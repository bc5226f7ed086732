"""Duplicates and groups."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.serve.page.browsing import chips, opened


def test_duplicates_name_what_to_keep(page, api):
    told = api.get("/duplicates").json()["groups"]
    assert {"coffee.png", "more/again.png"} <= {key for group in told for key in group["keys"]}
    opened(page, "duplicates")
    sets = page.locator("main section")
    expect(sets).to_have_count(len(told))
    for place, group in enumerate(told):
        expect(sets.nth(place).locator(".name")).to_have_text(group["keys"])
        first = sets.nth(place).get_by_role("listitem").first
        expect(first).to_contain_text("keep")
        expect(first).to_contain_text(group["keeper"])
        same = sets.nth(place).get_by_text("same file")
        expect(same).to_have_count(len(group["exact"]))
    page.get_by_role("button", name="More like this: coffee.png").click()
    expect(chips(page)).to_contain_text("coffee.png")


def test_groups(page, api):
    told = api.get("/groups").json()["groups"]
    groups = [each for each in told if each["total"] > 1]
    opened(page, "groups")
    sections = page.locator("main section")
    expect(sections).to_have_count(len(groups))
    for place, group in enumerate(groups):
        expect(sections.nth(place).locator("h2")).to_contain_text(f"{group['total']} pictures")
        expect(sections.nth(place).locator(".name")).to_have_text(group["keys"][:6])
    alone = len(told) - len(groups)
    expect(page.get_by_text("in no group.")).to_contain_text(f"{alone} picture")
    # Of a large one the first are shown, and all on demand.
    page.get_by_role("button", name="Show all").first.click()
    expect(sections.first.locator(".name")).to_have_text(groups[0]["keys"])


def test_more_sets_than_are_shown(open_page, many):
    page = open_page(many)
    opened(page, "duplicates")
    expect(page.get_by_text("The first 200 of 252 sets.")).to_be_visible()
    expect(page.locator("main section")).to_have_count(200)
    # All of a large one are there on demand, a part at a time.
    first = page.locator("main section").first
    expect(first.locator("h2")).to_have_text("120 pictures")
    expect(first.locator(".grid li")).to_have_count(6)
    first.get_by_role("button", name="Show 100 of 120").click()
    expect(first.locator(".grid li")).to_have_count(100)
    first.get_by_role("button", name="Show all 120").click()
    expect(first.locator(".grid li")).to_have_count(120)
    names = first.locator(".name").all_inner_texts()
    assert sorted(names) == sorted(f"set/{number}" for number in range(120))
    expect(first.locator(".grid b")).to_have_count(119)  # each has its cosine to the keeper
    first.get_by_role("button", name="Show fewer").click()
    expect(first.locator(".grid li")).to_have_count(6)


def test_more_groups_than_are_shown(open_page, many):
    page = open_page(many)
    opened(page, "groups")
    expect(page.get_by_text("The first 200 of 253 groups.")).to_be_visible()
    expect(page.get_by_text("45 pictures in no group.")).to_be_visible()
    first = page.locator("main section").first
    expect(first.locator("h2")).to_have_text("Group 1: 230 pictures")
    for number, name in ((100, "Show 100 of 230"), (200, "Show 200 of 230"), (230, "Show all 230")):
        button = first.get_by_role("button", name=name)
        button.focus()
        page.keyboard.press("Enter")
        expect(first.locator(".grid li")).to_have_count(number)
    expect(first.get_by_role("button", name="Show fewer")).to_be_focused()
    names = first.locator(".name").all_inner_texts()
    assert sorted(names) == sorted(f"group/{number}" for number in range(230))
