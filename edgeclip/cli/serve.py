"""``edgeclip serve``: the model and the index, for apps, browsers and people."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeclip.cli import indexes, options, output
from edgeclip.cli.alive import Alive
from edgeclip.errors import EdgeclipError, ExtraMissing, StoreLocked, StoreReadOnly
from edgeclip.model import places

if TYPE_CHECKING:
    from edgeclip.index.index import Index
    from edgeclip.model.model import Model

_LEAST_TOKEN = 16


@click.command("serve")
@indexes.index_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the token that every request must show (EDGECLIP_TOKEN).",
)
@click.option(
    "--allow-host", "names", multiple=True, metavar="NAME", help="A further name of this service."
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
@click.option(
    "--deadline",
    type=options.NumberRange(1, 3600),
    default=60.0,
    show_default=True,
    help="Seconds until a request must have its answer.",
)
@options.model_options
def serve_command(
    index: Path | None,
    host: str,
    port: int,
    token_file: Path | None,
    names: tuple[str, ...],
    roots: tuple[Path, ...],
    jobs: Path | None,
    queue: str | None,
    deadline: float,
    **chosen: Any,
) -> None:
    """Serve the model, and an index where there is one, over HTTP.

    Without a token only programs on this machine are answered.
    """
    try:
        from edgeclip.serve import app, decoding, doors, limits, server, service
        from edgeclip.serve.jobs.jobs import Jobs
    except ImportError as error:
        raise ExtraMissing(
            f"the service needs {error.name}: pip install 'edgeclip[serve]'"
        ) from error
    token = _token(token_file)
    _check_door(host, token)
    folder = _jobs_folder(jobs)
    alive, ready, bounds = Alive(), threading.Event(), limits.Limits().within(deadline)
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(server.listening(host, port))
        searched, model = stack.enter_context(_opened(index, chosen))
        children = decoding.Decoders(decoding.Preparing.of(model))
        served = stack.enter_context(
            contextlib.closing(service.Service(model, searched, children, bounds))
        )
        root = [searched.root] if searched is not None and searched.root is not None else []
        later = stack.enter_context(
            contextlib.closing(
                Jobs(
                    folder,
                    lambda data, unit: served.picture(data, normalize=unit),
                    queue=queue,
                    roots=[*roots, *root],
                )
            )
        )
        served.open()
        later.start()
        made = app.application(
            served, later, doors=doors.Doors(token, [*names, host]), limits=bounds, ready=ready
        )

        def begun() -> None:
            ready.set()
            alive.ready()
            output.note(f"listening on {_address(host, opened.getsockname()[1])}")

        server.serve(made, opened, bounds, on_ready=begun, on_step=alive.step)


def _token(file: Path | None) -> str | None:
    """Return the token, if there is one."""
    if file is None:
        token = os.environ.get("EDGECLIP_TOKEN") or None
        where = "EDGECLIP_TOKEN"
    else:
        try:
            token, where = file.read_text("utf-8").strip(), str(file)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise EdgeclipError(f"{file} cannot be read: {reason}. Write a token there.") from error
    if token is not None and (len(token) < _LEAST_TOKEN or not token.isascii()):
        raise EdgeclipError(
            f"the token in {where} is no good. Take {_LEAST_TOKEN} characters of ASCII or more: "
            "openssl rand -hex 32"
        )
    return token


def _check_door(host: str, token: str | None) -> None:
    """Refuse to let strangers in."""
    try:
        is_local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local and token is None:
        raise EdgeclipError(
            f"{host} can be reached by others, and there is no token. Put one into a file, and "
            "give --token-file FILE; or leave --host out."
        )


def _jobs_folder(given: Path | None) -> Path:
    state = places.user_state()
    if given is None and state is None:
        raise EdgeclipError("there is no place to keep jobs. Give --jobs DIR.")
    return given or state / "jobs"  # type: ignore[operator]


@contextlib.contextmanager
def _opened(index: Path | None, chosen: dict[str, Any]) -> Iterator[tuple[Index | None, Model]]:
    """Yield the index, where there is one or one is named, and the model.

    An index that another process writes to is read, and follows it.
    """
    from edgeclip.index import opening
    from edgeclip.index.index import Index

    path = indexes.index_path(index)
    named = index is not None or "EDGECLIP_INDEX" in os.environ
    if not named and not opening.is_there(path):
        yield None, options.load(**chosen)
        return
    if not opening.is_there(path):
        indexes.check_place(path, None)
        model = options.load(**chosen)
        name = indexes.findable(model, chosen["models"])
        opened = Index.open(path, model.space, model=name)
    else:
        try:
            opened = Index.open(path)
        except (StoreLocked, StoreReadOnly) as error:
            opened = Index.open(path, read_only=True)
            output.note(f"{error} It is only read.")
        model = indexes.load_for(opened, **chosen)
    with indexes.telling(opened):
        yield opened, model


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
