"""Guard: around the application, so that no request costs more than its share of time.

Deadlines are absolute: a client that sends a byte a second makes progress, and never ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edgeclip.serve import problems
from edgeclip.serve.doors import OPEN, Doors
from edgeclip.serve.limits import Limits
from edgeclip.serve.problems import Refused
from edgeclip.serve.threads import HELD

ABORT = "edgeclip.abort"
"""In the scope's state: ends the connection at once; the server puts it there."""
_EXCHANGE = "edgeclip.exchange"
_RAW = b"/items/"
_OPEN_BYTES = 16_384
"""Of a body that nobody showed a token for."""
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
        most = _OPEN_BYTES if scope["path"] in OPEN else self._limits.body_bytes
        body = _Body(self._budget, most)
        exchange = _Exchange(scope, receive, send, self._limits, body)
        HELD.set(body)
        try:
            headers = _headers(scope)
            self._doors.check(scope["path"], headers)
            body.check(headers.get("content-length", []))
            # Here a slash within a key (%2F) differs from the one before "picture".
            if scope["raw_path"].startswith(_RAW):
                scope["path"] = scope["raw_path"].decode("ascii", "replace")
            await exchange.run(self._app)
        except _Gone:
            exchange.abort()
        except asyncio.CancelledError:  # the server ends, and waits no longer
            await exchange.fail(_ending())
        except Exception as error:
            await exchange.fail(error)
        finally:
            body.let_go()


def endless(scope: Scope) -> None:
    """Let an answer go on for as long as its client takes it.

    Raises:
        Refused: only its head is wanted, which never comes to an end.
    """
    if scope[_EXCHANGE].only_head:
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "this has no end. Ask with GET.")
    scope[_EXCHANGE].deadline.reschedule(None)


def _ending() -> Refused:
    return Refused(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "the service is ending. Ask again when it is back.",
        {"Retry-After": "10", "Connection": "close"},
    )


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


class _Body:
    """What has come of a body; it counts until nobody holds it any more, see `threads.Hold`."""

    def __init__(self, budget: _Budget, most: int) -> None:
        self._budget, self._most = budget, most
        self._held, self._holders = 0, 1

    def check(self, lengths: Iterable[str]) -> None:
        """Refuse a body by what it says of itself."""
        for length in lengths:
            if not length.isdecimal() or int(length) > self._most:
                raise self._too_long()

    def add(self, count: int) -> None:
        """Take notice of what came."""
        self._budget.take(count)
        self._held += count
        if self._held > self._most:
            raise self._too_long()

    def keep(self) -> None:
        """Hold it once more."""
        self._holders += 1

    def let_go(self) -> None:
        """Hold it once less."""
        self._holders -= 1
        if not self._holders:
            self._budget.left += self._held
            self._held = 0

    def _too_long(self) -> Refused:
        return Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"the body has more than {self._most:,} bytes. Send less.",
            {"Connection": "close"},
        )


class _Exchange:
    """One request and its answer."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, limits: Limits, body: _Body
    ) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._limits, self._body = limits, body
        self.only_head = scope["method"] == "HEAD"
        self._body_until: float | None = time.monotonic() + limits.body_s
        self._started = self._over = False
        self.deadline = asyncio.timeout(limits.answer_s)
        scope[_EXCHANGE] = self

    async def run(self, app: ASGIApp) -> None:
        try:
            async with self.deadline:
                await self._answered(app)
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

    async def _answered(self, app: ASGIApp) -> None:
        if not self.only_head:
            await app(self._scope, self.receive, self.send)
            return
        # The server leaves the content away; it looks at the scope that it made.
        asked = {**self._scope, "method": "GET"}
        try:
            await app(asked, self.receive, self.send)
        finally:
            self._scope["route"] = asked.get("route")

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
        self._body.add(len(message.get("body", b"")))
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
