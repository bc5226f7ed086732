"""About: what this service is, whether it is well, and how it is entered."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, Field

from edgeclip import __version__
from edgeclip.index import progress
from edgeclip.serve.answers import Json
from edgeclip.serve.doors import COOKIE_AGE_S, Doors, cookie_of
from edgeclip.serve.problems import Refused, responses
from edgeclip.serve.routes.shared import Body, Served, router, threaded
from edgeclip.serve.service import Service

routes = router("about")


class Progress(BaseModel):
    """How far the index is on its way to equal its folder."""

    done: int
    total: int


class About(BaseModel):
    """The model, and the index beside it."""

    name: str = Field(examples=["mobileclip_s2"])
    dim: int = Field(examples=[512])
    space: str = Field(description="Only vectors of the same space may be compared.")
    logit_scale: float
    towers: list[str] = Field(examples=[["image", "text"]])
    variants: dict[str, str | None]
    trained: bool = Field(description="False: random weights, whose answers mean nothing.")
    items: int | None = Field(description="In the index; null: there is none.")
    search_by: str | None = Field(description="`exact`, `building` or `hnsw`.")
    progress: Progress | None = Field(
        description="While `edgeclip index` takes new pictures in; null: it does not."
    )
    version: str = Field(description="Of edgeclip.")


class Health(BaseModel):
    """That the service is there."""

    status: Literal["ok"]


class Ready(BaseModel):
    """Whether the service can answer at once."""

    status: Literal["ready", "starting"]


class Token(Body):
    """What opens this service."""

    token: str = Field(max_length=4096)


@routes.get("/model", responses=responses(ok=About))
async def model(service: Served) -> Any:
    """Describe the model and the index that answer."""
    return Json(await threaded(_about, service))


def _about(service: Service) -> dict[str, Any]:
    model, manifest = service.model, service.model.manifest
    towers = {"image": manifest.image, "text": manifest.text}
    index = service.index if service.has_index else None
    at = None if index is None else progress.told(index.path)
    return {
        "name": model.name,
        "dim": model.dim,
        "space": model.space,
        "logit_scale": model.logit_scale,
        "towers": [name for name, tower in towers.items() if tower is not None],
        "variants": dict(model.variants),
        "trained": not manifest.untrained,
        "items": None if index is None else len(index),
        "search_by": None if index is None else index.search_by,
        "progress": None if at is None else at._asdict(),
        "version": __version__,
    }


@routes.get("/health", responses=responses(ok=Health))
async def health() -> Any:
    """Answer as long as the service lives; no token is wanted."""
    return Json({"status": "ok"})


@routes.get(
    "/ready",
    responses={**responses(ok=Ready), 503: {"model": Ready}},
)
async def ready(request: Request) -> Any:
    """Answer 200 once the model is open and the index is read; no token is wanted."""
    if request.app.state.ready.is_set():
        return Json({"status": "ready"})
    return Json({"status": "starting"}, 503, headers={"Retry-After": "1"})


@routes.post(
    "/session",
    status_code=204,
    response_model=None,
    response_class=Response,
    responses=responses(415),
)
async def enter(asked: Token, request: Request) -> Any:
    """Let a browser in: what it gets instead of the token is shown with each request by itself."""
    doors: Doors = request.app.state.doors
    shown = doors.session(asked.token)
    if shown is None and doors.locked:
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "this is not the token of this service. Ask whoever started it.",
            {"WWW-Authenticate": "Bearer"},
        )
    answer = Response(status_code=204)
    if shown is not None:
        answer.set_cookie(
            cookie_of(request.headers["host"]),
            shown,
            max_age=COOKIE_AGE_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return answer


@routes.delete(
    "/session", status_code=204, response_model=None, response_class=Response, responses=responses()
)
async def leave(request: Request) -> Any:
    """Let a browser forget how it came in."""
    answer = Response(status_code=204)
    answer.delete_cookie(cookie_of(request.headers["host"]), httponly=True, samesite="strict")
    return answer
