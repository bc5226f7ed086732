"""Browse: duplicates, groups and folders of the index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import dropwhile, islice
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Query, Request
from pydantic import BaseModel, Field

from edgeclip.index import where as filters
from edgeclip.index.duplicates import Duplicates as Found
from edgeclip.index.groups import Cluster
from edgeclip.index.index import Index
from edgeclip.index.items import Item
from edgeclip.serve import items
from edgeclip.serve.answers import Json
from edgeclip.serve.problems import Refused, responses
from edgeclip.serve.routes.shared import Served, router, threaded
from edgeclip.serve.service import Service
from edgeclip.serve.strict import parsed

routes = router("browse")
_MOST, _MOST_KEYS, _MOST_FOLDERS = 200, 100, 1000
Threshold = Annotated[float | None, Query(ge=0, le=1, description="Least cosine.")]
Start = Annotated[int, Query(ge=0, le=10**9, description="How many keys to leave out.")]
Count = Annotated[int, Query(ge=1, le=1000)]


class Same(BaseModel):
    """Pictures that show the same."""

    keeper: str = Field(description="The one that is best kept.")
    keys: list[str] = Field(description=f"The first {_MOST_KEYS}, or those that were asked for.")
    cosines: dict[str, float] = Field(description="Of these to the keeper, but of itself.")
    exact: list[str] = Field(description="Those that are the keeper's file, byte for byte.")
    total: int = Field(description="How many show the same.")


class Duplicates(BaseModel):
    """Groups of pictures that show the same; nothing is deleted."""

    groups: list[Same] = Field(description=f"The first {_MOST}.")
    total: int


class Group(BaseModel):
    """Pictures that are alike."""

    number: int = Field(description="Stays with the group while pictures come and go.")
    keys: list[str] = Field(
        description=f"The first {_MOST_KEYS}, or those that were asked for; nearest to the middle "
        "first."
    )
    cosines: list[float]
    total: int


class Groups(BaseModel):
    """All pictures in groups, the largest first."""

    groups: list[Group] = Field(description=f"The first {_MOST}.")
    total: int
    alone: int = Field(description="How many of them hold one picture only.")
    threshold: float


class Folder(BaseModel):
    """A folder of the keys of some items."""

    folder: str = Field(description="Its path; empty: of keys that lie in no further folder.")
    count: int = Field(description="How many items lie in it, at any depth.")


class Folders(BaseModel):
    """Where the items lie."""

    folders: list[Folder] = Field(description=f"The first {_MOST_FOLDERS}.")
    total: int


@routes.get("/duplicates", responses=responses(404, ok=Duplicates))
async def duplicates(service: Served, threshold: Threshold = None) -> Any:
    """Find pictures that show the same, the keeper of each group first."""
    return Json(await threaded(_duplicates, service, threshold))


@routes.get(
    "/duplicates/set", summary="More of one set of duplicates", responses=responses(404, ok=Same)
)
async def duplicate_set(
    request: Request,
    service: Served,
    keeper: Annotated[str, Query(description="The one that is best kept.")],
    threshold: Threshold = None,
    start: Start = 0,
    count: Count = _MOST_KEYS,
) -> Any:
    """List the keys of one set, a page at a time; `threshold` is that of the first answer."""
    name = named(request, "keeper") or keeper
    return Json(await threaded(_set, service, name, threshold, slice(start, start + count)))


@routes.get("/groups", responses=responses(404, ok=Groups))
async def groups(service: Served) -> Any:
    """Group pictures that are alike, at the threshold that the index keeps."""
    return Json(await threaded(_groups, service))


@routes.get("/groups/{number}", summary="More of one group", responses=responses(404, ok=Group))
async def group(number: int, service: Served, start: Start = 0, count: Count = _MOST_KEYS) -> Any:
    """List the keys of one group, a page at a time."""
    return Json(await threaded(_group, service, number, slice(start, start + count)))


@routes.get("/folders", responses=responses(404, ok=Folders))
async def folders(
    request: Request,
    service: Served,
    below: Annotated[str, Query(description="A folder; empty: all keys.")] = "",
) -> Any:
    """List the folders that lie directly in a folder, with what they hold at any depth."""
    return Json(await threaded(_folders, service, named(request, "below") or below))


def named(request: Request, name: str) -> str | None:
    """Return a field of the query string that holds a key, whatever bytes its name has.

    The framework reads bytes that are no UTF-8 as something else; a key has them as surrogates.
    """
    fields = parse_qsl(
        request.scope["query_string"].decode("latin-1"),
        keep_blank_values=True,
        errors="surrogateescape",
    )
    return dict(fields).get(name)


def conditions(text: str) -> dict[str, Any]:
    """Return the filter that JSON in a query string says.

    Raises:
        Refused: it is no JSON object with one meaning.
    """
    try:
        told = parsed(text)
    except Refused as error:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            'where is no JSON that can be read. Send it as {"camera": "door"}, with % escapes.',
        ) from error
    if not isinstance(told, dict):
        raise Refused(
            HTTPStatus.BAD_REQUEST, 'where is no JSON object. Send one as {"camera": "door"}.'
        )
    return told


def page(
    index: Index, after: str | None, count: int, where: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return some items, the oldest first, what comes `after` them, and how many there are.

    Args:
        index: what holds them.
        after: the key that they come after; None: from the beginning.
        count: how many, at most.
        where: which; see `edgeclip.index.where`.

    Raises:
        Refused: nothing has the key.
        FilterError: the filter makes no sense.
    """
    total = index.count(where)
    keys = iter(index)
    if after is not None:
        if after not in index:
            raise items.missing()
        keys = islice(dropwhile(lambda key: key != after, keys), 1, None)
    # From the beginning it is known when the last has come: what follows need not be looked at.
    most = count + 1 if after is not None else min(count + 1, total)
    found = list(islice(_matching(index, keys, where), most))
    told = found[:count]
    return {
        "items": [{"key": item.key, "metadata": item.metadata} for item in told],
        "next": told[-1].key if len(found) > count else None,
        "total": total,
    }


