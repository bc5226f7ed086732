"""Make the variants of one tower and decide about each: accepted with figures, or refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from edgeclip.errors import ExportError
from edgeclip.model.child import ChildFailed
from edgeclip.model.towers import Agreement, ImageTower
from edgeclip_export.precision import dynamic, graph, half, static, stored
from edgeclip_export.precision.measure import Gate, Ruler
from edgeclip_export.precision.narrow import narrow
from edgeclip_export.precision.pictures import Halves, Tensors
from edgeclip_export.precision.ranges import calibrate
from edgeclip_export.precision.search import Trial, settle

_HARM_INPUTS = 8
_LARGEST = 0.9
"""Of the reference's bytes: a variant that only saves flash must save some."""
TEXT = Gate(mean=0.999, least=0.995, time_ratio=0.95)
IMAGE = Gate(mean=0.99, least=0.98, time_ratio=0.95, neighbours=0.95)
STORED = Gate(mean=0.999, least=0.99, time_ratio=1.05, neighbours=0.95)
HALF = Gate(mean=0.999, least=0.99, time_ratio=0.0, neighbours=0.0)


@dataclass(frozen=True)
class Outcome:
    """What became of one variant."""

    name: str
    data: bytes = b""
    """The graph; empty when it was refused."""
    reason: str = ""
    """Why it was refused."""
    agreement: Agreement | None = None
    time_ratio: float | None = None
    providers: Sequence[str] | None = None
    returned: int = 0
    """Layers that went back to fp32."""

    def entry(self, file: str) -> dict[str, Any]:
        """Return the variant's entry of ``model.json``."""
        said: dict[str, Any] = {"file": file, "agreement": self._agreement()}
        said |= {} if self.providers is None else {"providers": list(self.providers)}
        said |= {} if self.time_ratio is None else {"time_ratio": self.time_ratio}
        return said | ({"fp32_layers": self.returned} if self.returned else {})

    def refusal(self) -> dict[str, Any]:
        """Return the entry of ``refused``."""
        return {
            "reason": self.reason,
            "agreement": self._agreement(),
            "time_ratio": self.time_ratio,
        }

    def _agreement(self) -> dict[str, Any] | None:
        if self.agreement is None:
            return None
        return {key: value for key, value in asdict(self.agreement).items() if value is not None}


@dataclass(frozen=True)
class Work:
    """What the variants of a tower are made of and measured with."""

    model: onnx.ModelProto
    """In fp32, constants computed."""
    reference: Path
    ruler: Ruler
    scratch: Path
    tell: Callable[[str], None]
    halves: Halves | None = None
    """The user's pictures, for the image tower."""

    @property
    def is_image(self) -> bool:
        """Whether it is the image tower."""
        return isinstance(self.ruler.tower, ImageTower)

    def saved(self, data: bytes) -> Path:
        """Write a graph where it can be opened."""
        path = self.scratch / "variant.onnx"
        path.write_bytes(data)
        return path


def make(work: Work, name: str, why_not: str) -> Outcome:
    """Make one variant of a tower.

    Args:
        work: the tower.
        name: of `MAKERS`.
        why_not: why there are no pictures to calibrate on; empty where there are, and for texts.
    """
    if work.is_image and why_not and name.startswith("int8"):
        return Outcome(name, reason=why_not)
    try:
        return MAKERS[name](work)
    except Exception as error:  # graphs made elsewhere may hold what the foreign tools cannot take
        said = " ".join(str(error).split())[:300]
        return Outcome(name, reason=f"it could not be made ({said or type(error).__name__}).")


def _int8(work: Work) -> Outcome:
    gate = IMAGE if work.is_image else TEXT
    trials = _image(work, gate) if work.is_image else _text(work, gate)
    judged = [_judged(work, trial, gate) for trial in trials]
    return min(judged, key=lambda one: (not one.data, one.time_ratio))


def _judged(work: Work, trial: Trial, gate: Gate) -> Outcome:
    ratio = work.ruler.time_ratio(work.saved(trial.data), most=gate.time_ratio)
    found = Outcome("int8", trial.data, "", trial.agreement, ratio, None, trial.returned)
    if not trial.holds:
        return _refused(found, gate)
    if ratio > gate.time_ratio:
        back = f", with {trial.returned} layers in fp32 for its agreement" if trial.returned else ""
        reason = f"there is nothing to win: it takes {ratio:.2f} of fp32's time{back}."
        return replace(found, data=b"", reason=reason)
    return found


def _refused(found: Outcome, gate: Gate) -> Outcome:
    assert found.agreement is not None
    got, wanted = [], []
    for key in ("mean", "least", "neighbours"):
        value, limit = getattr(found.agreement, key), getattr(gate, key)
        if value is not None and not value >= limit:
            got.append(f"{key} {value:.4f}")
            wanted.append(f"{limit:g}")
    reason = f"it is too far from fp32: {', '.join(got)}; {', '.join(wanted)} wanted."
    return replace(found, data=b"", reason=reason)


