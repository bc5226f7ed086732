"""Coach: what CLIP cannot do with a query, and what to ask instead."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from edgeclip.advice.coach import coach as advise
from edgeclip.serve.answers import Json
from edgeclip.serve.problems import responses
from edgeclip.serve.routes.shared import Body, router, threaded

routes = router("coach")


class Asked(Body):
    """A query to look at."""

    query: str = Field(min_length=1, max_length=4096, examples=["three cats"])


class Limit(BaseModel):
    """One thing that CLIP cannot do."""

    kind: str
    title: str
    words: list[str] = Field(description="Those of the query that led to it.")
    why: str
    rewrite: str | None
    instead: list[str] = Field(description="Models and means that can do it.")
    sources: list[str]
    evidence: dict[str, Any] | None


class Advice(BaseModel):
    """What there is to say about a query."""

    query: str
    suitable: bool
    limits: list[Limit]
    rewrite: str | None = Field(description="The query as CLIP can hold it.")
    checks: dict[str, str]


@routes.post("/coach", summary="Advice on a query", responses=responses(415, ok=Advice))
async def coach(asked: Asked) -> Any:
    """Tell which words of a query CLIP cannot hold, why, and what to ask instead."""
    advice = await threaded(advise, asked.query, pictures=False)
    return Json(advice.record())