def _matching(index: Index, keys: Iterator[str], where: Mapping[str, Any] | None) -> Iterator[Item]:
    """Yield the items of some keys that a filter lets through."""
    tests = filters.tests(where)
    of_key = tests.pop(filters.KEY, lambda key: True)  # costs nothing: the others read the disk
    for key in filter(of_key, keys):
        item = index.get(key)
        if item is not None and all(
            test(filters.field_of(item.metadata, field)) for field, test in tests.items()
        ):
            yield item


def _duplicates(service: Service, threshold: float | None) -> dict[str, Any]:
    found = service.index.duplicates(threshold)
    told = [_told_set(each, slice(_MOST_KEYS)) for each in found[:_MOST]]
    return {"groups": told, "total": len(found)}


def _set(service: Service, keeper: str, threshold: float | None, part: slice) -> dict[str, Any]:
    for each in service.index.duplicates(threshold):
        if each.keeper == keeper:
            return _told_set(each, part)
    raise Refused(
        HTTPStatus.NOT_FOUND,
        "no set of duplicates has this keeper any more. Ask /duplicates which there are.",
    )


def _told_set(found: Found, part: slice) -> dict[str, Any]:
    keys = found.keys[part]
    return {
        "keeper": found.keeper,
        "keys": list(keys),
        "cosines": {key: float(found.cosines[key]) for key in keys if key in found.cosines},
        "exact": sorted(found.exact.intersection(keys)),
        "total": len(found.keys),
    }


def _groups(service: Service) -> dict[str, Any]:
    index = service.index
    found = index.groups()
    return {
        "groups": [_told_group(each, slice(_MOST_KEYS)) for each in found[:_MOST]],
        "total": len(found),
        "alone": sum(len(each.keys) == 1 for each in found),
        "threshold": float(index.groups_threshold),
    }


def _group(service: Service, number: int, part: slice) -> dict[str, Any]:
    for each in service.index.groups():
        if each.number == number:
            return _told_group(each, part)
    raise Refused(
        HTTPStatus.NOT_FOUND, "no group has this number any more. Ask /groups which there are."
    )


def _told_group(found: Cluster, part: slice) -> dict[str, Any]:
    return {
        "number": int(found.number),
        "keys": list(found.keys[part]),
        "cosines": [float(cosine) for cosine in found.cosines[part]],
        "total": len(found.keys),
    }


def _folders(service: Service, below: str) -> dict[str, Any]:
    start = f"{below}/" if below else ""
    parts = (
        key[len(start) :].rpartition("/")[0].partition("/")[0]
        for key in service.index
        if key.startswith(start)
    )
    found = sorted(Counter(parts).items())
    told = [
        {"folder": part and f"{start}{part}", "count": count}
        for part, count in found[:_MOST_FOLDERS]
    ]
    return {"folders": told, "total": len(found)}
