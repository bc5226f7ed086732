"""What ``edgeclip serve`` needs before it can answer: token, index, model, camera."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from edgeclip.cli import coach, indexes, labels, options, output
from edgeclip.cli.wanted import called
from edgeclip.errors import EdgeclipError, StoreLocked, StoreReadOnly
from edgeclip.model import places
from edgeclip.watch.names import file_name

if TYPE_CHECKING:
    from edgeclip.index.index import Index
    from edgeclip.model.model import Model
    from edgeclip.model.pack import PromptPack
    from edgeclip.serve.camera import Camera
    from edgeclip.serve.jobs.jobs import Jobs
    from edgeclip.serve.limits import Limits
    from edgeclip.serve.service import Service

_LEAST_TOKEN = 16
_END_S = 9.0


@dataclass(frozen=True, slots=True)
class Watching:
    """What is wanted of a camera."""

    source: str
    rules: Path | None
    alerts: tuple[str, ...]
    fps: float
    log: Path | None


def token_of(file: Path | None) -> str | None:
    """Return the token, if there is one."""
    if file is None:
        token = os.environ.get("EDGECLIP_TOKEN", "").strip() or None
        where = "EDGECLIP_TOKEN"
        if token is not None and Path(token).is_file():
            raise EdgeclipError(
                "EDGECLIP_TOKEN is the token itself, not the path of a file. Give --token-file."
            )
    else:
        try:
            token, where = file.read_text("utf-8").strip(), str(file)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise EdgeclipError(f"{file} cannot be read: {reason}. Write a token there.") from error
    if token is not None and (len(token) < _LEAST_TOKEN or not token.isascii()):
        raise EdgeclipError(
            f"the token in {where} is no good. Take {_LEAST_TOKEN} characters of ASCII or more: "
            'python3 -c "import secrets; print(secrets.token_hex())"'
        )
    return token


def names_of(given: Iterable[str]) -> tuple[str, ...]:
    """Return the names in ``--allow-host``, also where they stand in a URL."""
    from urllib.parse import urlsplit

    found = []
    for text in given:
        try:
            name = urlsplit(text if "//" in text else f"//{text}").hostname
        except ValueError:
            name = None
        if not name:
            raise EdgeclipError(f"{text!r} is no name of a host. Give one such as kiosk.local.")
        found.append(name)
    return tuple(found)


def check_door(host: str, token: str | None) -> None:
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


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a service."""

    index: Path | None
    read_only: bool
    """Whether the index is left to another process to write."""
    host: str
    port: int
    token: str | None
    names: tuple[str, ...]
    """Further ones of this service."""
    watching: Watching | None
    jobs: Path
    """Folder that keeps them."""
    queue: str | None
    roots: tuple[Path, ...]
    """Folders that jobs may name pictures in."""
    deadline: float
    """Seconds until a request must have its answer."""
    as_json: bool


class Parts(NamedTuple):
    """What answers requests."""

    service: Service
    jobs: Jobs
    camera: Camera | None


class Ending:
    """One time by which all has to have ended that ends one after another."""

    until: float | None = None
    """By `time.monotonic`; None: nobody asked for it."""

    def begin(self) -> None:
        """Begin to end."""
        self.until = time.monotonic() + _END_S


@contextlib.contextmanager
def parts(
    wanted: Wanted, limits: Limits, ending: Ending, chosen: dict[str, Any]
) -> Iterator[Parts]:
    """Yield what answers, at work; it is closed afterwards."""
    from edgeclip.serve.jobs.jobs import Jobs

    with contextlib.ExitStack() as stack:
        searched, model = stack.enter_context(opened(wanted.index, wanted.read_only, chosen))
        service = stack.enter_context(answering(model, searched, limits, ending))
        for path in wanted.roots:
            if not path.is_dir():
                output.note(f"{output.printable(str(path))} is no folder now: it is waited for.")
        root = () if searched is None or searched.root is None else (searched.root,)
        roots = (*wanted.roots, *root)
        jobs = Jobs(wanted.jobs, service.job, queue=wanted.queue, roots=roots, space=model.space)
        stack.callback(lambda: jobs.close(ending.until))
        watched = None
        if wanted.watching is not None:
            watched = stack.enter_context(camera(wanted.watching, model, ending))
            watched.start()
        jobs.start()
        yield Parts(service, jobs, watched)


