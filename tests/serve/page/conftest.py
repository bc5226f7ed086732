"""A real browser, and services of an album for it to show."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

from edgeclip.index.folder import sync
from edgeclip.index.index import Index
from tests.patience import PATIENCE_S
from tests.programs import needed
from tests.serve.serving import serving

EXIF, TAKEN = 0x8769, 0x9003  # when the picture was taken
ODD = "more/50% & #1?ä.png"
WIDE = (1280, 800)
DIM = 512  # vectors that are drawn in it are far from each other

expect.set_options(timeout=1000 * PATIENCE_S)


# For this package alone: while Playwright runs, no other test can run a loop of asyncio.
@pytest.fixture(scope="package")
def chromium():
    path = needed("chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def album(tmp_path_factory, photos):
    """Pictures of several folders and times; two are copies of another."""
    folder = tmp_path_factory.mktemp("album")
    (folder / "more").mkdir()
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "coins.png", "page.png"):
        shutil.copy(photos / name, folder / name)
    shutil.copy(photos / "coffee.png", folder / "more" / "again.png")
    shutil.copy(photos / "brick.png", folder / ODD)
    with Image.open(photos / "coffee.png") as picture:
        picture.reduce(2).save(folder / "more" / "small.jpg", quality=90)
    with Image.open(photos / "rocket.jpg") as picture:
        exif = Image.Exif()
        exif.get_ifd(EXIF)[TAKEN] = "2020:05:01 12:00:00"
        picture.save(folder / "more" / "rocket.jpg", exif=exif)
    return folder


@pytest.fixture(scope="package")
def shown(tmp_path_factory, album, model):
    """A running service of the album, whose index knows what unrelated words get."""
    folder = tmp_path_factory.mktemp("shown")
    path = folder / "photos.index"
    with Index.open(path, model.space, model=str(model.manifest.folder)) as index:
        list(sync(index, model, album))
        assert index.learn(model.embed_texts)
        assert len(index.groups(0.2)[0].keys) > 6  # more than are shown at first
    with serving(folder, "--index", str(path)) as running:
        yield running


@pytest.fixture
def api(shown):
    """What the page is compared with."""
    with shown.client() as asking:
        yield asking


@pytest.fixture
def open_page(chromium):
    """Return what opens a window on a service; in the end none has broken a rule of its own."""
    contexts, said = [], []

    def opening(service, **options):
        width, height = options.pop("size", WIDE)
        context = chromium.new_context(
            base_url=service.url, viewport={"width": width, "height": height}, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: said.append(request.url))
        return page

    yield opening
    for context in contexts:
        context.close()
    # What a browser tells of answers like 401 and of services that are gone is no fault.
    loud = [
        each for each in said if not each.startswith(("Failed to load resource", "http://127."))
    ]
    assert [each for each in loud if not each.startswith("blob:")] == []


@pytest.fixture(scope="module")
def many(tmp_path_factory, model):
    """A running service of vectors without pictures: 251 pairs, a group, a set, and 45 alone."""
    folder = tmp_path_factory.mktemp("many")
    noise = np.random.default_rng(0)

    def like(middle, count, cosine):
        """Return unit vectors, whose cosine to each other is about this."""
        others = noise.normal(size=(count, DIM)) / DIM**0.5
        found = middle * cosine**0.5 + others * (1 - cosine) ** 0.5
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    middles = like(np.zeros(DIM), 298, 0.0)
    named = {"alone": middles[:45]}
    named["group"] = like(middles[45], 230, 0.9)
    named["set"] = like(middles[46], 120, 0.9999)
    for number, middle in enumerate(middles[47:]):
        named[f"pair {number:03}"] = like(middle, 2, 0.9999)
    with Index.open(folder / "index", model.space, model=str(model.manifest.folder)) as index:
        index.add_many(
            (f"{name}/{number}", vector.astype(np.float32))
            for name, vectors in named.items()
            for number, vector in enumerate(vectors)
        )
    with serving(folder, "--index", str(folder / "index")) as running:
        yield running


@pytest.fixture
def page(open_page, shown):
    """A window on the album."""
    return open_page(shown)
