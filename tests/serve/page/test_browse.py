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
