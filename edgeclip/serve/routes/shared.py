"""What routes share: the service that answers, and how bodies are described."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edgeclip.serve.limits import CONDITIONS, VALUES
from edgeclip.serve.problems import Refused, said
from edgeclip.serve.service import Service
from edgeclip.serve.strict import StrictRoute
from edgeclip.serve.threads import Threads
from edgeclip.vectors import Vector

_T = TypeVar("_T")
_B = TypeVar("_B", bound=BaseModel)
_threads = Threads()


class Body(BaseModel):
    """A body of JSON: no field that nobody knows, no number that is none."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


def _few(where: dict[str, Any]) -> dict[str, Any]:
    parts = [part for each in where.values() for part in _parts(each)]
    values = sum(len(part) for part in parts if isinstance(part, list))
    if len(where) > CONDITIONS or len(parts) > CONDITIONS or values > VALUES:
        raise ValueError(f"give {CONDITIONS} conditions and {VALUES:,} values in all, at most")
    return where


def _parts(condition: Any) -> list[Any]:
    return list(condition.values()) if isinstance(condition, dict) else [condition]


Conditions = Annotated[dict[str, Any], AfterValidator(_few)]
"""A filter, see `edgeclip.index.where`."""


class Embedding(BaseModel):
    """A vector, as the media-processing plugin gives it."""

    embedding: list[float] = Field(examples=[[0.0156, -0.0234]])
    embedding_dim: int = Field(examples=[512])
    normalized: bool


async def service_of(request: Request) -> Service:
    """Return what answers."""
    service: Service = request.app.state.service
    return service


Served = Annotated[Service, Depends(service_of)]


def checked(kind: type[_B], told: Any) -> _B:
    """Return a body that its route reads itself.

    Raises:
        Refused: it is not of this kind.
    """
    try:
        return kind.model_validate(told)
    except ValidationError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, said(error)) from error


def schema_of(kind: type[BaseModel]) -> dict[str, Any]:
    """Describe a body that its route reads itself; the application lifts what it defines."""
    return kind.model_json_schema(ref_template="#/components/schemas/{model}")


def router(tag: str, kind: type[APIRoute] = StrictRoute) -> APIRouter:
    """Return a router whose routes are strict, or of another kind."""
    return APIRouter(tags=[tag], route_class=kind)


async def threaded(work: Callable[..., _T], *arguments: Any, **options: Any) -> _T:
    """Return what takes a while and must not hold up the others.

    Raises:
        Busy: too many wait for a thread already.
    """
    return await _threads.run(partial(work, *arguments, **options))


async def finished(work: Callable[..., _T], *arguments: Any) -> _T:
    """Return what takes a while, for an answer that was begun: however many wait."""
    return await _threads.run(partial(work, *arguments), patient=True)


def embedding(vector: Vector, normalize: bool) -> dict[str, Any]:
    """Return a vector as `Embedding` has it."""
    return {
        "embedding": vector.tolist(),
        "embedding_dim": len(vector),
        "normalized": normalize,
    }
