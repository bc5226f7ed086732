"""Rewrite a model folder with variants that were measured, in one step."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeclip.errors import ExportError, ParityError
from edgeclip.model import verify
from edgeclip.model.goldens import TEXTS
from edgeclip.model.manifest import Manifest
from edgeclip.model.model import Model
from edgeclip.model.tokens import Tokenizer
from edgeclip.model.towers import ImageTower, TextTower, reference
from edgeclip.model.writer import bare, write_model
from edgeclip_export.precision import graph, pictures
from edgeclip_export.precision.measure import Ruler
from edgeclip_export.precision.texts import COUNT, texts
from edgeclip_export.precision.tower import Outcome, Work, make
from edgeclip_export.smaller import REFERENCE

_GOLDEN_COSINE = 0.98
"""What boards must reach once the reference form is gone: other CPUs round int8 differently."""


@dataclass(frozen=True)
class Request:
    """What is to be made of a model folder."""

    manifest: Manifest
    precision: Sequence[str]
    calibration: Path | None
    scratch: Path
    tell: Callable[[str], None]

    @property
    def names(self) -> list[str]:
        """The variants to make."""
        return [name for name in dict.fromkeys(self.precision) if name != REFERENCE]


def rewrite(
    folder: Path,
    precision: Sequence[str],
    calibration: Path | None,
    output: Path,
    tell: Callable[[str], None],
) -> Path:
    """Make variants and write the model folder anew with those that passed.

    Args:
        folder: of the model.
        precision: of `edgeclip_export.smaller.PRECISIONS`.
        calibration: a folder of pictures; None: no static int8.
        output: where the new folder shall stand; it may be ``folder``.
        tell: is told each step.

    Raises:
        ExportError: a name is unknown, or the folder of pictures is none.
        ParityError: nothing that was asked for could be made.
    """
    manifest = Manifest.load(folder)
    # Also what is only carried over: a new hash must not make a damaged file a good one.
    files: dict[str, Path | bytes] = {name: manifest.verified(name) for name in manifest.files}
    with tempfile.TemporaryDirectory(prefix="edgeclip-quantize-") as scratch:
        request = Request(manifest, precision, calibration, Path(scratch), tell)
        found = {name: _outcomes(request, name) for name in ("text", "image")}
    _demand(found, request.names)
    record = bare(manifest.record)
    for tower, outcomes in found.items():
        if record[tower] is not None:
            files |= _enter(record[tower], tower, outcomes)
            _drop_reference(record[tower], precision)
    named = _graphs(record)
    kept = {name: file for name, file in files.items() if name in named or _is_no_graph(name)}
    changed = any(record[tower] and record[tower]["default"] != manifest.record[tower]["default"]
                  for tower in found)  # fmt: skip
    return write_model(output, record, kept, check=_goldens if changed else _sound)


def _demand(found: dict[str, list[Outcome]], names: list[str]) -> None:
    """Refuse to write a folder in which nothing has changed."""
    outcomes = [(tower, outcome) for tower, many in found.items() for outcome in many]
    if names and not any(outcome.data for _, outcome in outcomes):
        reasons = "; ".join(f"{tower} {one.name}: {one.reason}" for tower, one in outcomes)
        raise ParityError(f"nothing was made and the folder is as it was. {reasons}")


def _outcomes(request: Request, name: str) -> list[Outcome]:
    """Make the variants of one tower; none when there is no such tower."""
    manifest: Manifest = request.manifest
    tower = manifest.tower(name)
    if tower is None:
        return []
    scratch = request.scratch / name
    scratch.mkdir()
    file = manifest.verified(tower.variants[reference(tower)].file)
    # The reference form stands already, and must not give way to what is compared with it.
    asked = [one for one in request.names if one != reference(tower)]
    try:
        model = graph.folded(file, scratch)
        if graph.is_narrow(model):
            asked = [one for one in asked if one not in tower.variants]
            raise ExportError("its weights are int8 already. Export the model again for more.")
    except ExportError as error:
        return [Outcome(one, reason=str(error)) for one in asked]
    made = []
    work, why_not = _work(request, tower, model, file, scratch)
    for one in asked:
        request.tell(f"{name} {one}")
        made.append(make(work, one, why_not))
    return made


def _work(
    request: Request, tower: ImageTower | TextTower, model: Any, file: Path, scratch: Path
) -> tuple[Work, str]:
    """Return what the variants are made of, and why there are no pictures where they are needed."""
    if isinstance(tower, TextTower):
        tokenizer = Tokenizer.load(request.manifest, tower)
        rows = [tokenizer([text]) for text in texts()]
        odd = [tokenizer([text]) for text in TEXTS]
        return Work(
            model,
            file,
            Ruler(tower, file, rows, f"{COUNT} texts", goldens=odd),
            scratch,
            request.tell,
        ), ""
    request.tell("reading pictures")
    prepared = Model.load(request.manifest.folder)
    try:
        halves = pictures.halves(prepared, request.calibration)
    except pictures.TooFew as error:
        ruler = Ruler(tower, file, pictures.goldens(prepared), "the golden pictures")
        return Work(model, file, ruler, scratch, request.tell), str(error)
    golden = pictures.goldens(prepared)
    ruler = Ruler(tower, file, halves.gate, halves.over, neighbours=True, goldens=golden)
    return Work(model, file, ruler, scratch, request.tell, halves), ""


def _enter(record: dict[str, Any], tower: str, outcomes: Sequence[Outcome]) -> dict[str, bytes]:
    """Enter what was made and refused into a tower's record; return the new files."""
    files: dict[str, bytes] = {}
    refused = dict(record.get("refused", {}))
    for outcome in outcomes:
        refused.pop(outcome.name, None)
        if not outcome.data:
            if outcome.name in record["variants"] and outcome.agreement is None:
                continue  # nothing was found against the one that stands
            refused[outcome.name] = outcome.refusal()
            if record["default"] != outcome.name:
                record["variants"].pop(outcome.name, None)
            continue
        file = f"{tower}.{outcome.name}.onnx"
        files[file] = outcome.data
        record["variants"][outcome.name] = outcome.entry(file)
    record.pop("refused", None)
    if refused:
        record["refused"] = refused
    return files


