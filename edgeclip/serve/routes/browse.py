"""Browse: duplicates, groups and folders of the index."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from edgeclip.serve.answers import Json
from edgeclip.serve.problems import responses
from edgeclip.serve.routes.shared import Served, router, threaded
from edgeclip.serve.service import Service

routes = router("browse")
_MOST, _MOST_KEYS, _MOST_FOLDERS = 200, 100, 1000
Threshold = Annotated[float | None, Query(ge=0, le=1, description="Least cosine.")]


class Same(BaseModel):
    """Pictures that show the same."""

    keeper: str = Field(description="The one that is best kept.")
    keys: list[str]
    cosines: dict[str, float] = Field(description="Of the others to the keeper.")
    exact: list[str] = Field(description="Those that are the keeper's file, byte for byte.")


class Duplicates(BaseModel):
    """Groups of pictures that show the same; nothing is deleted."""

    groups: list[Same] = Field(description=f"The first {_MOST}.")
    total: int


class Group(BaseModel):
    """Pictures that are alike."""

    number: int = Field(description="Stays with the group while pictures come and go.")
    keys: list[str] = Field(description=f"The first {_MOST_KEYS}, nearest to the middle first.")
    cosines: list[float]
    total: int


class Groups(BaseModel):
    """All pictures in groups, the largest first."""

    groups: list[Group] = Field(description=f"The first {_MOST}.")
    total: int
    threshold: float


class Folder(BaseModel):
    """The first part of the keys of some items."""

    folder: str = Field(description="Empty: of keys that have no parts.")
    count: int


class Folders(BaseModel):
    """Where the items lie."""

    folders: list[Folder]


@routes.get("/duplicates", responses=responses(404, ok=Duplicates))
async def duplicates(service: Served, threshold: Threshold = None) -> Any:
    """Find pictures that show the same, the keeper of each group first."""
    return Json(await threaded(_duplicates, service, threshold))


@routes.get("/groups", responses=responses(404, ok=Groups))
async def groups(service: Served) -> Any:
    """Group pictures that are alike, at the threshold that the index keeps."""
    return Json(await threaded(_groups, service))


@routes.get("/folders", responses=responses(404, ok=Folders))
async def folders(service: Served) -> Any:
    """List the first parts of the keys."""
    return Json(await threaded(_folders, service))


def _duplicates(service: Service, threshold: float | None) -> dict[str, Any]:
    found = service.index.duplicates(threshold)
    told = [
        {
            "keeper": each.keeper,
            "keys": list(each.keys),
            "cosines": {key: float(cosine) for key, cosine in each.cosines.items()},
            "exact": sorted(each.exact),
        }
        for each in found[:_MOST]
    ]
    return {"groups": told, "total": len(found)}


def _groups(service: Service) -> dict[str, Any]:
    index = service.index
    found = index.groups()
    told = [
        {
            "number": int(each.number),
            "keys": list(each.keys[:_MOST_KEYS]),
            "cosines": [float(cosine) for cosine in each.cosines[:_MOST_KEYS]],
            "total": len(each.keys),
        }
        for each in found[:_MOST]
    ]
    return {"groups": told, "total": len(found), "threshold": float(index.groups_threshold)}


def _folders(service: Service) -> dict[str, Any]:
    counts = Counter(key.rpartition("/")[0].partition("/")[0] for key in service.index)
    found = sorted(counts.items())[:_MOST_FOLDERS]
    return {"folders": [{"folder": folder, "count": count} for folder, count in found]}
