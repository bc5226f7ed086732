"""Webhook: events as POST requests, in order, each until it was taken."""

from __future__ import annotations

import base64
import json
import os
import re
import threading
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, NamedTuple
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from edgeclip.errors import EdgeclipError
from edgeclip.watch.events import Event
from edgeclip.watch.sinks.spool import Spool

_FIRST_WAIT_S, _MOST_WAIT_S, _MOST_ASKED_S = 1.0, 60.0, 600.0
_AGAIN = {408, 425, 429}
"""Answers of 400 to 499 that ask to try again; all others of them are for good."""


class _Answer(NamedTuple):
    taken: bool = False
    """It has arrived."""
    refused: bool = False
    """It will never be taken."""
    wait_s: float = 0.0
    """Try again no sooner."""
    trouble: str = ""


class Webhook:
    """POST `Event.record` as JSON to a server, from a thread of its own.

    An event is on the disk when the call returns, and stays there until the server has answered
    with 200 to 299; after a kill or a power cut the next run sends it.  So one may arrive twice:
    the header ``Idempotency-Key`` tells (the event's id and state).  While the server is away the
    events wait, in order, and are tried again after 1, 2, 4 … 60 s.  What it refuses for good
    (other answers from 400 to 499) is set aside in the folder ``refused`` of the spool.

    Args:
        url: ``http://`` or ``https://``; ``user:password@`` becomes basic authentication.
        spool: folder for the events that wait, of this webhook alone.
        headers: more headers, such as ``Authorization``.
        picture: add the best frame as ``"picture"``, a JPEG in base64.
        timeout_s: for a server that says nothing.

    Raises:
        EdgeclipError: the URL, a header or the spool cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        spool: str | os.PathLike[str],
        headers: Mapping[str, str] | None = None,
        picture: bool = False,
        timeout_s: float = 10.0,
    ) -> None:
        self._url, self._name, own = _read(url)
        self._headers = {"Content-Type": "application/json", "User-Agent": "edgeclip"}
        self._headers |= own | _checked(headers or {})
        self._picture, self._timeout_s = picture, timeout_s
        self._opener = request.build_opener(_NoRedirect)
        self._trouble = ""
        self._closed = threading.Event()
        self.spool = Spool(spool)
        self._thread = threading.Thread(target=self._send_all, name="webhook", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        """Name the server, and nothing secret."""
        return f"<Webhook {self._name}>"

    def __call__(self, event: Event) -> None:
        """Keep an event; it is sent as soon as that is possible."""
        record = event.record()
        if self._picture and event.picture is not None:
            from edgeclip.model.images import jpeg

            record["picture"] = base64.b64encode(jpeg(event.picture)).decode("ascii")
        self.spool.put(json.dumps(record).encode())

    @property
    def notes(self) -> list[str]:
        """What goes wrong now, and what was lost since it was opened; sentences for people."""
        notes, trouble = self.spool.notes, self._trouble
        return [f"{self._name}: {trouble} Events wait.", *notes] if trouble else notes

    def close(self, wait_s: float = 2.0) -> None:
        """Stop; what could not be sent is sent by the next run.

        Args:
            wait_s: for what is on its way, if the server answers at all.
        """
        if not self._trouble:
            self.spool.wait_empty(wait_s)
        self._closed.set()
        self.spool.close()
        self._thread.join(wait_s)

    def _send_all(self) -> None:
        wait_s = _FIRST_WAIT_S
        while (first := self.spool.first()) is not None:
            number, body = first
            answer = self._send(body)
            self._trouble = answer.trouble
            if answer.taken:
                wait_s = _FIRST_WAIT_S
                self.spool.remove(number)
            elif answer.refused:
                self.spool.refuse(number)
            else:
                self._closed.wait(max(wait_s, min(answer.wait_s, _MOST_ASKED_S)))
                wait_s = min(2 * wait_s, _MOST_WAIT_S)

    def _send(self, body: bytes) -> _Answer:
        try:
            record = json.loads(body)
            key = {"Idempotency-Key": quote(f"{record['id']}-{record['state']}")}
        except (ValueError, KeyError, TypeError):  # it has rotted on the disk
            return _Answer(refused=True)
        post = request.Request(self._url, body, self._headers | key, method="POST")
        try:
            with self._opener.open(post, timeout=self._timeout_s):
                return _Answer(taken=True)
        except HTTPError as error:
            with error:
                return _judged(error.code, error.headers)
        except (OSError, HTTPException, ValueError) as error:
            return _Answer(trouble=f"it cannot be reached ({_reason(error)}).")


class _NoRedirect(request.HTTPRedirectHandler):
    """Take a redirection for an answer: urllib would GET there, and drop what was to be told."""

    def redirect_request(
        self,
        req: request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """Return nothing."""


def _judged(code: int, headers: Any) -> _Answer:
    """Say what an answer other than 200 to 299 means."""
    if 400 <= code < 500 and code not in _AGAIN:
        return _Answer(refused=True)
    if code < 400:
        return _Answer(trouble=f"it answers {code}, that it is elsewhere: correct the URL.")
    asked = str(headers.get("Retry-After", ""))
    return _Answer(
        wait_s=float(asked) if asked.isascii() and asked.isdecimal() else 0.0,
        trouble=f"it answers {code}.",
    )


def _read(url: str) -> tuple[str, str, dict[str, str]]:
    """Return a URL without secrets in front, a name that may be shown, and its headers."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host or re.search(r"[^!-~]", url):
        raise EdgeclipError(
            "the webhook's URL is none. Give one such as http://192.168.1.5:8123/api/webhook/door"
        )
    place = f"[{host}]" if ":" in host else host
    place += f":{port}" if port else ""
    headers = {}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    # The path is a secret, too, where it holds a token.
    clean = urlunsplit((parts.scheme, place, parts.path or "/", parts.query, ""))
    return clean, f"{parts.scheme}://{place}", headers


def _checked(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        fits = re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) and value.isprintable()
        if not fits or not value.isascii():
            raise EdgeclipError(
                f"the header {name!r} cannot be sent. Give plain ASCII on one line."
            )
    return {name.capitalize(): value for name, value in headers.items()}


def _reason(error: BaseException) -> str:
    """Say why nothing was answered; never with the URL."""
    inner = error.reason if isinstance(error, URLError) else error
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return "it does not answer" if isinstance(inner, TimeoutError) else type(error).__name__
