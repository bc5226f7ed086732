"""App: the routes, and around them what every request goes through."""

from __future__ import annotations

import threading
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from edgeclip import __version__
from edgeclip.errors import EdgeclipError
from edgeclip.serve import problems
from edgeclip.serve.camera import Camera
from edgeclip.serve.doors import Doors
from edgeclip.serve.guard import Guard
from edgeclip.serve.jobs.jobs import Jobs
from edgeclip.serve.limits import FORM, Limits
from edgeclip.serve.metrics import CONTENT_TYPE, Metrics
from edgeclip.serve.problems import Problem
from edgeclip.serve.routes import (
    about,
    browse,
    classify,
    coach,
    embed,
    events,
    items,
    jobs,
    page,
    search,
)
from edgeclip.serve.service import Service

_ABOUT = """Pictures and words become unit vectors, and are searched, on a board, offline.

Errors are JSON objects as RFC 9457 has them. In a key of an item a slash before `picture`,
`thumbnail` or `similar` is written `%2F`.
"""


def application(
    service: Service,
    jobs_of: Jobs,
    camera: Camera | None = None,
    *,
    doors: Doors,
    limits: Limits,
    ready: threading.Event,
) -> ASGIApp:
    """Return the application: metrics around the guard around the routes.

    Args:
        service: what answers.
        jobs_of: what is done later.
        camera: what is watched; None: nothing.
        doors: who may come in.
        limits: what a request may cost.
        ready: set when the service can answer at once.
    """
    app = FastAPI(
        title="edgeclip",
        description=_ABOUT,
        version=__version__,
        docs_url=None,  # both come from a server far away
        redoc_url=None,
        form_limits=cast(Any, FORM),
    )
    metrics = Metrics(lambda: _state(service, jobs_of, camera), {"edgeclip_jobs": "status"})
    service.noted = metrics.inferred
    app.state.service, app.state.jobs, app.state.camera = service, jobs_of, camera
    app.state.doors, app.state.ready = doors, ready
    for part in (search, embed, classify, items, browse, jobs, events, coach, about, page):
        # Not included: of ten routers within a router each would be asked in turn, for 0.2 ms.
        app.router.routes.extend(part.routes.routes)
    _add_metrics(app, metrics)
    for kind in (HTTPException, RequestValidationError, EdgeclipError, Exception):
        app.add_exception_handler(kind, _problem)
    _describe(app)
    return metrics.around(Guard(app, doors, limits))


async def _problem(_: Request, error: Exception) -> Response:
    return problems.answer(problems.refusal_of(error))


def _add_metrics(app: FastAPI, metrics: Metrics) -> None:
    @app.get(
        "/metrics",
        tags=["about"],
        response_class=Response,
        responses={200: {"content": {"text/plain": {}}}, **problems.responses()},
    )
    def measured() -> Any:
        """What Prometheus reads."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)


def _describe(app: FastAPI) -> None:
    """Describe the service itself: without the framework's own form of errors."""
    made: dict[str, Any] = {}

    def described() -> dict[str, Any]:
        if not made:
            made.update(FastAPI.openapi(app))
            schemas = made["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["Problem"] = Problem.model_json_schema()
            for path in made["paths"].values():
                for operation in path.values():
                    _adapt(operation, schemas)
        return made

    app.openapi = described  # type: ignore[method-assign]


def _adapt(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Drop the framework's own error, and lift what the schemas of bodies define."""
    if "application/json" in operation["responses"].get("422", {}).get("content", {}):
        del operation["responses"]["422"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schemas.update(content["schema"].pop("$defs", {}))


def _state(service: Service, jobs_of: Jobs, camera: Camera | None) -> dict[str, Any]:
    state: dict[str, Any] = {
        "edgeclip_jobs": {name: float(count) for name, count in jobs_of.counts().items()},
        "edgeclip_decoder_deaths_total": float(service.decoders.deaths),
        "edgeclip_waiting": float(service.waiting),
    }
    if service.has_index:
        state["edgeclip_index_items"] = float(len(service.index))
    if camera is not None:
        state["edgeclip_camera_open"] = float(camera.is_open)
    return state
