"""Embed: pictures and texts → vectors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, Field

from edgeclip.errors import ImageRejected
from edgeclip.serve import uploads
from edgeclip.serve.answers import Json
from edgeclip.serve.problems import responses
from edgeclip.serve.routes.shared import Body, Embedding, Served, embedding, router, threaded
from edgeclip.serve.service import Service
from edgeclip.serve.uploads import Upload

routes = router("embed")
_MOST_TEXTS = 256
Normalize = Annotated[bool, Query(description="Unit length; false gives the tower's raw output.")]


class File(BaseModel):
    """What became of one picture."""

    file_path: str = Field(examples=["cat.jpg"])
    embedding: Embedding | None
    status: str = Field(examples=["success"], description="`success` or `error`.")
    error: str | None


class Files(BaseModel):
    """What became of the pictures of a form, as in a job's `task_output`."""

    files: list[File]
    total_files: int
    normalize: bool


class Texts(Body):
    """One text, or several."""

    text: str | None = Field(None, examples=["a dog on a beach"])
    texts: list[str] | None = Field(None, max_length=_MOST_TEXTS)
    normalize: bool = True

    def model_post_init(self, _: Any) -> None:
        """Refuse both and neither."""
        if (self.text is None) == (self.texts is None):
            raise ValueError("give text or texts")


class Embeddings(BaseModel):
    """The vectors of several texts, in their order."""

    embeddings: list[list[float]]
    embedding_dim: int
    normalized: bool


@routes.post(
    "/embed/image",
    summary="Embed a picture, or each file of a form",
    responses=responses(415, 422, ok=Embedding | Files),
    openapi_extra=uploads.body(uploads.form_schema(("file",), file=uploads.FILES)),
)
async def embed_image(request: Request, service: Served, normalize: Normalize = True) -> Any:
    """Answer with one embedding for a body that is a picture.

    A form is answered with `files`: one that cannot be read has its `error`, the others go on.
    """
    if not uploads.is_form(request):
        data = await uploads.raw(request)
        vector = await threaded(service.picture, data, normalize=normalize)
        return Json(embedding(vector, normalize))
    async with uploads.form(request, "file") as form:
        sent = await uploads.files(form)
    found = [await threaded(_file, service, upload, normalize) for upload in sent]
    return Json({"files": found, "total_files": len(found), "normalize": normalize})


@routes.post(
    "/embed/text",
    summary="Embed a text, or several",
    responses=responses(415, ok=Embedding | Embeddings),
)
async def embed_text(asked: Texts, service: Served) -> Any:
    """Answer with one embedding for `text`, with `embeddings` for `texts`."""
    unit = asked.normalize
    if asked.texts is None:
        assert asked.text is not None
        return Json(embedding(await threaded(service.text, asked.text, normalize=unit), unit))
    vectors = await threaded(service.texts, asked.texts, normalize=unit)
    return Json(
        {
            "embeddings": [vector.tolist() for vector in vectors],
            "embedding_dim": service.model.dim,
            "normalized": unit,
        }
    )


def _file(service: Service, upload: Upload, normalize: bool) -> dict[str, Any]:
    told = {"file_path": upload.name, "embedding": None, "status": "error", "error": None}
    try:
        vector = service.picture(upload.data, normalize=normalize)
    except ImageRejected as error:
        return told | {"error": str(error)}
    return told | {"embedding": embedding(vector, normalize), "status": "success"}
