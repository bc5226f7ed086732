"""Server: the only importer of uvicorn; connections that dawdle are ended here.

What the guard cannot see is a request whose headers never end, and an answer that nobody takes
after its application is done.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edgeclip.errors import EdgeclipError
from edgeclip.serve import problems
from edgeclip.serve.guard import ABORT
from edgeclip.serve.limits import Limits
from edgeclip.serve.problems import Refused

_BACKLOG = 512
_GRACE_S = 5
"""For what is in flight when the service is to end."""
_LINGER_S = 1.0
_LONG_HEAD = "the headers are too long, or too many. Send fewer."
_CLOSE = (
    b"Connection: close\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket of an address; it listens once requests can be answered, see `serve`.

    Raises:
        EdgeclipError: the address cannot be had.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0]
        opened = socket.socket(*found[:3])
    except OSError as error:
        raise EdgeclipError(
            f"{host} is no address that can be listened on: {error.strerror}. Give another --host."
        ) from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(found[4])
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise _unlistened(host, port, error) from error
    return opened


def _unlistened(host: str, port: int, error: OSError) -> EdgeclipError:
    if isinstance(error, PermissionError):
        return EdgeclipError(
            f"port {port} of {host} may not be listened on. Give one above 1023 with --port."
        )
    return EdgeclipError(
        f"port {port} of {host} cannot be listened on: {error.strerror}. Give another --port."
    )


def serve(
    app: ASGIApp,
    opened: socket.socket,
    limits: Limits,
    *,
    on_ready: Callable[[], None] = lambda: None,
    on_end: Callable[[], None] = lambda: None,
    on_step: Callable[[], None] = lambda: None,
) -> None:
    """Serve until Ctrl-C or SIGTERM; what is in flight is finished first.

    Args:
        app: what answers.
        opened: see `listening`.
        limits: of connections.
        on_ready: called when requests are answered.
        on_end: called when no more are taken; what would go on for ever must end now.
        on_step: called every second that the loop lives.
    """

    async def step() -> None:
        on_step()

    config = uvicorn.Config(
        cast(Any, app),
        http=cast(Any, _protocol(limits)),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=math.ceil(limits.idle_s),
        timeout_graceful_shutdown=_GRACE_S,
        backlog=_BACKLOG,
        callback_notify=step,
        timeout_notify=1,
    )
    for name in ("uvicorn.error", "python_multipart"):  # what a stranger sends is no news
        logging.getLogger(name).setLevel(logging.CRITICAL)
    server = _Server(config, on_ready, on_end)
    server.run([opened])


class _Server(uvicorn.Server):
    """A server that tells when it answers, and when it ends."""

    def __init__(
        self, config: uvicorn.Config, on_ready: Callable[[], None], on_end: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._on_ready, self._on_end = on_ready, on_end

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        assert sockets is not None
        try:
            await super().startup(sockets)
        except OSError as error:  # somebody else took it meanwhile
            host, port = sockets[0].getsockname()[:2]
            raise _unlistened(host, port, error) from error
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in flight."""
        self._on_end()
        await super().shutdown(sockets)


def _protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """Return what speaks HTTP on a connection, within limits."""

    class Bounded(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None
        _head_bytes = 0
        _in_head = True
        _too_much = _refused = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                self._refuse(503, "too many connections. Try again later.")
                return
            self._wait(limits.head_s)

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait(None)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._refused or self.transport.is_closing():
                return
            if self._in_head:
                self._head_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._head_bytes > limits.head_bytes:
                self._refuse(431, _LONG_HEAD)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head = True
            self._wait(limits.head_s)
            self.scope["state"][ABORT] = self.transport.abort

        def on_header(self, name: bytes, value: bytes) -> None:
            super().on_header(name, value)
            size = len(self.url) + sum(len(part) for pair in self.headers for part in pair)
            if len(self.headers) > limits.headers or size > limits.head_bytes:
                self._too_much = True
                raise ValueError("too many headers")  # the parser goes on to `send_400_response`

        def send_400_response(self, msg: str) -> None:
            if self._too_much:
                self._refuse(431, _LONG_HEAD)
            else:
                self._refuse(400, "this is no HTTP that can be read. Send HTTP/1.1.")

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._wait(None)
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head, self._head_bytes = True, 0
            if self.cycle.response_complete:  # all of a body that nobody wanted has come
                self._wait(limits.idle_s)
            super().on_message_complete()

        def on_response_complete(self) -> None:
            # From here on nothing that comes changes when it ends, but a whole head of a request.
            if self.transport.get_write_buffer_size():  # until its client has taken the rest
                self._wait(limits.answer_s)
            else:
                self._wait(limits.idle_s if self._in_head else limits.body_s)
            super().on_response_complete()
            if not self.cycle.response_complete:  # the next one has begun already
                self._wait(None)

        def _wait(self, seconds: float | None) -> None:
            """End the connection in a while, unless something happens before."""
            if self._timer is not None:
                self._timer.cancel()
            self._timer = (
                None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
            )

        def _refuse(self, status: int, detail: str) -> None:
            answer = problems.answer(Refused(HTTPStatus(status), detail))
            retry = b"Retry-After: 1\r\n" if status == 503 else b""
            head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
            self.transport.write(head + retry + _CLOSE % (len(answer.body), answer.body))
            # Closed with something unread, it would be reset, and what was told be lost.
            self._refused = True
            self.transport.write_eof()
            self._wait(_LINGER_S)

    return Bounded
