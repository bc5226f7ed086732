"""Problems: every error is a JSON object as RFC 9457 has it, and tells what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from edgeclip import errors
from edgeclip.model import headers
from edgeclip.serve.answers import Json

MEDIA_TYPE = "application/problem+json"
_RETRY_S = 1
_MOST_SAID, _LONGEST = 5, 1000
# The first that fits; each is more special than what comes after it.
_STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (errors.UnsupportedFormat, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (errors.ImageRejected, HTTPStatus.UNPROCESSABLE_ENTITY),
    (errors.InvalidText, HTTPStatus.BAD_REQUEST),
    (errors.FilterError, HTTPStatus.BAD_REQUEST),
    (errors.InvalidItem, HTTPStatus.BAD_REQUEST),
    (errors.PathRefused, HTTPStatus.FORBIDDEN),
    (errors.Busy, HTTPStatus.SERVICE_UNAVAILABLE),
    (errors.SpaceMismatch, HTTPStatus.CONFLICT),
    (errors.StoreNotFound, HTTPStatus.NOT_FOUND),
    (errors.StoreReadOnly, HTTPStatus.CONFLICT),
    (errors.StoreLocked, HTTPStatus.CONFLICT),
    (errors.StoreFull, HTTPStatus.INSUFFICIENT_STORAGE),
    (errors.EdgeclipError, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(
        examples=["about:blank"], description="Always `about:blank`: the status says the kind."
    )
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(
        examples=["the picture is damaged (image file is truncated). Copy or save it again."]
    )


class Refused(HTTPException):
    """Say no to a request, with a status and the sentences that tell why."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status.value, detail, headers)


def refusal_of(error: Exception) -> Refused:
    """Return what to answer for an error; only our own tell more than that there was one."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, HTTPException):  # of the framework: no such path, or a form in disorder
        status = HTTPStatus(error.status_code)
        detail = str(error.detail).removesuffix(".")
        told = detail if detail != status.phrase else status.description or status.phrase
        return Refused(status, f"{told}.", dict(error.headers or {}))
    if isinstance(error, RequestValidationError):
        return Refused(HTTPStatus.BAD_REQUEST, said(error))
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            is_passing = status == HTTPStatus.SERVICE_UNAVAILABLE
            retry = {"Retry-After": str(_RETRY_S)} if is_passing else {}
            return Refused(status, str(error), retry)
    return Refused(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"internal error ({type(error).__name__}). The service goes on; its log tells more.",
    )


def answer(refused: Refused) -> Json:
    """Return the response that tells it."""
    status = HTTPStatus(refused.status_code)
    problem = Problem(
        type="about:blank", title=status.phrase, status=status.value, detail=refused.detail
    )
    return Json(problem.model_dump(), status.value, headers=refused.headers, media_type=MEDIA_TYPE)


def responses(*statuses: int, ok: Any = None) -> dict[int | str, dict[str, Any]]:
    """Describe for OpenAPI what a route answers.

    Args:
        statuses: with which it may refuse, beside those that every route may.
        ok: the type of its answer, if it is JSON.
    """
    refusals: dict[int | str, dict[str, Any]] = {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({*_ALWAYS, *statuses})
    }
    return refusals if ok is None else {200: {"model": ok}, **refusals}


def said(error: RequestValidationError | ValidationError) -> str:
    """Say what is wrong with a request, in one sentence a field."""
    found = [_said_of(each) for each in error.errors()[:_MOST_SAID]]
    return headers.printable("; ".join(found))[:_LONGEST] + "."


def _said_of(found: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in found["loc"]).removeprefix("body.")
    told = found["msg"].removeprefix("Value error, ")
    if told.startswith("Expected UploadFile"):
        told = "this is no file; with curl a file is -F file=@PATH"
    return told if place in ("", "body") else f"{place}: {told}"


_ALWAYS = (400, 401, 403, 408, 413, 500, 503)
