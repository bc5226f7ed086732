"""Uploads: the pictures in a request, as its whole body or as files of a form."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from edgeclip.serve.limits import FORM
from edgeclip.serve.problems import Refused
from edgeclip.serve.strict import media_type

_PICTURE = {"schema": {"type": "string", "format": "binary"}}


@dataclass(frozen=True, slots=True)
class Upload:
    """An encoded picture and what its sender calls it."""

    name: str
    data: bytes


def is_form(request: Request) -> bool:
    """Tell whether a request carries a form."""
    return media_type(request) == "multipart/form-data"


async def raw(request: Request) -> bytes:
    """Return the picture that is the whole body.

    Raises:
        Refused: there is none.
    """
    data = await request.body()
    if not data:
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is empty. Send an encoded picture.")
    return data


@contextlib.asynccontextmanager
async def form(request: Request, *known: str) -> AsyncIterator[FormData]:
    """Yield the form of a request, of as many files and fields as are allowed.

    Args:
        request: what was sent.
        known: names of its fields.

    Raises:
        Refused: it is no form, or has a field that nobody knows.
    """
    if not is_form(request):
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is no form. Send multipart/form-data."
        )
    try:
        found = await request.form(**FORM)
    except (UnicodeError, LookupError) as error:  # a charset that is none
        raise Refused(
            HTTPStatus.BAD_REQUEST, "the form's fields are in no known charset. Send UTF-8."
        ) from error
    try:
        unknown = sorted(set(found) - set(known))
        if unknown:
            raise Refused(
                HTTPStatus.BAD_REQUEST,
                f"there is no field {unknown[0][:40]!a} here. Known are {', '.join(known)}.",
            )
        yield found
    finally:
        await found.close()


async def files(found: FormData, field: str = "file") -> list[Upload]:
    """Return the files of a field of a form.

    Raises:
        Refused: there are none, or the field holds text.
    """
    uploads = []
    for part in found.getlist(field):
        if not isinstance(part, UploadFile):
            raise Refused(HTTPStatus.BAD_REQUEST, f"the field {field!r} holds no file.")
        uploads.append(Upload(part.filename or "", await part.read()))
    if not uploads:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the form has no file in the field {field!r}.")
    return uploads


def fields(found: FormData, field: str) -> list[str]:
    """Return the texts of a field of a form.

    Raises:
        Refused: it holds a file.
    """
    values = found.getlist(field)
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values):
        raise Refused(HTTPStatus.BAD_REQUEST, f"the field {field!r} holds a file, not a text.")
    return texts


def field(found: FormData, name: str) -> str | None:
    """Return the text of a field that is there at most once.

    Raises:
        Refused: it is there twice, or holds a file.
    """
    texts = fields(found, name)
    if len(texts) > 1:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the field {name!r} is there twice.")
    return texts[0] if texts else None


def body(form_schema: dict[str, Any] | None = None, **others: Any) -> dict[str, Any]:
    """Describe for OpenAPI a body that is a picture, a form, or something else."""
    kinds = {"image/*": _PICTURE, "application/octet-stream": _PICTURE}
    if form_schema is not None:
        kinds["multipart/form-data"] = {"schema": form_schema}
    return {"requestBody": {"required": True, "content": kinds | others}}


def form_schema(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    """Describe a form for OpenAPI."""
    return {"type": "object", "required": list(required), "properties": properties}


FILES: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "format": "binary"},
    "minItems": 1,
    "description": "One or more encoded pictures.",
}
FILE: dict[str, Any] = {"type": "string", "format": "binary", "description": "An encoded picture."}