def _text(work: Work, gate: Gate) -> list[Trial]:
    source = work.scratch / "source.onnx"
    onnx.save(work.model, source)
    few = Ruler(work.ruler.tower, work.reference, work.ruler.inputs[:_HARM_INPUTS], "")

    def attempt(chosen: Sequence[str]) -> Trial:
        data = dynamic.quantised(source, chosen, work.scratch)
        found = work.ruler.agreement(work.saved(data))
        return Trial(data, found, gate.holds(found))

    def harm(chosen: Sequence[str]) -> float:
        return few.harm(work.saved(dynamic.quantised(source, chosen, work.scratch)))

    return settle(dynamic.parts(work.model), attempt, harm, work.tell)


def _image(work: Work, gate: Gate) -> list[Trial]:
    assert work.halves is not None
    layers = graph.layers(work.model, ("Conv", "Gemm", "MatMul"))
    if not layers:
        raise ExportError("its graph has no layer with constant weights.")
    names = {layer.input for layer in layers} | {layer.output for layer in layers}
    work.tell(f"calibrating on {len(work.halves.calibrate)} pictures")
    seen = calibrate(work.model, sorted(names), work.halves.calibrate, work.scratch)
    few = Ruler(work.ruler.tower, work.reference, _few(work.halves.calibrate), "")
    weights = {layer.name: narrow(work.model, layer, seen) for layer in layers}
    written = partial(static.quantised, work.model, calibration=seen, weights=weights)

    def attempt(chosen: Sequence[graph.Layer]) -> Trial:
        data = stored.exactly_halved(written(chosen)).SerializeToString()
        found = work.ruler.agreement(work.saved(data))
        return Trial(data, found, gate.holds(found))

    def harm(chosen: Sequence[graph.Layer]) -> float:
        return few.harm(work.saved(written(chosen).SerializeToString()))

    return settle(_faster(work, layers, written), attempt, harm, work.tell)


def _few(tensors: Tensors) -> Tensors:
    return tensors[:: max(1, len(tensors) // _HARM_INPUTS)][:_HARM_INPUTS]


def _faster(
    work: Work,
    layers: Sequence[graph.Layer],
    written: Callable[[Sequence[graph.Layer]], onnx.ModelProto],
) -> list[graph.Layer]:
    """Return the layers without those in groups, or with them where that is faster."""
    dense = [layer for layer in layers if not layer.depthwise]
    if not dense or len(dense) == len(layers):
        return list(layers)
    work.tell("timing with and without depthwise layers")
    graphs = (written(some).SerializeToString() for some in (dense, layers))
    times = [work.ruler.time_ratio(work.saved(data), most=0.0) for data in graphs]
    return dense if times[0] <= times[1] else list(layers)


def _stored(name: str, form: Callable[[onnx.ModelProto], onnx.ModelProto], work: Work) -> Outcome:
    data = form(work.model).SerializeToString()
    share = len(data) / work.reference.stat().st_size
    if share > _LARGEST:
        return Outcome(name, reason=f"it takes {share:.2f} of the bytes that there are already.")
    path = work.saved(data)
    ratio = work.ruler.time_ratio(path, most=STORED.time_ratio)
    found = Outcome(name, data, "", work.ruler.agreement(path), ratio)
    assert found.agreement is not None and found.time_ratio is not None
    if not STORED.holds(found.agreement):
        return _refused(found, STORED)
    if found.time_ratio > STORED.time_ratio:
        return replace(found, data=b"", reason=f"it takes {found.time_ratio:.2f} of fp32's time.")
    return found


def _fp16(work: Work) -> Outcome:
    data = half.halved(work.model, work.ruler.tower.outputs).SerializeToString()
    outputs = work.ruler.tower.outputs
    output = outputs.get("unit") or outputs["raw"]
    some = work.ruler.inputs[: half.MOST_INPUTS]
    try:
        found = half.vectors_of_a_child(work.saved(data), output, some, work.scratch)
    except ChildFailed as error:
        return Outcome("fp16", reason=f"it was tried in another process: {error.reason}.")
    agreement = replace(
        work.ruler.compared(found),
        over=f"the first {len(some)} of {work.ruler.over}, on a CPU, which rounds the weights only",
        neighbours=None,
    )
    outcome = Outcome("fp16", data, "", agreement, None, half.PROVIDERS)
    return outcome if HALF.holds(agreement) else _refused(outcome, HALF)


MAKERS: dict[str, Callable[[Work], Outcome]] = {
    "int8": _int8,
    "fp16": _fp16,
    "fp16-weights": partial(_stored, "fp16-weights", stored.halve),
    "int8-weights": partial(_stored, "int8-weights", stored.narrowed),
}
