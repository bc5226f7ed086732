"""A small hub on loopback: what huggingface_hub's client asks for, with cuts on demand."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
_MODEL = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+)(/revision/(?P<revision>[^/?]+))?")


@dataclass
class Hub:
    """One repository and what shall go wrong with it."""

    repository: str
    files: dict[str, bytes]
    commit: str = COMMIT
    cuts: list[int] = field(default_factory=list)
    """For each GET to come: the bytes after which the line breaks; none left: it holds."""
    reset: bool = False
    """Break the line with a TCP reset instead of an early end."""
    etags: dict[str, str] = field(default_factory=dict)
    """Digests to claim instead of the true ones."""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(method, path, Range) in order."""
    url: str = ""

    def gets(self) -> list[str | None]:
        """Return the Range headers of the GETs of files."""
        return [r for method, path, r in self.requests if method == "GET" and "/resolve/" in path]


@contextlib.contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Serve ``hub`` at ``hub.url`` until the block ends."""
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        self.hub.requests.append((self.command, self.path, self.headers.get("Range")))
        if match := _RESOLVE.fullmatch(self.path.partition("?")[0]):
            self._file(match["repo"], match["revision"], match["file"], body=body)
        elif match := _MODEL.fullmatch(self.path.partition("?")[0]):
            self._json({"id": match["repo"], "sha": self.hub.commit, "siblings": []})
        else:
            self._refuse("EntryNotFound")

    def _file(self, repo: str, revision: str, file: str, *, body: bool) -> None:
        if repo != self.hub.repository:
            return self._refuse("RepoNotFound")
        if revision not in ("main", self.hub.commit):
            return self._refuse("RevisionNotFound")
        if file not in self.hub.files:
            return self._refuse("EntryNotFound")
        content = self.hub.files[file]
        start = 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(wanted[1])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        etag = self.hub.etags.get(file) or hashlib.sha256(content).hexdigest()
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Linked-ETag", f'"{etag}"')
        self.send_header("X-Linked-Size", str(len(content)))
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if body:
            self._send(content[start:])

    def _send(self, content: bytes) -> None:
        if not self.hub.cuts:
            self.wfile.write(content)
            return
        self.wfile.write(content[: self.hub.cuts.pop(0)])
        self.wfile.flush()
        self.close_connection = True
        if self.hub.reset:
            # A linger of zero seconds makes close() send a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _json(self, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", self.hub.commit)
        self.send_header("Content-Length", "0")
        self.end_headers()
