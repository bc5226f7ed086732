"""Run every benchmark in a process of its own and write ``benchmarks/results.md``."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks import measure

# Module → environment.  One-thread figures need every library to keep to one thread.
_OFF = {"EDGECLIP_CONFIG": "off"}  # what somebody tuned here is not what is measured
_ONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
BENCHMARKS: dict[str, dict[str, str]] = {
    "image_tower": _ONE,
    "pictures": {},
    "cold_start": {},
    "options": {},
    "precision": {},
    "variants": {},
    "models": _ONE,
    "tuned": {},
    "coach": {},
    "memory": {},
    "loop": {},
    "cameras": {},
    "service": {},
    "fleet": {},
    "folder": {},
    "bulk": {},
    "index": {},
    "groups": {},
    "duplicates": {},
    "background": {},
    "nothing": {},
    "teach": {},
}
_WHOLE = ("precision", "variants")
"""Those of which the README shows every row; of the others those that have a target."""
RESULTS = Path(__file__).parent / "results.md"
README = Path(__file__).parent.parent / "README.md"
_BEGIN, _END = "<!-- figures -->", "<!-- end of figures -->"


def main(arguments: list[str]) -> None:
    """Run the benchmarks that are named, or all of them, and write the results."""
    if arguments[:1] == ["--child"]:
        print(json.dumps([asdict(row) for row in import_module(arguments[1]).rows()]))
        return
    found = {name: _run(name) for name in arguments or BENCHMARKS}
    text = _markdown(found)
    print(text)
    if not arguments:
        RESULTS.write_text(text)
        _copy_to_readme(found)


def _run(name: str) -> list[measure.Row]:
    command = [sys.executable, "-m", "benchmarks", "--child", f"benchmarks.{name}"]
    print(f"{name} …", file=sys.stderr)
    environment = os.environ | _OFF | BENCHMARKS[name]
    child = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return [measure.Row(**row) for row in json.loads(child.stdout.splitlines()[-1])]


def _copy_to_readme(found: dict[str, list[measure.Row]]) -> None:
    """Put the figures that count into the README, so that it cannot fall behind."""
    before, rest = README.read_text().split(_BEGIN)
    _, after = rest.split(_END)
    lines = ["", "| what | figure | target | detail | command |", "|---|---|---|---|---|"]
    lines += [
        _line(name, row, met=False)
        for name, rows in found.items()
        for row in rows
        if row.target or name in _WHOLE
    ]
    README.write_text(before + _BEGIN + "\n".join([*lines, ""]) + _END + after)


def _markdown(found: dict[str, list[measure.Row]]) -> str:
    lines = [
        "# Results",
        "",
        "Ratios and cosines within one run, made by `make bench`. MobileCLIP-S2 has seeded random",
        "weights here: they cost the same time as trained ones and mean nothing. Absolute times",
        "are this machine's alone.",
        "",
        f"Machine: {measure.machine()}. {datetime.date.today():%Y-%m-%d}.",
        "",
        "| what | figure | target | met | detail | command |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in found.items():
        lines += [_line(name, row, met=True) for row in rows]
    return "\n".join(lines) + "\n"


def _line(name: str, row: measure.Row, *, met: bool) -> str:
    cells = [row.what, f"{row.figure:.{row.digits}f}", row.target, *([row.met] if met else [])]
    return f"| {' | '.join([*cells, row.detail, f'`python -m benchmarks {name}`'])} |"


if __name__ == "__main__":
    main(sys.argv[1:])
