"""Each variant of a tower against fp32, torch eager, bare onnxruntime and OpenVINO, on one thread.

All of one tower stand ready in processes of their own and run in turn, so that a busy machine slows
all alike.  OpenVINO gets the same graph, in an environment of its own, which ``make bench`` makes.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks import measure
from benchmarks.material import ROOT, quantised_s2, quantised_starter
from edgeclip.model.manifest import Manifest

OPENVINO = ROOT / ".venv" / "openvino" / "bin" / "python"
_CHILD = Path(__file__).with_name("contender.py")
_ROUNDS, _RUNS = 9, 3
_BARE = "bare onnxruntime"


class Contender:
    """A process that runs one tower when it is asked."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "export")])},
        )
        while (line := self._read()) != "ready":
            print(line, file=sys.stderr)

    def __enter__(self) -> Contender:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def seconds(self, runs: int) -> list[float]:
        """Run that often."""
        assert self._process.stdin
        self._process.stdin.write(f"{runs}\n")
        self._process.stdin.flush()
        found: list[float] = json.loads(self._read())
        return found

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a contender ended: {' '.join(map(str, self._process.args))}")  # type: ignore[arg-type]
        return line.strip()


def rows() -> list[measure.Row]:
    """Measure and return the rows."""
    models = {"MobileCLIP-S2": quantised_s2(), "starter": quantised_starter()}
    return [
        row
        for title, folder in models.items()
        for tower in ("image", "text")
        for row in _tower_rows(title, Manifest.load(folder), tower)
    ]


def _tower_rows(title: str, manifest: Manifest, tower: str) -> Iterator[measure.Row]:
    seconds = _measured(_commands(manifest, tower))
    entry = manifest.image if tower == "image" else manifest.text
    assert entry
    reference = _reference(entry.variants)
    for name in entry.variants:
        size = manifest.files[entry.variants[name].file].bytes
        first = manifest.files[entry.variants[reference].file].bytes
        if name != reference:
            yield measure.Row(
                f"{title}, {tower} tower, {name}: size against {reference}",
                size / first,
                "<= 0.30" if (tower, name, reference) == ("text", "int8", "fp32") else "",
                f"{size / 1e6:.1f} against {first / 1e6:.1f} MB",
            )
        against = reference if name != reference else _BARE
        ratios = [
            f"{measure.ratio(seconds[name], seconds[other]):.2f} of {other}"
            for other in (_BARE, "torch eager", "OpenVINO")
            if other != against
        ]
        both = f"{measure.median_ms(seconds[name])} against {measure.median_ms(seconds[against])}"
        yield measure.Row(
            f"{title}, {tower} tower, {name}, one thread: time against {against}",
            measure.ratio(seconds[name], seconds[against]),
            "<= 0.45" if (title, tower, name) == ("MobileCLIP-S2", "text", "int8") else "",
            f"{both}; {', '.join(ratios)}",
        )


def _reference(variants: Mapping[str, object]) -> str:
    return "fp32" if "fp32" in variants else next(iter(variants))


def _commands(manifest: Manifest, tower: str) -> dict[str, list[str]]:
    """Return how each contender is started; those that are not ours run the reference form."""
    entry = manifest.image if tower == "image" else manifest.text
    assert entry
    graph = str(manifest.folder / entry.variants[_reference(entry.variants)].file)
    shape = ["1x" + entry.sides, entry.input_dtype]
    if entry.sides == "128":  # the starter reads what there is, others a whole context
        shape[0] = "1x16"
    ours = {
        name: ["edgeclip", str(manifest.folder), f"{tower}:{name}"]
        for name, variant in entry.variants.items()
        if variant.providers is None
    }
    theirs = {
        _BARE: ["onnxruntime", graph, ""],
        "torch eager": ["torch", manifest.name, tower],
        "OpenVINO": ["openvino", graph, ""],
    }
    return {
        name: [
            str(OPENVINO) if what[0] == "openvino" else sys.executable,
            str(_CHILD),
            *what,
            *shape,
        ]
        for name, what in {**ours, **theirs}.items()
    }


def _measured(commands: Mapping[str, list[str]]) -> dict[str, list[float]]:
    """Return the median of each round for each contender, the rounds in turn."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    with ExitStack() as stack:
        ready = {name: stack.enter_context(Contender(c)) for name, c in commands.items()}
        for _ in range(_ROUNDS):
            for name, contender in ready.items():
                found[name].append(statistics.median(contender.seconds(_RUNS)))
    return found
