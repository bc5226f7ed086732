"""Items: what the index holds, one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import IO, Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from edgeclip.errors import ImageRejected
from edgeclip.index.index import Index
from edgeclip.index.items import Item
from edgeclip.index.reading import MAX_BYTES, content_hash
from edgeclip.model import headers
from edgeclip.serve import items, uploads
from edgeclip.serve.answers import Json
from edgeclip.serve.problems import Refused, responses
from edgeclip.serve.routes import browse
from edgeclip.serve.routes.search import Found
from edgeclip.serve.routes.shared import (
    Body,
    Served,
    checked,
    finished,
    router,
    schema_of,
    threaded,
)
from edgeclip.serve.service import Service
from edgeclip.serve.strict import media_type, parsed

routes = router("items")
_SIZES = (64, 1024)
_CHUNK = 1 << 16
_SAFE = {
    # A picture from a stranger is shown as a picture, whatever else its bytes may say.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, max-age=60",
}
_MEDIA_TYPES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
)
_BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "image/heic"),
}
_UNKNOWN = "application/octet-stream"
_PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
}
Count = Annotated[int, Query(ge=1, le=1000)]


class Known(BaseModel):
    """An item and what is known about it."""

    key: str
    metadata: dict[str, Any] | None


class Page(BaseModel):
    """Some items, the oldest first."""

    items: list[Known]
    next: str | None = Field(description="Ask for what comes `after` this; null: that was all.")
    total: int


class Kept(BaseModel):
    """What became of an item."""

    key: str
    status: str = Field(examples=["added"], description="`added`, `updated` or `unchanged`.")


class Similar(BaseModel):
    """Items that are alike, the nearest first."""

    matches: list[Found]


class Given(Body):
    """An item whose vector its sender has."""

    vector: list[float] = Field(min_length=1, max_length=8192, description="Of unit length.")
    metadata: dict[str, Any] | None = None


@routes.get("/items", summary="List items", responses=responses(404, ok=Page))
async def listed(
    request: Request,
    service: Served,
    after: str | None = None,
    count: Count = 100,
    where: Annotated[
        str | None,
        Query(
            examples=['{"camera": "door"}'],
            description="Conditions on what is known of items, as `/search` has them, in JSON.",
        ),
    ] = None,
) -> Any:
    """List keys and metadata, the oldest first, a page at a time."""
    conditions = None if where is None else browse.conditions(where)
    key = browse.named(request, "after")
    return Json(await threaded(browse.page, service.index, key, count, conditions))


# The longer paths first: in a key, the slash of "/picture" is written %2F.
@routes.get(
    "/items/{key:path}/picture",
    summary="The picture of an item",
    response_class=Response,
    responses={**_PICTURE, **responses(404)},
)
async def picture(key: str, service: Served) -> Any:
    """Answer with the file, as it is on the disk."""
    file = await threaded(items.picture, service.index, items.key_of(key))
    head = await threaded(file.read, _CHUNK)
    return StreamingResponse(_parts(file, head), media_type=_media_type(head), headers=_SAFE)


@routes.get(
    "/items/{key:path}/thumbnail",
    summary="A small picture of an item",
    response_class=Response,
    responses={**_PICTURE, **responses(404, 415, 422)},
)
async def thumbnail(
    key: str,
    service: Served,
    size: Annotated[int, Query(ge=_SIZES[0], le=_SIZES[1])] = 256,
) -> Any:
    """Answer with a JPEG, upright, whose longer side is at most `size` pixels."""
    small = await threaded(_thumbnail, service, items.key_of(key), size)
    return Response(small, media_type="image/jpeg", headers=_SAFE)


@routes.get(
    "/items/{key:path}/similar",
    summary="Items like this one",
    responses=responses(404, ok=Similar),
)
async def similar(key: str, service: Served, count: Count = 10) -> Any:
    """Find the items nearest to one of them, without itself."""
    name = items.key_of(key)
    try:
        found = await threaded(service.index.similar, name, count=count)
    except KeyError as error:
        raise items.missing() from error
    return Json({"matches": items.told(found)})


@routes.get(
    "/items/{key:path}",
    summary="What is known of an item",
    responses=responses(404, ok=Known),
)
async def known(key: str, service: Served) -> Any:
    """Answer with its metadata."""
    item = await threaded(items.item, service.index, items.key_of(key))
    return Json({"key": item.key, "metadata": item.metadata})


@routes.put(
    "/items/{key:path}",
    summary="Keep an item",
    responses=responses(404, 409, 415, 422, 507, ok=Kept),
    openapi_extra=uploads.body(
        uploads.form_schema(
            ("file",),
            file=uploads.FILE,
            metadata={"type": "string", "description": "A JSON object, as text."},
        ),
        **{"application/json": {"schema": schema_of(Given)}},
    ),
)
async def put(key: str, request: Request, service: Served) -> Any:
    """Keep a picture's vector, or a vector, under a key; it is durable when this answers.

    Of a picture its vector and what its file tells are kept, not the picture itself.
    """
    name = items.key_of(key)
    metadata: Any = None
    if media_type(request) == "application/json":
        given = checked(Given, await request.json())
        item = Item(name, given.vector, given.metadata)  # type: ignore[arg-type]
        return Json({"key": name, "status": await threaded(_keep, service, item)})
    if uploads.is_form(request):
        async with uploads.form(request, "file", "metadata") as form:
            sent = await uploads.files(form)
            told = uploads.field(form, "metadata")
        if len(sent) != 1:
            raise Refused(HTTPStatus.BAD_REQUEST, "the form has several files. Send one.")
        data, metadata = sent[0].data, None if told is None else parsed(told)
    else:
        data = await uploads.raw(request)
    if not isinstance(metadata, dict | None):
        raise Refused(HTTPStatus.BAD_REQUEST, "the metadata is no JSON object.")
    return Json(
        {"key": name, "status": await threaded(_keep_picture, service, name, data, metadata)}
    )


@routes.delete(
    "/items/{key:path}",
    summary="Forget an item",
    status_code=204,
    response_model=None,
    response_class=Response,
    responses=responses(404, 409, 507),
)
async def forget(key: str, service: Served) -> Any:
    """Forget it for good; one of a folder that is indexed comes back with its file."""
    if not await threaded(_writable(service).remove, items.key_of(key)):
        raise items.missing()
    return Response(status_code=204)


async def _parts(file: IO[bytes], head: bytes) -> AsyncIterator[bytes]:
    """Yield a file bit by bit: slow clients cost no memory."""
    with file:
        while head:
            yield head
            head = await finished(file.read, _CHUNK)


def _thumbnail(service: Service, key: str, size: int) -> bytes:
    with items.picture(service.index, key) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageRejected(f"{headers.printable(key)} is too large. Make it smaller.")
    return service.decoders.thumbnail(data, size)


def _writable(service: Service) -> Index:
    """Return the index.

    Raises:
        Refused: it is written elsewhere.
    """
    if service.index.read_only:
        raise Refused(
            HTTPStatus.CONFLICT,
            "this service only reads the index, which another process writes. Change it there.",
        )
    return service.index


def _keep(service: Service, item: Item) -> str:
    index = _writable(service)
    return index.add(item.key, item.vector, item.metadata, content_hash=item.content_hash)


def _keep_picture(service: Service, key: str, data: bytes, metadata: dict[str, Any] | None) -> str:
    known = service.decoders.facts(data) | (metadata or {})
    return _keep(service, Item(key, service.picture(data), known, content_hash(data)))


def _media_type(data: bytes) -> str:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":  # ISO base media (ISO/IEC 14496-12): the brands say what is in it
        size = int.from_bytes(data[:4])
        brands = [data[8:12], *(data[at : at + 4] for at in range(16, min(size, 256), 4))]
        return next((_BRANDS[each] for each in brands if each in _BRANDS), _UNKNOWN)
    for head, kind in _MEDIA_TYPES:
        if data.startswith(head):
            return kind
    return _UNKNOWN
