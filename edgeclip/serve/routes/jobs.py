"""Jobs: pictures that are embedded later, as the media-processing plugin has it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import Depends, File, Form, Request, UploadFile
from pydantic import BaseModel, Field

from edgeclip.serve.answers import Json
from edgeclip.serve.jobs.job import Input, Job, Upload
from edgeclip.serve.jobs.jobs import Jobs
from edgeclip.serve.problems import Refused, responses
from edgeclip.serve.routes.embed import Files
from edgeclip.serve.routes.shared import router, threaded

routes = router("jobs")
_PRIORITY = Field(ge=-(2**31), le=2**31 - 1)


class Submitted(BaseModel):
    """A job that will be done, whatever happens to this board."""

    job_id: str = Field(examples=["550e8400-e29b-41d4-a716-446655440000"])
    status: Literal["queued"]


class Told(BaseModel):
    """How far a job is, and what came of it."""

    job_id: str
    status: Literal["queued", "running", "ok", "error"]
    task_output: Files | None = Field(description="When the status is `ok`.")
    error: str | None = Field(description="When the status is `error`.")


async def _jobs(request: Request) -> Jobs:
    jobs: Jobs = request.app.state.jobs
    return jobs


Work = Annotated[Jobs, Depends(_jobs)]


@routes.post(
    "/jobs/clip_embedding",
    summary="Embed pictures later",
    responses=responses(415, 507, ok=Submitted),
)
async def submit(
    jobs: Work,
    file: Annotated[list[UploadFile], File(description="One or more pictures.")] = [],  # noqa: B006
    input_paths: Annotated[list[str], Form(description="Pictures under an allowed root.")] = [],  # noqa: B006
    output_paths: Annotated[list[str], Form(description="Accepted, and not used.")] = [],  # noqa: B006
    normalize: Annotated[bool, Form(description="Unit length.")] = True,
    priority: Annotated[int, Form(description="Higher first."), _PRIORITY] = 0,
) -> Any:
    """Answer when the job is on the disk: it survives a power cut."""
    inputs: list[Input] = [Upload(each.filename or "", each.file) for each in file]
    inputs += [path for path in input_paths if path]
    if not inputs:
        raise Refused(HTTPStatus.BAD_REQUEST, "there is no picture. Give file or input_paths.")
    job = await threaded(jobs.submit, inputs, normalize=normalize, priority=priority)
    return Json({"job_id": job, "status": "queued"})


@routes.get("/jobs/{job_id}", summary="How far a job is", responses=responses(404, ok=Told))
async def status(job_id: str, jobs: Work) -> Any:
    """Tell its status and, when it is done, its result."""
    job = await threaded(jobs.job, job_id)
    if job is None:
        raise _missing()
    return Json(_told(job))


@routes.delete("/jobs/{job_id}", summary="Cancel a job", responses=responses(404, 409, ok=Told))
async def cancel(job_id: str, jobs: Work) -> Any:
    """Give up a job that is not done yet; its status becomes `error`."""
    cancelled = await threaded(jobs.cancel, job_id)
    job = await threaded(jobs.job, job_id)
    if job is None:
        raise _missing()
    if not cancelled:
        raise Refused(HTTPStatus.CONFLICT, "this job is done already.")
    return Json(_told(job))


def _missing() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "there is no such job, or it has expired.")


def _told(job: Job) -> dict[str, Any]:
    return {
        "job_id": job.id,
        "status": job.status,
        "task_output": job.output,
        "error": job.error,
    }
