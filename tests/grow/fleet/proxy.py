"""A way to a server that breaks: a TCP proxy that resets a connection after some bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType
from typing import Self

_RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Passes connections on to a port of this machine, on threads of its own."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.limit: int | None = None
        """Bytes, both ways together, after which the next connections break; None: never."""
        self.passed = 0
        """Bytes of the last connection."""
        self.cut = 0
        """Connections that were broken."""
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._door.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                _Way(self, self._door.accept()[0], self._target)


class _Way:
    """One connection and the one behind it."""

    def __init__(self, proxy: Proxy, near: socket.socket, port: int) -> None:
        self._proxy, self._limit = proxy, proxy.limit
        self._lock = threading.Lock()
        proxy.passed = 0
        self._ends = near, socket.create_connection(("127.0.0.1", port))
        for source, target in (self._ends, self._ends[::-1]):
            threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._may_pass(data, target):
                    return
            target.shutdown(socket.SHUT_WR)

    def _may_pass(self, data: bytes, target: socket.socket) -> bool:
        with self._lock:
            room = len(data) if self._limit is None else self._limit - self._proxy.passed
            target.sendall(data[: max(0, room)])
            self._proxy.passed += len(data)
            if room >= len(data):
                return True
            self._proxy.cut += 1
            self._limit = -1
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)
                end.close()
        return False
