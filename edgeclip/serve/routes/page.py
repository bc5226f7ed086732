"""Page: the files of the page for people, as they are in the package."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from edgeclip.serve.problems import Refused
from edgeclip.serve.routes.shared import router

routes = router("page", APIRoute)
_INDEX = "index.html"
_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# Only files of the page itself run or are loaded; what the service answers cannot change that.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _File:
    """A file of the page, read once."""

    data: bytes
    media_type: str
    tag: str


def _read(folder: Traversable, below: str = "") -> Iterator[tuple[str, _File]]:
    """Yield what is served of a folder and of those in it; licences and notes are not."""
    for entry in folder.iterdir():
        name = below + entry.name
        kind = _MEDIA_TYPES.get(name.rpartition(".")[2])
        if entry.is_dir():
            yield from _read(entry, f"{name}/")
        elif kind is not None:
            data = entry.read_bytes()
            yield name, _File(data, kind, f'"{hashlib.sha256(data).hexdigest()[:32]}"')


# A request names a row of this table, never a path.
_FILES = dict(_read(files("edgeclip.serve") / "page"))


@routes.get("/", include_in_schema=False)
async def index(request: Request) -> Any:
    """Answer with the page itself."""
    return _answer(request, _FILES[_INDEX])


@routes.get("/page/{name:path}", include_in_schema=False)
async def part(name: str, request: Request) -> Any:
    """Answer with a file that the page needs."""
    file = _FILES.get(name)
    if file is None:
        raise Refused(HTTPStatus.NOT_FOUND, "the page has no such file. Load the page again.")
    return _answer(request, file)


def _answer(request: Request, file: _File) -> Response:
    known = request.headers.get("if-none-match", "")
    headers = _HEADERS | {"ETag": file.tag}
    if file.tag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(file.data, media_type=file.media_type, headers=headers)
