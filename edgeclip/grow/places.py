"""Places: folders here and at the addresses that fsspec knows; its only importer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol

from edgeclip.errors import EdgeclipError, ExtraMissing
from edgeclip.model.headers import printable
from edgeclip.model.whole import whole_file

Write = Callable[[IO[bytes]], None]
_PARTIAL = ".edgeclip-*.partial"


class Place(Protocol):
    """A folder that files are kept in."""

    name: str
    """As a message names it."""

    def files(self, suffix: str) -> list[str]:
        """Return the names of its files that end so, sorted; none that begins with a dot."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""

    def keep(self, name: str, write: Write) -> None:
        """Write a file, so that it is whole or absent."""

    def remove(self, name: str) -> None:
        """Delete a file."""


def is_address(text: str) -> bool:
    """Tell whether a text is an address, such as ``s3://bucket/photos``, and no path."""
    return "://" in text


def place(where: str | os.PathLike[str]) -> Place:
    """Return the folder of a path or an address; it need not exist.

    Raises:
        EdgeclipError: nothing can be read or written there.
        ExtraMissing: what would is not installed.
    """
    text = os.fspath(where)
    if text.startswith("file://"):  # there a file is written beside, and renamed
        return Local(Path(opened(text)[1]))
    return Remote(text) if is_address(text) else Local(Path(text))


class Local:
    """A folder on this machine."""

    def __init__(self, folder: Path) -> None:
        """Take it; nothing is made yet."""
        self.folder, self.name = folder, printable(str(folder))

    def files(self, suffix: str) -> list[str]:
        """Return the names of its files that end so, sorted."""
        try:
            names = os.listdir(self.folder)  # noqa: PTH208 - names, not paths
        except FileNotFoundError:
            return []
        except OSError as error:
            raise EdgeclipError(
                f"{self.name} cannot be read: {error.strerror}. Give a folder."
            ) from error
        return sorted(name for name in names if name.endswith(suffix) and name[0] != ".")

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        return (self.folder / name).open("rb")

    def keep(self, name: str, write: Write) -> None:
        """Write a file, so that it is whole or absent; it is on the disk when this returns."""
        with whole_file(self.folder / name) as file:
            write(file)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)  # else a pulled plug may take the name away again
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Delete a file."""
        (self.folder / name).unlink()

    def sweep(self) -> None:
        """Delete what writers that were killed have begun; nobody may be writing."""
        for path in self.folder.glob(_PARTIAL):
            path.unlink(missing_ok=True)


class Remote:
    """A folder at an address."""

    def __init__(self, address: str) -> None:
        """Find what serves it."""
        self.name = printable(address)
        self.files_system, self.root = opened(address)

    def files(self, suffix: str) -> list[str]:
        """Return the names of its files that end so, sorted."""
        with reaching(self.name):
            try:
                found = self.files_system.ls(self.root, detail=False, refresh=True)
            except FileNotFoundError:
                return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found)
        return sorted(name for name in names if name.endswith(suffix) and name[0] != ".")

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading."""
        with reaching(self.name):
            file: IO[bytes] = self.files_system.open(f"{self.root}/{name}", "rb")
            return file

    def keep(self, name: str, write: Write) -> None:
        """Write a file, so that it is whole or absent.

        What stores objects takes each in one request, whole or not at all; elsewhere, as with sftp,
        it is written under another name and gets its own when it is whole.
        """
        buffer = BytesIO()
        write(buffer)
        path, beside = f"{self.root}/{name}", f"{self.root}/.{name}.partial"
        with reaching(self.name):
            self.files_system.makedirs(self.root, exist_ok=True)
            if _takes_whole_files(self.files_system):
                self.files_system.pipe_file(path, buffer.getvalue())
            else:
                self.files_system.pipe_file(beside, buffer.getvalue())
                self.files_system.mv(beside, path)

    def remove(self, name: str) -> None:
        """Delete a file."""
        with reaching(self.name):
            self.files_system.rm_file(f"{self.root}/{name}")


def _takes_whole_files(files: Any) -> bool:
    """Tell whether a file system has a request of its own for a whole file."""
    from fsspec import AbstractFileSystem

    return getattr(files.pipe_file, "__func__", None) is not AbstractFileSystem.pipe_file


def opened(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    Raises:
        EdgeclipError: nothing serves such addresses.
        ExtraMissing: what would is not installed.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise ExtraMissing(
            f"{printable(address)} needs fsspec: pip install 'edgeclip[ray]'"
        ) from error
    try:
        found, path = url_to_fs(address)
    except ImportError as error:  # fsspec says which package serves it
        reason = " ".join(str(error).split())
        raise ExtraMissing(f"{printable(address)} cannot be opened: {reason}") from error
    except Exception as error:
        raise _unreached(printable(address), error) from error
    return found, str(path).rstrip("/")


@contextlib.contextmanager
def reaching(name: str) -> Iterator[None]:
    """Turn whatever a file system raises within a block into one sentence."""
    try:
        yield
    except EdgeclipError:
        raise
    except Exception as error:  # what boto, aiohttp and the others raise has no root in common
        raise _unreached(name, error) from error


def _unreached(name: str, error: Exception) -> EdgeclipError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return EdgeclipError(
        f"{name} cannot be reached: {printable(reason)}. Check the address and what it needs to be "
        "opened."
    )


def walked(files: Any, root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each file below a folder as its path relative to it and what is known of it."""
    folders = [root]
    while folders:
        here = folders.pop()
        inner = []
        for told in sorted(files.ls(here, detail=True), key=lambda each: str(each["name"])):
            path = str(told["name"]).rstrip("/")
            if path == here:  # stores of objects may have one that stands for the folder
                continue
            if told.get("type") == "directory":
                inner.append(path)
            else:
                yield path.removeprefix(root).lstrip("/"), told
        folders += reversed(inner)
