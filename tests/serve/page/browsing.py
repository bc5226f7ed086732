"""What the tests of the page do with a browser, and what they read from it."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.patience import PATIENCE_S

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
# Runs in the page: makes files of base64, and drops or pastes each; tells what the page took.
_GIVE = """([kind, files]) => files.map(([name, type, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, {type}));
    const event = kind === "paste"
        ? new ClipboardEvent(kind, {clipboardData: transfer, bubbles: true})
        : new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true});
    document.body.dispatchEvent(event);
    return event.defaultPrevented;
})"""
# Runs before the page: counts the addresses of pictures that are made and given back.
COUNTED = """
window.made = 0;
window.revoked = 0;
for (const [name, count] of [["createObjectURL", "made"], ["revokeObjectURL", "revoked"]]) {
    const own = URL[name].bind(URL);
    URL[name] = (given) => { window[count] += 1; return own(given); };
}
"""
_FOCUSED = """(() => {
    const own = document.activeElement;
    return own === document.body ? "nothing" : own.ariaLabel || own.id || own.innerText || own.type;
})()"""


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
    with page.expect_request("**/search") as asked:
        drop(page, picture, kind=kind, type=type)
    return asked.value


def drop(
    page: Page, *pictures: Path, kind: str = "drop", type: str = "image/png", then: str = ""
) -> list[bool]:
    """Drop or paste pictures, each by itself, and run a script in the same moment.

    Returns:
        For each whether the page took it: what it leaves, a browser opens in its place.
    """
    files = [[path.name, type, base64.b64encode(path.read_bytes()).decode()] for path in pictures]
    script = f"(given) => {{ const taken = ({_GIVE})(given); {then}; return taken; }}"
    return page.evaluate(script, [kind, files])


def noise(path: Path, side: int = 32, seed: int = 0) -> Path:
    """Make a picture that is unlike others; a large one has many bytes, and is slow to shrink."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def focused(page: Page) -> str:
    """Return what has the focus, in words."""
    return page.evaluate(_FOCUSED)


def answered(page: Page, path: str, *answers: dict | None, status: int = 200) -> list[str]:
    """Answer requests with JSON, the last answer for ever; None: as the service does.

    Returns:
        The addresses that were asked for, which grow.
    """
    asked: list[str] = []

    def answer(route: Route) -> None:
        told = answers[min(len(asked), len(answers) - 1)]
        asked.append(route.request.url)
        if told is None:
            route.continue_()
        else:
            route.fulfill(status=status, json=told)

    page.route(path, answer)
    return asked


def until(page: Page, script: str) -> None:
    """Wait until a script is true: asked by the debugger, for the page's policy lets none in."""
    end = time.monotonic() + PATIENCE_S
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
