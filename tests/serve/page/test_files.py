"""The files of the page: what is served of them, and how; without a browser."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from edgeclip.serve import app

PAGE = Path(app.__file__).parent / "page"
TYPES = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml"}
FILES = sorted(
    path.relative_to(PAGE).as_posix()
    for path in PAGE.rglob("*.*")
    if path.suffix in (*TYPES, ".js", ".mjs")
)


@pytest.mark.parametrize("name", ["", *(f"page/{name}" for name in FILES)])
def test_a_file_with_its_type_and_policy(client, name):
    told = client.get(f"/{name}")
    path = PAGE / (name.removeprefix("page/") or "index.html")
    assert told.status_code == 200 and told.content == path.read_bytes()
    kind = TYPES.get(path.suffix, "text/javascript")
    assert told.headers["content-type"].split(";")[0] == kind
    policy = told.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert told.headers["x-content-type-options"] == "nosniff"
    assert told.headers["referrer-policy"] == "no-referrer"
    assert told.headers["cache-control"] == "no-cache"
    tag = told.headers["etag"]
    for known in (tag, f'"other", W/{tag}'):
        again = client.get(f"/{name}", headers={"If-None-Match": known})
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == tag
    assert client.get(f"/{name}", headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "nothing.js",
        "vendor/README.md",
        "vendor/LICENSE.htm",
        "../app.py",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "vendor",
        "",
        "/etc/passwd",
        "index.html%00",
    ],
)
def test_nothing_else_is_served(client, name):
    told = client.get(f"/page/{name}")
    assert told.status_code in (401, 404), told.text
    assert told.json()["detail"]


def test_nothing_is_inline_or_from_elsewhere():
    page = (PAGE / "index.html").read_text("utf-8")
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    for name in FILES:
        text = (PAGE / name).read_text("utf-8")
        found = set(re.findall(r"https?://[\w./-]*", text)) - {"http://www.w3.org/2000/svg"}
        allowed = ("http://www.w3.org/",)  # names of namespaces
        assert all(address.startswith(allowed) for address in found), (name, found)


@pytest.mark.parametrize("folder", [PAGE, Path(__file__).parent], ids=["page", "tests"])
def test_libraries_are_those_that_are_described(folder):
    text = (folder / "vendor" / "README.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `([\w.]+)` .*`([0-9a-f]{64})` \|$", text, re.MULTILINE))
    there = {path.name for path in (folder / "vendor").iterdir() if path.suffix in (".mjs", ".js")}
    assert set(told) == there
    for name, digest in told.items():
        assert hashlib.sha256((folder / "vendor" / name).read_bytes()).hexdigest() == digest
