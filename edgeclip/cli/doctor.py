"""``edgeclip doctor``: is all well on this board?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgeclip.cli import indexes, options, output
from edgeclip.errors import EdgeclipError

if TYPE_CHECKING:
    from edgeclip.device.doctor.findings import Finding

_SHOWN = {"ok": "ok", "warning": "warning", "failed": "FAILED"}


@click.command("doctor")
@click.option("-m", "--model", help="Name or folder of the model (EDGECLIP_MODEL).")
@options.models_folder
@indexes.index_option
@click.option("--quick", is_flag=True, help="Leave out the goldens and the pages of the index.")
@options.timeout("Seconds for onnxruntime to start, and for the goldens.", default=600.0)
@options.as_json
def doctor_command(
    model: str | None,
    models: Path | None,
    index: Path | None,
    quick: bool,
    timeout_s: float,
    as_json: bool,
) -> None:
    """Look for faults of this board, its packages, model and index.

    Nothing is changed. Exit code 1 means that something failed; warnings alone leave it at 0.
    """
    from edgeclip.device.doctor.diagnosis import diagnose

    found = diagnose(
        indexes.index_path(index), model=model, models=models, quick=quick, timeout_s=timeout_s
    )
    told = list(found if as_json else _printed(found))
    failed = [each for each in told if each.state == "failed"]
    warnings = sum(each.state == "warning" for each in told)
    if as_json:
        findings = [asdict(each) for each in told]
        output.json_line({"findings": findings, "failed": len(failed), "warnings": warnings})
    else:
        output.say(_summary(len(failed), warnings))
    if failed:
        raise EdgeclipError(f"{_summary(len(failed), 0)}. The first: {failed[0].message}")


def _printed(found: Iterable[Finding]) -> Iterator[Finding]:
    """Print each line as soon as it is known: the goldens may take a minute."""
    for each in found:
        message = output.printable(each.message)
        output.say(f"{_SHOWN[each.state]:<8} {each.check:<12} {message}")
        if each.command is not None:
            output.say(f"{'':<21} next: {output.printable(each.command)}")
        yield each


def _summary(failed: int, warnings: int) -> str:
    if not failed and not warnings:
        return "all is well"
    parts = [f"{failed} failed"] if failed else []
    parts += [output.counted(warnings, "warning")] if warnings else []
    return ", ".join(parts)
