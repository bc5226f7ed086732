"""Doors: who may come in.

A page of another site that a person opens in a browser on this network can send requests here, and
with DNS rebinding it can read the answers, too, as if the names were one site.  So a request must
name this service as a browser would that meant it, and must come from its own page.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import urlsplit

from edgeclip.serve.problems import Refused

COOKIE = "edgeclip_session"
"""What a browser keeps instead of the token; see `cookie_of`."""
COOKIE_AGE_S = 365 * 24 * 3600
"""For so long: a kiosk starts again without anybody who knows the token."""
OPEN = ("/health", "/ready", "/openapi.json", "/session")
"""Paths that tell nothing of anybody; the page is below `PAGE`."""
PAGE = "/page/"

Headers = Mapping[str, list[str]]


_FOREIGN = (
    "a page of another site may not ask this. Serve it from the same address; a proxy must pass "
    "the Host header on."
)


class Doors:
    """Let requests in, or not.

    Args:
        token: what must be shown; None: nothing.
        names: further names that this service is called by.
    """

    def __init__(self, token: str | None = None, names: Iterable[str] = ()) -> None:
        self._token = token
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local", *(name.lower() for name in names)}

    def check(self, path: str, headers: Headers) -> None:
        """Let a request in.

        Args:
            path: what it asks for.
            headers: lower-case names and the values of each.

        Raises:
            Refused: it may not.
        """
        host = self._host(headers)
        self._check_site(path, host, headers)
        if self._token is None or path in OPEN or path == "/" or path.startswith(PAGE):
            return
        if not self._is_known(headers):
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "this service wants its token. Send the header Authorization: Bearer TOKEN.",
                {"WWW-Authenticate": "Bearer"},
            )

    def session(self, token: str) -> str | None:
        """Return what a browser shows instead of the token; None: this is not the token."""
        if self._token is None or not _equal(token, self._token):
            return None
        return _session(self._token)

    @property
    def locked(self) -> bool:
        """Whether a token is wanted."""
        return self._token is not None

    def _host(self, headers: Headers) -> str:
        told = headers.get("host", [])
        if len(told) != 1:
            raise Refused(HTTPStatus.BAD_REQUEST, "a request needs one Host header.")
        name = _name(told[0])
        if name is None or not (name in self._names or _is_address(name)):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                "this service has another name than the Host header says. Use its address, or "
                "start it with --allow-host NAME.",
            )
        return told[0].lower()

    def _check_site(self, path: str, host: str, headers: Headers) -> None:
        for origin in headers.get("origin", []):
            if _site(origin) != host:
                raise Refused(HTTPStatus.FORBIDDEN, _FOREIGN)
        # Pictures and scripts of a page are asked for without an origin.
        if path != "/" and "cross-site" in headers.get("sec-fetch-site", []):
            raise Refused(HTTPStatus.FORBIDDEN, _FOREIGN)

    def _is_known(self, headers: Headers) -> bool:
        assert self._token is not None
        for value in headers.get("authorization", []):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == "bearer" and _equal(token.strip(), self._token):
                return True
        right = _session(self._token)
        return any(_equal(shown, right) for shown in _cookies(headers))


def cookie_of(host: str) -> str:
    """Return the name of the cookie for what a Host header says.

    A browser sends a cookie to all ports of a name, so each service of a board has its own.
    """
    port = urlsplit(f"//{host}").port
    return COOKIE if port is None else f"{COOKIE}_{port}"


def _site(origin: str) -> str | None:
    """Return the name and port in an Origin header; None where it makes no sense."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _name(host: str) -> str | None:
    """Return the name in a Host header without its port; None where it makes no sense."""
    try:
        parts = urlsplit(f"//{host}")
        named = parts.hostname
        parts.port  # noqa: B018  a port that is no number raises
    except ValueError:
        return None
    return named if named and parts.netloc == host and "@" not in host else None


def _is_address(name: str) -> bool:
    """Tell whether a name is an address: nobody can rebind that."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _cookies(headers: Headers) -> list[str]:
    """Return what is shown under our names; what others keep on this board may be anything."""
    names = {COOKIE, *(cookie_of(host) for host in headers.get("host", []))}
    found = []
    for value in headers.get("cookie", []):
        for part in value.split(";"):
            name, _, shown = part.strip().partition("=")
            if name in names:
                found.append(shown.strip('"'))
    return found


def _session(token: str) -> str:
    """Derive what is kept in a browser: it is of no use elsewhere, and does not tell the token."""
    return hmac.new(token.encode(), b"edgeclip session", hashlib.sha256).hexdigest()


def _equal(told: str, right: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(
        told.encode("utf-8", "surrogateescape"), right.encode("utf-8", "surrogateescape")
    )
