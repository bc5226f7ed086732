"""Strict requests: JSON that means one thing only.

``json.loads`` takes the last of two equal names, and reads ``NaN`` and ``1e400``; whoever checks a
request before us may have read it otherwise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, NoReturn

from fastapi import Request, Response, params
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from edgeclip.serve.limits import JSON_BYTES
from edgeclip.serve.problems import Refused

_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")


def media_type(request: Request) -> str:
    """Return the media type of the body, without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


class StrictRequest(Request):
    """A request whose JSON means one thing only."""

    async def json(self) -> Any:
        """Return the JSON of the body.

        Raises:
            Refused: it is too long, or no JSON with one meaning.
        """
        body = await self.body()
        if len(body) > JSON_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the JSON has {len(body):,} bytes. Send {JSON_BYTES:,} at most.",
            )
        return parsed(body)


class StrictRoute(APIRoute):
    """A route whose requests are strict."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers."""
        handle, kinds = super().get_route_handler(), _kinds(self)
        known = [each.alias for each in self.dependant.query_params]

        async def strict(request: Request) -> Response:
            _check_query(request, known)
            if kinds and media_type(request) not in kinds and _has_body(request):
                raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Send {kinds[0]}.")
            return await handle(StrictRequest(request.scope, request.receive))

        return strict


def _check_query(request: Request, known: Sequence[str]) -> None:
    """Refuse a parameter that nobody knows: a slip must show."""
    if not request.scope["query_string"]:
        return
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        names = f"Known are {', '.join(known)}." if known else "There are none."
        raise Refused(
            HTTPStatus.BAD_REQUEST, f"there is no parameter {unknown[0][:40]!a} here. {names}"
        )


def _has_body(request: Request) -> bool:
    headers = request.headers
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _kinds(route: APIRoute) -> tuple[str, ...]:
    """Return the media types of the body that the framework reads for a route."""
    if route.body_field is None:
        return ()
    is_form = isinstance(route.body_field.field_info, params.Form)
    return _FORMS if is_form else ("application/json",)


class PlainRoute(StrictRoute):
    """A route that reads its request itself: without what FastAPI solves, in a third of the time.

    Its endpoint is a coroutine function that takes a request and returns a response; what it reads
    has to be described by hand.
    """

    def __init__(
        self, path: str, endpoint: Callable[[Request], Awaitable[Response]], **options: Any
    ) -> None:
        super().__init__(path, endpoint, **options)

        async def plain(scope: Scope, receive: Receive, send: Send) -> None:
            request = StrictRequest(scope, receive)
            _check_query(request, ())
            response = await endpoint(request)
            await response(scope, receive, send)

        self.app = plain


def parsed(body: bytes | str) -> Any:
    """Return what JSON says.

    Raises:
        Refused: it is none, is nested too deeply, has a name twice or a number that is none.
    """
    try:
        return json.loads(
            body, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise Refused(
            HTTPStatus.BAD_REQUEST, f"the body is no JSON that can be read: {why}."
        ) from error


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name[:40]!r} is there twice")
        found[name] = value
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value
