"""Items of the index, as requests name and see them."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from edgeclip.errors import InvalidItem, PathRefused
from edgeclip.index.index import Index
from edgeclip.index.items import Item, key_bytes
from edgeclip.serve.problems import Refused
from edgeclip.serve.roots import Roots
from edgeclip.vectors import Match


def key_of(segment: str) -> str:
    """Return the key that the raw path of a request names.

    Raises:
        Refused: it names none.
    """
    key = unquote_to_bytes(segment).decode("utf-8", "surrogateescape")
    try:
        key_bytes(key)
    except InvalidItem as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    return key


def item(index: Index, key: str) -> Item:
    """Return an item.

    Raises:
        Refused: there is none.
    """
    found = index.get(key)
    if found is None:
        raise missing()
    return found


def missing() -> Refused:
    """Return what is said of a key that nothing has."""
    return Refused(HTTPStatus.NOT_FOUND, "the index has no item of this key.")


def picture(index: Index, key: str) -> IO[bytes]:
    """Open the file that an item was made of.

    Raises:
        Refused: there is no such item, or it was not made of a file of the index's folder.
    """
    # A program may add an item of any name, also that of a file that is no picture.
    if item(index, key).stamp is None:
        raise _unpictured()
    try:
        return Roots([] if index.root is None else [index.root]).open(key)
    except PathRefused as error:
        raise Refused(
            HTTPStatus.NOT_FOUND,
            "the picture of this item cannot be read: it is gone, or not for this service's user.",
        ) from error


def _unpictured() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "the index knows no picture of this item.")


def told(found: Iterable[Match]) -> list[dict[str, Any]]:
    """Return matches for an answer."""
    return [
        {
            "key": match.key,
            "score": match.score,
            "metadata": None if match.metadata is None else dict(match.metadata),
        }
        for match in found
    ]
