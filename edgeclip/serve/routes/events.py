"""Events: the camera that is watched, live."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from edgeclip.serve.answers import Json
from edgeclip.serve.camera import Camera
from edgeclip.serve.guard import endless
from edgeclip.serve.problems import Refused, responses
from edgeclip.serve.routes.shared import router, threaded

routes = router("camera")
_FRAME: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


class RuleReading(BaseModel):
    """What one rule makes of the newest frame."""

    rule: str
    score: float | None = Field(description="null: no frame was looked at yet.")
    threshold: float | None = Field(description="It alerts above it; null: it still learns.")
    learnt: float = Field(description="How much of that is done, from 0 to 1.")
    box: list[float] = Field(description="Left, top, right, bottom as shares of the frame.")


class Look(BaseModel):
    """How the camera is."""

    camera: str
    state: str = Field(
        examples=["open"], description="`opening`, `open`, `lost`, `black`, `frozen` or `ended`."
    )
    reason: str
    rules: list[RuleReading]


class Timeline(BaseModel):
    """What has happened, the newest first."""

    events: list[dict[str, Any]]


async def _camera(request: Request) -> Camera:
    camera: Camera | None = request.app.state.camera
    if camera is None:
        raise Refused(
            HTTPStatus.NOT_FOUND, "no camera is watched. Start the service with --camera SOURCE."
        )
    return camera


Watched = Annotated[Camera, Depends(_camera)]


@routes.get("/camera", summary="How the camera is", responses=responses(404, ok=Look))
async def look(camera: Watched) -> Any:
    """Tell its state and what the rules make of the newest frame."""
    return Json(camera.look())


@routes.get(
    "/camera/frame",
    summary="The newest frame",
    response_class=Response,
    responses={**_FRAME, **responses(404)},
)
async def frame(camera: Watched) -> Any:
    """Answer with it as JPEG."""
    data = await threaded(camera.picture)
    if data is None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no frame yet. Try again later.")
    return Response(data, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@routes.get("/timeline", summary="What has happened", responses=responses(404, ok=Timeline))
async def timeline(camera: Watched, count: Annotated[int, Query(ge=1, le=1000)] = 100) -> Any:
    """List the newest events, the newest first."""
    return Json({"events": camera.events(count)})


@routes.get(
    "/events",
    summary="What happens, as it happens",
    response_class=StreamingResponse,
    responses={**_STREAM, **responses(404)},
)
async def events(request: Request, camera: Watched) -> Any:
    """Stream server-sent events: `state`, `reading` for each frame, and `event`."""
    endless(request.scope)
    return StreamingResponse(
        camera.messages(), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )
