"""Weights from the hub: the only importer of huggingface_hub.

huggingface_hub's own ``hf_hub_download`` resumes within one call and throws the half file away when
the process ends or the connection is reset (2.4: ``_download_to_tmp_and_move``), and it writes in
steps of 10 MB, so a line that breaks sooner never arrives. 400 MB over a poor line deserve better:
the half file is kept here, and the same client's session asks for the bytes from its end on, today
or tomorrow. The address (``HF_ENDPOINT``), the token and the offline switch (``HF_HUB_OFFLINE``)
are the client's.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from huggingface_hub.utils import (  # type: ignore[attr-defined]
    build_hf_headers,
    hf_raise_for_status,
)

from edgeclip.errors import CheckpointError
from edgeclip_export.digests import sha256_of
from edgeclip_export.progress import Progress

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FRUITLESS_ATTEMPTS = 3
_PAUSE_S = 1.0
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Download:
    """A file that was fetched and checked."""

    path: Path
    file: str
    """Its name in the repository."""
    commit: str
    """The revision that it belongs to, 40 hex digits."""
    sha256: str


@dataclass(frozen=True)
class _Remote:
    """Where a file is and what it must be."""

    file: str
    commit: str
    sha256: str
    size: int | None


def fetch(
    repository: str,
    files: Sequence[str],
    *,
    revision: str | None = None,
    sha256: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Download:
    """Return the first of ``files`` that ``repository`` has, checked, from the cache or the hub.

    Args:
        repository: ``owner/name``.
        files: names in the repository, best first.
        revision: a commit, branch or tag; None: the newest commit.
        sha256: of files at that revision; for others the hub's own LFS digest is checked.
        progress: is told the bytes as they arrive.

    Raises:
        CheckpointError: no network, no such file, or bytes that do not have the digest.
    """
    digests = sha256 or {}
    if revision and _COMMIT.fullmatch(revision):
        cached = _cached(repository, files, revision, digests)
        if cached:
            return cached
    try:
        with _quiet():
            remote = _locate(repository, files, revision, digests)
            cached = _cached(repository, [remote.file], remote.commit, {remote.file: remote.sha256})
            return cached or _download(repository, remote, progress)
    except CheckpointError:
        raise
    except Exception as error:  # the client's transport errors have no base class of its own
        raise _unreachable(repository, files, revision, error) from error


def cache_folder() -> Path:
    """Return where downloads are kept: ``$XDG_CACHE_HOME/edgeclip/weights``."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "edgeclip" / "weights"


def _place(repository: str, commit: str, file: str) -> Path:
    return cache_folder() / repository.replace("/", "--") / commit / Path(file).name


def _cached(
    repository: str, files: Sequence[str], commit: str, digests: Mapping[str, str]
) -> Download | None:
    """Return a file that is here already, from this cache or from huggingface_hub's own."""
    for file in files:
        path = _place(repository, commit, file)
        if not path.is_file():
            found = huggingface_hub.try_to_load_from_cache(repository, file, revision=commit)
            if not isinstance(found, str):
                continue
            path = Path(found)
        expected = digests.get(file) or _noted(path)
        if expected and sha256_of(path) == expected:
            return Download(path, file, commit, expected)
    return None


def _noted(path: Path) -> str | None:
    """Return the digest that was noted when the file came: beside it, or as its blob's name."""
    note = path.with_name(path.name + ".sha256")
    if note.is_file():
        return note.read_text("ascii").strip()
    return path.resolve().name if _SHA256.fullmatch(path.resolve().name) else None


def _locate(
    repository: str, files: Sequence[str], revision: str | None, digests: Mapping[str, str]
) -> _Remote:
    """Ask the hub which of the files it has, at which commit and with which digest."""
    for file in files:
        url = huggingface_hub.hf_hub_url(repository, file, revision=revision)
        try:
            found = huggingface_hub.get_hf_file_metadata(url)
        except EntryNotFoundError:
            continue
        digest = found.etag if found.etag and _SHA256.fullmatch(found.etag) else None
        expected = digests.get(file) or digest
        if found.commit_hash is None or expected is None:
            raise CheckpointError(
                f"the hub tells no commit or digest of {repository}/{file}. "
                "Bring the file yourself: --checkpoint FILE"
            )
        if digest and digest != expected:
            raise CheckpointError(
                f"{repository}/{file} on the hub has SHA-256 {digest[:12]}…, the recipe says "
                f"{expected[:12]}…. Do not use it; ask for another --revision."
            )
        return _Remote(file, found.commit_hash, expected, found.size)
    raise CheckpointError(
        f"{repository} has none of {', '.join(files)} at {revision or 'its newest revision'}. "
        "Ask for another --revision, or bring a file: --checkpoint FILE"
    )


def _download(repository: str, remote: _Remote, progress: Progress | None) -> Download:
    """Fetch a file, going on where an earlier attempt ended, and check its digest."""
    path = _place(repository, remote.commit, remote.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    url = huggingface_hub.hf_hub_url(repository, remote.file, revision=remote.commit)

    def tell(done: int) -> None:
        if progress is not None:
            progress(f"{repository}/{remote.file}", done, remote.size)

    _grow(part, url, remote.size, tell)
    found = sha256_of(part)
    if found != remote.sha256:
        part.unlink()
        raise CheckpointError(
            f"the download of {repository}/{remote.file} has SHA-256 {found[:12]}…, not "
            f"{remote.sha256[:12]}…; it was deleted. Try again."
        )
    path.with_name(path.name + ".sha256").write_text(found + "\n", "ascii")
    part.replace(path)
    return Download(path, remote.file, remote.commit, found)


def _grow(part: Path, url: str, size: int | None, tell: Callable[[int], None]) -> None:
    """Append to ``part`` until it is whole; give up when attempts bring nothing more."""
    fruitless = 0
    while True:
        have = _size(part)
        if have == size:
            return
        if size is not None and have > size:
            part.unlink()
            have = 0
        try:
            _append(part, url, have, tell)
            if size is None:
                return
        except Exception as error:  # a reset, a cut, a silence: the transport's errors vary
            if isinstance(error, HfHubHTTPError) and not _may_pass(error):
                raise
            if fruitless >= _FRUITLESS_ATTEMPTS and _size(part) <= have:
                raise
        fruitless = 0 if _size(part) > have else fruitless + 1
        time.sleep(_PAUSE_S)


def _append(part: Path, url: str, have: int, tell: Callable[[int], None]) -> None:
    """Ask for the bytes from ``have`` on and write them as they come."""
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    session = huggingface_hub.get_session()
    with session.stream("GET", url, headers=headers, timeout=_TIMEOUT_S) as response:
        hf_raise_for_status(response)
        goes_on = response.status_code == 206
        with part.open("ab" if goes_on else "wb") as file:
            # No chunk size: what stands in a half chunk when the line breaks would be lost.
            for chunk in response.iter_bytes():
                file.write(chunk)
                tell(file.tell())


def _may_pass(error: HfHubHTTPError) -> bool:
    """Tell whether the hub's refusal is one that passes: too many requests, or trouble there."""
    status = int(error.response.status_code)
    return status in (408, 429) or status >= 500


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _unreachable(
    repository: str, files: Sequence[str], revision: str | None, error: Exception
) -> CheckpointError:
    why = str(error).strip().splitlines()
    return CheckpointError(
        f"{repository} cannot be fetched ({why[0][:120] if why else type(error).__name__}). "
        f"Download {files[0]} of {repository} at {revision or 'main'} on another machine and "
        "bring it: --checkpoint FILE"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the client's warnings about cuts off the terminal: they are handled here."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
