"""Server: the only importer of uvicorn; connections that dawdle are ended here.

What the guard cannot see is a request whose headers never end, and an answer that nobody takes
after its application is done.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from edgeclip.errors import EdgeclipError
from edgeclip.serve.guard import ABORT
from edgeclip.serve.limits import Limits

_BACKLOG = 512
_GRACE_S = 6
"""For what is in flight when the service is to end."""
_IDLE_S = 30
_CLOSE = (
    b"Connection: close\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
)


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

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
        opened.listen(_BACKLOG)
        opened.setblocking(False)
    except OSError as error:
        opened.close()
        raise EdgeclipError(
            f"port {port} of {host} cannot be listened on: {error.strerror}. Give another --port."
            if not isinstance(error, PermissionError)
            else f"port {port} of {host} may not be listened on. Give one above 1023 with --port."
        ) from error
    return opened


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
        timeout_keep_alive=_IDLE_S,
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
        await super().startup(sockets)
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

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                self._refuse(503, "Service Unavailable", "too many connections. Try again later.")
                return
            self._wait(limits.head_s)

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait(None)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            if self._in_head:
                self._head_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._head_bytes > limits.head_bytes:
                self._refuse(431, "Request Header Fields Too Large", "the headers are too long.")

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_head = True
            self._wait(limits.head_s)
            self.scope["state"][ABORT] = self.transport.abort

        def on_header(self, name: bytes, value: bytes) -> None:
            super().on_header(name, value)
            size = len(self.url) + sum(len(part) for pair in self.headers for part in pair)
            if len(self.headers) > limits.headers or size > limits.head_bytes:
                raise ValueError("too many headers")  # which the parser's user answers with 400

        def on_headers_complete(self) -> None:
            self._in_head = False
            self._wait(None)
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head, self._head_bytes = True, 0
            super().on_message_complete()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.transport.get_write_buffer_size():  # until its client has taken the rest
                self._wait(limits.answer_s)

        def timeout_keep_alive_handler(self) -> None:
            self.transport.abort()

        def _wait(self, seconds: float | None) -> None:
            """End the connection in a while, unless something happens before."""
            if self._timer is not None:
                self._timer.cancel()
            self._timer = (
                None if seconds is None else self.loop.call_later(seconds, self.transport.abort)
            )

        def _refuse(self, status: int, title: str, detail: str) -> None:
            body = (
                f'{{"type":"about:blank","title":"{title}","status":{status},"detail":"{detail}"}}'
            ).encode()
            retry = b"Retry-After: 1\r\n" if status == 503 else b""
            head = f"HTTP/1.1 {status} {title}\r\n".encode()
            self.transport.write(head + retry + _CLOSE % (len(body), body))
            self.transport.close()
            self._wait(limits.stalled_s)

    return Bounded
