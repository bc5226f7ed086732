"""Search: words, pictures and items → the nearest items of the index."""

from __future__ import annotations

import asyncio
import base64
import binascii
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, Field

from edgeclip.serve import items, uploads
from edgeclip.serve.answers import Json
from edgeclip.serve.problems import Refused, responses
from edgeclip.serve.routes.shared import (
    Body,
    Conditions,
    checked,
    router,
    schema_of,
    service_of,
    threaded,
)
from edgeclip.serve.service import Asked, Nearest, Service
from edgeclip.serve.strict import PlainRoute, media_type, parsed
from edgeclip.vectors import Vector

routes = router("search", PlainRoute)
_MOST_TERMS = 16
Weight = Annotated[float, Field(ge=-1e6, le=1e6, description="Negative: less of this.")]


class PictureTerm(Body):
    """A picture as a part of a query."""

    picture: str = Field(description="An encoded picture in base64.")
    weight: Weight = 1.0


class ItemTerm(Body):
    """An item of the index as a part of a query."""

    key: str = Field(examples=["2026/cat.jpg"])
    weight: Weight = 1.0


class Search(Body):
    """What is looked for: words, pictures, items, or a weighted sum of them."""

    query: str = Field(
        "",
        max_length=4096,
        examples=["2:beach - people"],
        description="Words; ` + ` and ` - ` add and subtract, `2:` before a term is its weight.",
    )
    terms: list[PictureTerm | ItemTerm] = Field(
        default_factory=list, max_length=_MOST_TERMS, description="Pictures and items to add."
    )
    count: int = Field(10, ge=1, le=1000)
    min_score: float = Field(-1.0, ge=-1, le=1)
    where: Conditions | None = Field(
        None, examples=[{"camera": "door"}], description="Conditions on what is known of items."
    )


class Found(BaseModel):
    """An item that was found."""

    key: str
    score: float = Field(ge=-1, le=1, description="Cosine.")
    metadata: dict[str, Any] | None


class Answer(BaseModel):
    """What was found, the nearest first."""

    matches: list[Found]
    good_match: bool | None = Field(
        description="Whether the best match is above what unrelated words get; null: nobody knows."
    )
    threshold: float | None = Field(description="What unrelated words get here.")


@routes.post(
    "/search",
    summary="Find the nearest items",
    responses=responses(404, 409, 415, 422, ok=Answer),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": schema_of(Search)},
                "multipart/form-data": {
                    "schema": uploads.form_schema(
                        ("file",),
                        file=uploads.FILES,
                        search={"type": "string", "description": "The JSON, as text."},
                    )
                },
            },
        }
    },
)
async def search(request: Request) -> Response:
    """Search by JSON, or by a form whose files are added to the query."""
    service = await service_of(request)
    more: list[bytes] = []
    if uploads.is_form(request):
        async with uploads.form(request, "file", "search") as form:
            more = [upload.data for upload in await uploads.files(form)]
            told = uploads.field(form, "search")
        asked = checked(Search, {} if told is None else parsed(told))
    elif media_type(request) == "application/json":
        asked = checked(Search, await request.json())
    else:
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send application/json or multipart/form-data."
        )
    # Two pictures have cosines of another range than words and a picture.
    only_words = not asked.terms and not more
    if only_words and not asked.query.strip():
        raise Refused(HTTPStatus.BAD_REQUEST, "there is nothing to look for. Give query or terms.")
    vector = service.remembered(asked.query) if only_words else None
    if vector is None:
        vector = await threaded(_vector, service, asked, more)
    found = service.search(Asked(vector, asked.count, asked.where, asked.min_score, only_words))
    return Json(_told(await asyncio.wrap_future(found)))


def _vector(service: Service, asked: Search, more: list[bytes]) -> Vector:
    terms = [_term(service, term) for term in asked.terms]
    terms += [(1.0, service.picture(data)) for data in more]
    return service.query(asked.query, terms)


def _told(found: Nearest) -> dict[str, Any]:
    judgement = found.judgement
    return {
        "matches": items.told(found.matches),
        "good_match": None if judgement is None else bool(judgement.good),
        "threshold": None if judgement is None else float(judgement.threshold),
    }


def _term(service: Service, term: PictureTerm | ItemTerm) -> tuple[float, Vector]:
    if isinstance(term, ItemTerm):
        return term.weight, items.item(service.index, term.key).vector
    try:
        data = base64.b64decode(term.picture, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"a picture is no base64: {error}.") from error
    return term.weight, service.picture(data)
