"""Guard: around the application, so that no request costs more than its share of time.

Deadlines are absolute: a client that sends a byte a second makes progress, and never ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgeclip.serve import problems
from edgeclip.serve.doors import Doors
from edgeclip.serve.limits import Limits
from edgeclip.serve.problems import Refused

ABORT = "edgeclip.abort"
"""In the scope's state: ends the connection at once; the server puts it there."""
_EXCHANGE = "edgeclip.exchange"
_RAW = b"/items/"
_log = logging.getLogger("edgeclip.serve")


class Guard:
    """Check who comes in, and end what takes too long.

    Args:
        app: what answers.
        doors: who may come in.
        limits: how long it may take.
    """

    def __init__(self, app: ASGIApp, doors: Doors, limits: Limits) -> None:
        self._app, self._doors, self._limits = app, doors, limits
        self._budget = _Budget(limits.bodies_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._limits, self._budget)
        try:
            headers = _headers(scope)
            self._doors.check(scope["path"], headers)
            self._check_length(headers)
            # Here a slash within a key (%2F) differs from the one before "picture".
            if scope["raw_path"].startswith(_RAW):
                scope["path"] = scope["raw_path"].decode("ascii", "replace")
            await exchange.run(self._app)
        except _Gone:
            exchange.abort()
        except Exception as error:
            await exchange.fail(error)
        finally:
            exchange.end()

    def _check_length(self, headers: Mapping[str, list[str]]) -> None:
        """Refuse a body by what it says of itself; what comes is counted, too."""
        for length in headers.get("content-length", []):
            if not length.isdecimal() or int(length) > self._limits.body_bytes:
                raise _too_long(self._limits)


def _too_long(limits: Limits) -> Refused:
    return Refused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body has more than {limits.body_bytes:,} bytes. Send less.",
        {"Connection": "close"},
    )


def endless(scope: Scope) -> None:
    """Let an answer go on for as long as its client takes it."""
    scope[_EXCHANGE].deadline.reschedule(None)


class _Gone(Exception):
    """The client takes nothing any more."""


class _Budget:
    """How many bytes of bodies may be held at once; for one event loop."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, count: int) -> None:
        if count > self.left:
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too much is being sent to this service at once. Try again later.",
                {"Retry-After": "1", "Connection": "close"},
            )
        self.left -= count


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, limits: Limits, budget: _Budget
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limits, self._budget, self._held = limits, budget, 0
        self._body_until: float | None = time.monotonic() + limits.body_s
        self._started = self._over = False
        self.deadline = asyncio.timeout(limits.answer_s)
        scope[_EXCHANGE] = self

    async def run(self, app: ASGIApp) -> None:
        try:
            async with self.deadline:
                await app(self._scope, self.receive, self.send)
        except TimeoutError as error:
            if not self.deadline.expired():
                raise
            if self._started:
                raise _Gone from error
            seconds = self._limits.answer_s
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"the answer took longer than {seconds:g} s. Try again later.",
                {"Retry-After": "10", "Connection": "close"},
            ) from error

    async def fail(self, error: Exception) -> None:
        """Tell what went wrong, if nothing was told yet."""
        refused = problems.refusal_of(error)
        if refused.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("%s %s: %r", self._scope["method"], self._scope["path"], error)
        if self._over:
            return
        if self._started:
            self.abort()
            return
        with contextlib.suppress(_Gone):
            await problems.answer(refused)(self._scope, self.receive, self.send)

    async def receive(self) -> Message:
        left = None if self._body_until is None else self._body_until - time.monotonic()
        try:
            async with asyncio.timeout(left) as waiting:
                message = await self._receive()
        except TimeoutError as error:
            if not waiting.expired():
                raise
            raise Refused(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the body did not come within {self._limits.body_s:g} s. Send it again, faster.",
                {"Connection": "close"},
            ) from error
        count = len(message.get("body", b""))
        self._budget.take(count)
        self._held += count
        if self._held > self._limits.body_bytes:
            raise _too_long(self._limits)
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            self._body_until = None  # what comes now is that the client goes
        return message

    async def send(self, message: Message) -> None:
        self._started = True
        try:
            async with asyncio.timeout(self._limits.stalled_s) as waiting:
                await self._send(message)
        except TimeoutError as error:
            if waiting.expired():
                raise _Gone from error
            raise
        self._over = message["type"] == "http.response.body" and not message.get("more_body")

    def end(self) -> None:
        """Give back what was held."""
        self._budget.left += self._held
        self._held = 0

    def abort(self) -> None:
        """End the connection without a word."""
        abort: Callable[[], None] | None = self._scope.get("state", {}).get(ABORT)
        if abort is not None:
            abort()


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for name, value in scope["headers"]:
        found[name.decode("latin-1").lower()].append(value.decode("latin-1"))
    return found
