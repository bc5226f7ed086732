"""The command line: the only print and the only exit of the project."""

from __future__ import annotations

import os
import sys
import warnings

import click

from edgeclip.cli.commands import edgeclip
from edgeclip.errors import EdgeclipError


def main() -> None:
    """Run the command line and exit with 0, 1 (failed, one line on stderr) or 2 (wrong use)."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    warnings.showwarning = _show_warning  # the usual form is two lines, one of them of code
    # Pillow's remarks on odd files would stand between the lines that say what was done about them.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        code = edgeclip.main(arguments, prog_name="edgeclip", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _failed("interrupted.", 130)
    except BrokenPipeError:
        # Whoever reads our output has seen enough, as with `| head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except EdgeclipError as error:
        return _failed(str(error), 1)
    except OSError as error:
        return _failed(f"{error.filename or 'a file'}: {error.strerror or error}.", 1)
    except Exception as error:
        if os.environ.get("EDGECLIP_DEBUG"):
            raise
        kind = type(error).__name__
        return _failed(f"internal error ({kind}: {error}). EDGECLIP_DEBUG=1 shows where.", 1)


def _failed(message: str, code: int) -> int:
    click.echo("edgeclip: " + " ".join(message.split()), err=True)
    return code


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    click.echo(f"edgeclip: warning: {' '.join(str(message).split())}", err=True)
