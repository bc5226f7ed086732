"""``edgeclip serve``: the model and the index, for apps, browsers and people."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any

import click

from edgeclip.cli import indexes, options, output, serving
from edgeclip.cli.alive import Alive
from edgeclip.cli.stopping import stopping
from edgeclip.errors import ExtraMissing


@click.command("serve")
@indexes.index_option
@click.option(
    "--read-only", is_flag=True, help="Leave the index to another process to write, and follow it."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the token that every request must show; or EDGECLIP_TOKEN, the token itself.",
)
@click.option(
    "--allow-host", "names", multiple=True, metavar="NAME", help="A further name of this service."
)
@click.option("--camera", "source", metavar="SOURCE", help="Watch a camera, too: as for watch.")
@click.option(
    "--rules", type=click.Path(path_type=Path), help="What to watch for: as for watch --rules."
)
@click.option("--alert", "alerts", multiple=True, help="What to watch for, in words.")
@click.option(
    "--fps",
    type=options.NumberRange(0.02, 1000),
    default=1.0,
    show_default=True,
    help="Frames of the camera to look at in a second, at most.",
)
@click.option(
    "--log", type=click.Path(path_type=Path), help="Append the camera's events as JSON lines."
)
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=indexes.Folder(),
    help="Folder that input_paths of jobs may name pictures in.",
)
@click.option(
    "--jobs", type=indexes.Folder(), help="Folder that keeps jobs.  [default: with EDGECLIP_STATE]"
)
@click.option("--queue", metavar="URL", help="Let further workers take jobs: redis://HOST:PORT/N.")
@click.option("--worker", is_flag=True, help="Be such a worker of the same --jobs; serve nothing.")
@click.option(
    "--deadline",
    type=options.NumberRange(1, 3600),
    default=60.0,
    show_default=True,
    help="Seconds until a request must have its answer.",
)
@options.as_json
@options.model_options
def serve_command(
    index: Path | None,
    read_only: bool,
    host: str,
    port: int,
    token_file: Path | None,
    names: tuple[str, ...],
    source: str | None,
    rules: Path | None,
    alerts: tuple[str, ...],
    fps: float,
    log: Path | None,
    roots: tuple[Path, ...],
    jobs: Path | None,
    queue: str | None,
    worker: bool,
    deadline: float,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Serve the model, and an index where there is one, over HTTP.

    Without a token only programs on this machine are answered.  With --json a line on stdout has
    the address, once it is listened on.
    """
    if source is not None and bool(rules) == bool(alerts):
        raise click.UsageError("Give --rules or --alert with --camera, one of them.")
    if source is None and (rules or alerts or log):
        raise click.UsageError("--rules, --alert and --log are for --camera.")
    if worker and queue is None:
        raise click.UsageError("--worker needs --queue, which hands out the jobs.")
    watching = None if source is None else serving.Watching(source, rules, alerts, fps, log)
    folder = serving.jobs_folder(jobs)
    try:
        if worker:
            _work(folder, index, str(queue), chosen)
            return
        token = serving.token_of(token_file)
        serving.check_door(host, token)
        wanted = serving.Wanted(
            index=index,
            read_only=read_only,
            host=host,
            port=port,
            token=token,
            names=serving.names_of(names),
            watching=watching,
            jobs=folder,
            queue=queue,
            roots=roots,
            deadline=deadline,
            as_json=as_json,
        )
        _serve(wanted, chosen)
    except ImportError as error:
        if isinstance(error, ExtraMissing):
            raise
        extra = "redis" if error.name == "redis" else "serve"
        raise ExtraMissing(
            f"the service needs {error.name}: pip install 'edgeclip[{extra}]'"
        ) from error


def _serve(wanted: serving.Wanted, chosen: dict[str, Any]) -> None:
    from edgeclip.serve import app, server
    from edgeclip.serve.doors import Doors
    from edgeclip.serve.limits import Limits

    alive, ready, limits = Alive(), threading.Event(), Limits().within(wanted.deadline)
    end = serving.Ending()
    doors = Doors(wanted.token, (*wanted.names, wanted.host))
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(server.listening(wanted.host, wanted.port))
        parts = stack.enter_context(serving.parts(wanted, limits, end, chosen))
        made = app.application(*parts, doors=doors, limits=limits, ready=ready)

        def begun() -> None:
            ready.set()
            alive.ready()
            address = serving.address(wanted.host, listening.getsockname()[1])
            output.note(f"listening on {address}")
            if wanted.as_json:
                output.json_line({"url": address})

        def ending() -> None:
            end.begin()
            ready.clear()
            if parts.camera is not None:
                parts.camera.dismiss()

        server.serve(made, listening, limits, on_ready=begun, on_end=ending, on_step=alive.step)


def _work(folder: Path, index: Path | None, queue: str, chosen: dict[str, Any]) -> None:
    """Take jobs of a service that runs on this machine, until told to stop."""
    from edgeclip.serve.jobs.worker import run_worker
    from edgeclip.serve.limits import Limits

    with serving.opened(index, True, chosen) as (_, model):
        pass  # of the index no more than its model is wanted
    end = serving.Ending()
    with serving.answering(model, None, Limits(), end) as service, stopping() as stop:
        Alive().ready()
        output.note("waiting for jobs")
        run_worker(folder, service.job, queue, stop, space=model.space)
        end.begin()
    stop.act()
