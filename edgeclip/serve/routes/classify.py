"""Classify: labels for a picture, zero-shot."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Request
from pydantic import BaseModel, Field

from edgeclip.serve import uploads
from edgeclip.serve.answers import Json
from edgeclip.serve.limits import PROMPTS
from edgeclip.serve.problems import Refused, responses
from edgeclip.serve.routes.shared import Served, router, threaded

routes = router("classify")
_TEXTS = {"type": "array", "items": {"type": "string"}}


class Labelled(BaseModel):
    """A label and how likely it is."""

    label: str = Field(examples=["cat"])
    score: float = Field(ge=0, le=1, description="Probability among all labels.")


class Labels(BaseModel):
    """The labels of a picture, the likeliest first."""

    labels: list[Labelled]


_FIELDS = ("file", "label", "template", "negative", "none")


@routes.post(
    "/classify",
    summary="Rank labels for a picture",
    responses=responses(415, 422, ok=Labels),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": uploads.form_schema(
                        ("file", "label"),
                        file=uploads.FILE,
                        label=_TEXTS
                        | {"minItems": 1, "uniqueItems": True, "description": "What it may be."},
                        template=_TEXTS | {"description": "Prompts with one {} each."},
                        negative=_TEXTS | {"description": "Labels that are not answered."},
                        none={"type": "string", "description": "The answer for what is no label."},
                    )
                }
            },
        }
    },
)
async def classify(request: Request, service: Served) -> Any:
    """Compare a picture with labels in words; the labels' vectors are remembered."""
    async with uploads.form(request, *_FIELDS) as form:
        sent = await uploads.files(form)
        labels = uploads.fields(form, "label")
        templates = uploads.fields(form, "template")
        negatives = uploads.fields(form, "negative")
        none = uploads.field(form, "none")
    if len(sent) != 1:
        raise Refused(HTTPStatus.BAD_REQUEST, "the form has several files. Send one.")
    if (len(labels) + len(negatives)) * max(1, len(templates)) > PROMPTS:
        raise Refused(
            HTTPStatus.BAD_REQUEST,
            f"labels and negatives times templates are more than {PROMPTS}. Send fewer.",
        )
    options = {"templates": templates or None, "negatives": negatives, "none": none}
    classifier = await threaded(service.classifier, labels, **options)
    vector = await threaded(service.picture, sent[0].data)
    matches = classifier.rank(vector)
    return Json({"labels": [{"label": m.key, "score": m.score} for m in matches]})
