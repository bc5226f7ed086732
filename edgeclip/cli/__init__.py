"""The command line: the only print and the only exit of the project."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import warnings

import click

from edgeclip.cli import output
from edgeclip.cli.commands import edgeclip
from edgeclip.errors import EdgeclipError

_INTERRUPTED, _TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


def main() -> None:
    """Run the command line and exit with 0, 1 (failed, one line on stderr) or 2 (wrong use)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name that is no text, "…" in C
    # Without this a service that is stopped would leave its half-written files behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning  # the usual form is two lines, one of them of code
        # Pillow's remarks on odd files would stand between the lines that say what was done.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        code = _guarded(arguments)
    _empty_stdout()
    return code


def _guarded(arguments: list[str]) -> int:
    """Run one command; whatever it raises becomes one line and a code."""
    try:
        return _called(arguments)
    except click.ClickException as error:
        return _misused(error)
    except KeyboardInterrupt:
        return _failed("interrupted.", _INTERRUPTED)
    except BrokenPipeError:
        return 0  # whoever reads our output has seen enough, as with `| head`
    except EdgeclipError as error:
        return _failed(str(error))
    except OSError as error:
        reason = error.strerror or error
        if error.filename is None:
            full = error.errno == errno.ENOSPC
            step = "Free some space" if full else "Check where it goes"
            return _failed(f"the output cannot be written: {reason}. {step}.")
        return _failed(f"{error.filename}: {reason}. Check its path and whether you may use it.")
    except Exception as error:
        if os.environ.get("EDGECLIP_DEBUG"):
            raise
        kind = type(error).__name__
        return _failed(f"internal error ({kind}: {error}). EDGECLIP_DEBUG=1 shows where.")


def _called(arguments: list[str]) -> int:
    # Not edgeclip.main: that one has its own ideas of Ctrl-C and of closed pipes.
    try:
        with edgeclip.make_context("edgeclip", list(arguments)) as context:
            code = edgeclip.invoke(context)
    except click.exceptions.Exit as end:
        code = end.exit_code
    if sys.stdout is not None:
        sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _misused(error: click.ClickException) -> int:
    error.show()
    if isinstance(error, click.NoSuchOption):
        click.echo("Put -- before names and words that begin with a dash.", err=True)
    return error.exit_code


def _failed(message: str, code: int = 1) -> int:
    output.note(output.printable(" ".join(message.split())))
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    output.note(f"warning: {output.printable(' '.join(str(message).split()))}")


def _empty_stdout() -> None:
    """Drop output that cannot be written: the interpreter would try again and exit with 120."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