def _drop_reference(record: dict[str, Any], precision: Sequence[str]) -> None:
    """Leave fp32 out where it was not asked for and another variant can stand in on a CPU."""
    variants = record["variants"]
    others = [
        name for name in precision if name in variants and not variants[name].get("providers")
    ]
    if REFERENCE in precision or REFERENCE not in variants or not others:
        return
    del variants[REFERENCE]
    if record["default"] == REFERENCE:
        record["default"] = others[0]


def _graphs(record: dict[str, Any]) -> set[str]:
    """Return the names of the graphs that a record names."""
    towers = [record[tower] for tower in ("image", "text") if record[tower] is not None]
    entries = [entry for tower in towers for entry in tower["variants"].values()]
    entries += [tower["pixels"] for tower in towers if "pixels" in tower]
    return {entry["file"] for entry in entries}


def _is_no_graph(name: str) -> bool:
    return not name.endswith(".onnx")


def _sound(folder: Path) -> None:
    """Read the new folder as a board will."""
    Manifest.load(folder)


def _goldens(folder: Path) -> dict[str, Any]:
    """Replay the goldens with the new default variants, and state what a board must reach.

    Raises:
        ParityError: they are too far off.
    """
    goldens = dict(Manifest.load(folder).record.get("goldens") or {})
    if not goldens:
        raise ParityError(
            "the model has no goldens that could stand in for fp32. Keep fp32: --precision fp32,…"
        )
    wanted = min(float(goldens.get("least_cosine", verify.LEAST_COSINE)), _GOLDEN_COSINE)
    found = verify.replay(Model.load(folder))
    low = [f"{tower} {cosine:.4f}" for tower, cosine in found.items() if not cosine >= wanted]
    if low:
        raise ParityError(
            f"without fp32 the goldens come out too far off ({', '.join(low)}; {wanted} is "
            "wanted). Keep fp32: --precision fp32,…"
        )
    return {"goldens": {**goldens, "least_cosine": wanted}}
