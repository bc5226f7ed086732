"""What the tests of the page do with a browser, and what they read from it."""

from __future__ import annotations

import base64
import time
from pathlib import Path

from playwright.sync_api import Locator, Page, Request, expect

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
# Runs in the page: makes a file of base64, and drops or pastes it.
_GIVE = """([kind, name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type}));
    const event = kind === "paste"
        ? new ClipboardEvent(kind, {clipboardData: transfer, bubbles: true})
        : new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true});
    document.body.dispatchEvent(event);
}"""


def opened(page: Page, place: str = "") -> None:
    """Open the page at a place, and wait until it shows something."""
    page.goto(f"/#/{place}")
    expect(page.locator("main > *").nth(1)).to_be_visible()


def searched(page: Page, words: str) -> dict:
    """Search by words as people do; returns what the service answered."""
    with page.expect_response("**/search") as answer:
        page.get_by_role("searchbox").fill(words)
        page.keyboard.press("Enter")
    return answer.value.json()


def shows(page: Page, keys: list[str]) -> None:
    """Wait until the grid holds these items in this order."""
    expect(page.locator("main .grid .name")).to_have_text(keys)


def keys_of(answer: dict) -> list[str]:
    return [match["key"] for match in answer["matches"]]


def give(page: Page, picture: Path, *, kind: str = "drop", type: str = "image/png") -> Request:
    """Drop or paste a picture; returns the search that the page asks for then."""
    data = base64.b64encode(picture.read_bytes()).decode()
    with page.expect_request("**/search") as asked:
        page.evaluate(_GIVE, [kind, picture.name, type, data])
    return asked.value


def until(page: Page, script: str) -> None:
    """Wait until a script is true: asked by the debugger, for the page's policy lets none in."""
    end = time.monotonic() + 10
    while not page.evaluate(script):
        assert time.monotonic() < end, script
        page.wait_for_timeout(20)


def chips(page: Page) -> Locator:
    return page.get_by_role("list", name="Pictures in the search").get_by_role("listitem")


def faults(page: Page) -> list[str]:
    """Return the serious and critical violations that axe-core finds in what is shown."""
    # Evaluated by the debugger: the page's own policy lets no script of ours in.
    page.evaluate(AXE.read_text("utf-8") + "; undefined")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe-core looked at nothing"
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
