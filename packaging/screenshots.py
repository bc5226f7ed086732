"""Make docs/search.png and docs/camera.png: the page of the service, as a browser shows it.

``python packaging/screenshots.py``, with Debian's chromium, Playwright (``--group test``) and
scikit-image, whose photographs are searched; those that are shown are free of conditions.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from PIL import Image, ImageOps
from playwright.sync_api import Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPHS = (
    *("astronaut.png", "brick.png", "chelsea.png", "coffee.png", "coins.png", "grass.png"),
    *("gravel.png", "horse.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png"),
    *("motorcycle_right.png", "rocket.jpg"),
)
QUERY = "a motorcycle without a rider"
SEEN = ("brick.png", "chelsea.png", "brick.png", "astronaut.png", "brick.png", "chelsea.png")
EACH_S = 5.0
RULES = """
[[rule]]
name = "cat"
prompts = ["a cat"]
negatives = ["a wall"]
threshold = 0.5
min_duration = 1
cooldown = 1

[[rule]]
name = "person"
prompts = ["a person", "a face"]
negatives = ["a wall", "a cat"]
threshold = 0.5
min_duration = 1
cooldown = 1

[[rule]]
name = "smoke"
"""
SIZE, MOST_BYTES = (1200, 680), 150_000


def main() -> None:
    """Make both pictures."""
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        photos = _photos(folder / "photos")
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=arguments
        )
        _edgeclip("index", str(photos), "--index", str(folder / "index")).wait()
        (folder / "rules.toml").write_text(RULES)
        watch = ("--rules", str(folder / "rules.toml"), "--fps", "4")
        with (
            _camera(photos) as address,
            _served(folder, *watch, "--camera", address) as service,
        ):
            window = ViewportSize(width=SIZE[0], height=SIZE[1])
            page = browser.new_page(viewport=window, locale="en-GB")
            _take_search(page, service)
            _take_camera(page, service)
        browser.close()


def _take_search(page: Page, service: str) -> None:
    page.goto(service)
    page.get_by_role("searchbox").fill(QUERY)
    page.keyboard.press("Enter")
    page.locator("#hint button").wait_for()
    page.get_by_text("the nearest first").wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate("document.activeElement.blur()")
    _save(page.screenshot(), ROOT / "docs" / "search.png")


def _take_camera(page: Page, service: str) -> None:
    page.goto(f"{service}/#/camera")
    page.locator(".timeline li").nth(2).wait_for(timeout=60_000)
    page.locator(".timeline li.started").wait_for(timeout=60_000)
    page.locator(".frame rect").first.wait_for(state="attached")
    _save(page.screenshot(), ROOT / "docs" / "camera.png")


def _photos(folder: Path) -> Path:
    spec = find_spec("skimage")
    assert spec and spec.submodule_search_locations, "pip install --no-deps scikit-image"
    folder.mkdir()
    for name in PHOTOGRAPHS:
        shutil.copy(Path(spec.submodule_search_locations[0]) / "data" / name, folder)
    return folder


def _edgeclip(*arguments: str, stderr: int | None = None) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "edgeclip", *arguments, "--model", "starter"]
    return subprocess.Popen(command, stderr=stderr, text=True, cwd=ROOT)


@contextlib.contextmanager
def _served(folder: Path, *arguments: str) -> Iterator[str]:
    """Run the service; yield its address."""
    places = ("--index", str(folder / "index"), "--jobs", str(folder / "jobs"), "--port", "0")
    process = _edgeclip("serve", *places, *arguments, stderr=subprocess.PIPE)
    try:
        yield _address(process.stderr)
    finally:
        process.terminate()
        process.wait()


def _address(said: IO[str] | None) -> str:
    for line in said or ():
        if found := re.search(r"listening on (\S+)", line):
            return found[1]
    raise RuntimeError("the service did not start; its reason stands above.")


@contextlib.contextmanager
def _camera(photos: Path) -> Iterator[str]:
    """Be a camera of the network that sees one photograph after the other; yield its address."""
    frames = [_frame(photos / name) for name in SEEN]
    begun = time.monotonic()

    class Stream(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    number = int((time.monotonic() - begun) / EACH_S)
                    data = frames[number % len(frames)]
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}"
                    self.wfile.write(f"{head}\r\n\r\n".encode() + data + b"\r\n")
                    time.sleep(0.1)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Stream) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/door"
        server.shutdown()


def _frame(path: Path) -> bytes:
    """Return a frame of 4:3, as a camera gives it."""
    made = io.BytesIO()
    with Image.open(path) as picture:
        ImageOps.fit(picture.convert("RGB"), (640, 480)).save(made, "JPEG", quality=85)
    return made.getvalue()


def _save(data: bytes, path: Path) -> None:
    """Write a screenshot with as many colours as there is room for."""
    with Image.open(io.BytesIO(data)) as picture:
        whole = picture.convert("RGB")
    for colours in range(256, 16, -16):
        made = io.BytesIO()
        whole.quantize(colours, kmeans=1, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
        if made.tell() <= MOST_BYTES:
            break
    path.write_bytes(made.getvalue())


if __name__ == "__main__":
    main()
