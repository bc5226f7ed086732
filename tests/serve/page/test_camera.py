"""The live view of a camera: a real stream, watched by a real service."""

from __future__ import annotations

import contextlib
import re

from playwright.sync_api import expect

from tests.serve.page.browsing import faults, until
from tests.serve.serving import serving
from tests.watch import servers

RULES = """
[[rule]]
name = "blue"
prompts = ["a blue picture"]
negatives = ["a red picture"]
threshold = 0.001
min_duration = 0.2

[[rule]]
name = "never"
prompts = ["a blue picture"]
negatives = ["a red picture"]
threshold = 0.999999

[[rule]]
name = "person"
"""


def test_the_camera_live(open_page, tmp_path, tiny_model):
    (tmp_path / "rules.toml").write_text(RULES)
    arguments = ("--model", str(tiny_model), "--rules", str(tmp_path / "rules.toml"))
    with contextlib.ExitStack() as stack:
        camera = contextlib.ExitStack()
        address = camera.enter_context(servers.serving("mjpeg"))
        stack.callback(camera.close)
        served = stack.enter_context(
            serving(tmp_path, *arguments, "--camera", address, "--fps", "5")
        )
        page = open_page(served)
        page.goto("/#/camera")
        picture = page.get_by_role("img", name="What the camera")
        expect(picture).to_be_visible()
        first = picture.get_attribute("src")
        expect(picture).not_to_have_attribute("src", first)
        until(page, "document.querySelector('.frame img')?.naturalWidth > 0")
        above = page.get_by_role("meter", name="blue")
        expect(above).to_have_attribute(
            "aria-valuetext", re.compile(r"^-?\d+\.\d\d, above -6\.91$")
        )
        expect(page.get_by_role("meter", name="never")).to_have_attribute(
            "aria-valuetext", re.compile(r", below 13\.8")
        )
        expect(page.get_by_role("progressbar", name="Learning person")).to_be_visible()
        expect(page.get_by_text(re.compile(r"learning \d+ %"))).to_be_visible()
        event = page.locator(".timeline li")
        expect(event).to_have_count(1)
        expect(event).to_contain_text(re.compile(r"blue\s*now, score"))
        assert faults(page) == []
        camera.close()
        expect(page.get_by_text("The camera is lost")).to_be_visible(timeout=20_000)
        expect(event).to_contain_text(re.compile(r"for \d+ s, score"))
        expect(event).to_have_count(1)
        page.reload()
        expect(event).to_contain_text("blue")
        served.process.kill()
        expect(page.get_by_text("The service is gone")).to_be_visible()
        expect(event).to_contain_text("blue")