@contextlib.contextmanager
def answering(
    model: Model, index: Index | None, limits: Limits, ending: Ending
) -> Iterator[Service]:
    """Yield a service of a model and an index, open; it is closed afterwards."""
    from edgeclip.serve.decoding import Decoders, Preparing
    from edgeclip.serve.service import Service

    service = Service(model, index, Decoders(Preparing.of(model)), limits)
    try:
        service.open()
        yield service
    finally:
        service.close(ending.until)


def jobs_folder(given: Path | None) -> Path:
    """Return the folder that keeps jobs."""
    state = places.user_state()
    if given is None and state is None:
        raise EdgeclipError("there is no place to keep jobs. Give --jobs DIR.")
    return given or state / "jobs"  # type: ignore[operator]


@contextlib.contextmanager
def opened(
    index: Path | None, read_only: bool, chosen: dict[str, Any]
) -> Iterator[tuple[Index | None, Model]]:
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
    if read_only:
        opened = Index.open(path, read_only=True)
        model = indexes.load_for(opened, **chosen)
    elif not opening.is_there(path):
        indexes.check_place(path, None)
        model = options.load(**chosen)
        name = indexes.findable(model, chosen["models"])
        opened = Index.open(path, model.space, model=name)
        output.note(f"made a new, empty index: {output.printable(str(path))}")
    else:
        try:
            opened = Index.open(path)
        except (StoreLocked, StoreReadOnly) as error:
            opened = Index.open(path, read_only=True)
            output.note(f"{error} It is only read.")
        model = indexes.load_for(opened, **chosen)
    with indexes.telling(opened):
        yield opened, model


def address(host: str, port: int) -> str:
    """Return the URL of a service."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.contextmanager
def camera(wanted: Watching, model: Model, ending: Ending) -> Iterator[Camera]:
    """Yield a camera that is watched with the towers of a model; it is closed afterwards."""
    from edgeclip.serve.camera import Camera, events_in
    from edgeclip.watch.gate import ChangeGate
    from edgeclip.watch.sinks.jsonl import JsonLines
    from edgeclip.watch.watcher import Watcher

    seeing = model.fitted("pad")  # a frame is wide: all of it is looked at
    name, state = called(wanted.source), places.user_state()
    with contextlib.ExitStack() as stack:
        watcher = Watcher(
            seeing,
            _pack(wanted, seeing),
            camera=name,
            keep=None if state is None else state / f"{file_name(name)}.json",
            gate=ChangeGate(),
        )
        stack.callback(watcher.close)
        before = [] if wanted.log is None else events_in(wanted.log)
        sinks = [] if wanted.log is None else [JsonLines(wanted.log)]
        for sink in sinks:
            stack.callback(sink.close)
        made = Camera(watcher, wanted.source, fps=wanted.fps, sinks=sinks, before=before)
        stack.callback(lambda: made.close(ending.until))
        yield made


def _pack(wanted: Watching, model: Model) -> PromptPack:
    from edgeclip.model.pack import PromptPack, is_pack
    from edgeclip.model.prompts import read_prompts
    from edgeclip.watch.rules import compiled, in_words

    if wanted.rules is not None and is_pack(wanted.rules):
        return PromptPack.load(wanted.rules)
    prompts = in_words(wanted.alerts) if wanted.rules is None else read_prompts(wanted.rules)
    coach.hint(labels.all_texts(prompts), labels=True)
    return compiled(prompts, model)
