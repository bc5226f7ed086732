"""The preprocessing inside the image graph: 8-bit RGB pictures in, unit vectors out.

For programs in C++, JavaScript or Java that have no Pillow.  The graph does what
`edgeclip.model.images.prepare` does with an upright RGB picture and ``fit="crop"``, with standard
operators alone.  onnxruntime's antialiased Resize of uint8 is a port of Pillow's: fixed point, and
rounded to whole levels between its horizontal and its vertical pass.  Fed with floats it does not
round between them, and up to a quarter of the numbers differ instead of one in a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, compose, helper, numpy_helper, parser, version_converter

from edgeclip.errors import ExportError, ParityError
from edgeclip.model import goldens, onnx_file
from edgeclip.model.model import Model
from edgeclip.model.options import SessionOptions
from edgeclip.model.session import open_graph
from edgeclip.model.towers import Agreement, ImageTower
from edgeclip.vectors import Vector

FILE = "image.uint8.onnx"
INPUT = "pixels"
UNIT = "image_embeds"
"""Name of the output when the tower has none of unit length."""
LEAST_COSINE = 0.9999
MAX_BYTES = 2**31 - 2**24
"""Of the image graph: protobuf ends at 2 GiB, and the nodes need a little."""
OPSET, _OLDEST_OPSET = 20, 18  # Resize is antialiased from 18 on
_DTYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}
# Wide and tall (more than twice as tall as wide: see `_RESIZED`), tiny, and next to the usual size.
_ODD_SIZES = ((1, 1), (1, 9), (9, 1), (255, 257), (40, 130), (301, 950), (700, 20))
_PROVIDERS = ("CPUExecutionProvider",)  # a GPU's has no, or another, antialiased Resize

Array = NDArray[Any]

_OPENING = """
sides = Shape <start = 1, end = 3> (pixels)
number = Shape <start = 0, end = 1> (pixels)
"""
# `int(size * long / short)`: both are whole numbers, and so the quotient needs no float.
_SHORTEST = """
short = ReduceMin <keepdims = 1> (sides)
longer = Mul (sides, size)
scaled = Div (longer, short)
"""
# Pillow 13 takes the rows first when they lose more than twice what the columns lose; the rounding
# in between makes that another picture.  Resize alone always takes the columns first.  It has all
# four sizes because with its attribute `axes` onnxruntime's optimiser loses the sizes.
_RESIZED = """
lost = Sub (sides, scaled)
lost_rows, lost_columns = Split <axis = 0, num_outputs = 2> (lost)
allowed = Mul (lost_columns, two)
many = Greater (lost_rows, allowed)
fewer = Greater (lost_rows, zero)
rows_first = And (many, fewer)
height, width = Split <axis = 0, num_outputs = 2> (sides)
new_height, new_width = Split <axis = 0, num_outputs = 2> (scaled)
target = Concat <axis = 0> (number, three, scaled)
lower = Concat <axis = 0> (number, three, new_height, width)
resized = If (rows_first) <
    then_branch = rows_and_columns () => (uint8[n, c, y, x] both) {
        planes = Transpose <perm = [0, 3, 1, 2]> (pixels)
        rows = Resize RULE (planes, "", "", lower)
        both = Resize RULE (rows, "", "", target)
    },
    else_branch = columns_and_rows () => (uint8[n, c, y, x] once) {
        whole = Transpose <perm = [0, 3, 1, 2]> (pixels)
        once = Resize RULE (whole, "", "", target)
    }
>
"""
# `round((side - size) / 2)`, where a half goes to the even neighbour.
_CROPPED = """
over = Sub (scaled, size)
half = Div (over, two)
odd = Mod (half, two)
even = Add (over, odd)
start = Div (even, two)
end = Add (start, size)
cropped = Slice (resized, start, end, last_axes)
"""
_NORMALISED = """
real = Cast <to = 1> (PICTURE)
share = Div (real, full)
centred = Sub (share, mean)
tensor = Div (centred, std)
"""
# Later nodes are optimised better when they know their sizes.
_SQUARE = "ready = Reshape (tensor, square)"
_ANY = "ready = Identity (tensor)"


def with_pixels(image_graph: Path, tower: ImageTower, path: Path) -> Path:
    """Put the preprocessing in front of an image graph.

    Args:
        image_graph: any variant of the image tower; one file.
        tower: what the manifest says of it.
        path: of the file to write.  Its input ``pixels`` is ``(n, h, w, 3)`` uint8 RGB, pictures of
            one size; its output has the name of the tower's unit output: ``(n, dim)`` float32.
            ``n`` is free unless the graph fixes its batch.

    Returns:
        ``path``.

    Raises:
        ModelError: the graph keeps weights outside its file, or is none.
        ExportError: it is too large, of an operator set that cannot be brought to 18 or later, or
            has other tensors than the manifest names.
    """
    onnx_file.refuse_external_data(image_graph)
    if image_graph.stat().st_size > MAX_BYTES:
        raise ExportError(f"{image_graph.name} leaves no room in 2 GiB. Choose a smaller variant.")
    model = _modern(onnx.load_model(str(image_graph)), image_graph.name)
    _check_tensors(model.graph, tower, image_graph.name)
    _join(model, tower)
    path.write_bytes(model.SerializeToString(deterministic=True))
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"{path.name} is no sound graph: {str(error)[:200]}") from error
    return path


def compare(model: Model | Path | str, path: Path) -> Agreement:
    """Compare the graph at ``path`` with the usual way from a picture to its vector.

    Args:
        model: the model, or its folder, with the variant that the graph was made of.
        path: what `with_pixels` wrote.

    Returns:
        Cosines over the golden pictures and odd sizes.

    Raises:
        ParityError: one of them is below 0.9999.
    """
    usual = model if isinstance(model, Model) else Model.load(model)
    session = open_graph(path, SessionOptions(providers=_PROVIDERS))
    pictures = list(_pictures())
    cosines = [_cosine(_vector(session, one), usual.embed_image(one)) for one in pictures]
    least = float(np.min(cosines))
    if not least >= LEAST_COSINE:
        height, width = pictures[int(np.argmin(cosines))].shape[:2]
        raise ParityError(
            f"{path.name} differs from the usual preprocessing at {width}x{height} pixels: cosine "
            f"{least:.6f} (limit {LEAST_COSINE}). Make it of another variant, or report it with "
            "the versions of onnxruntime and Pillow."
        )
    over = f"{len(goldens.PICTURES)} golden pictures and {len(_ODD_SIZES)} odd sizes"
    return Agreement(round(float(np.mean(cosines)), 6), round(least, 6), over)


def entry(tower: ImageTower, agreement: Agreement) -> dict[str, Any]:
    """Return what ``model.json`` says of the graph, for ``pixels`` of its image tower."""
    return {
        "file": FILE,
        "input": INPUT,
        "output": _unit_name(tower),
        "agreement": {k: v for k, v in asdict(agreement).items() if v is not None},
    }


def _modern(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return the model with an operator set that has an antialiased Resize."""
    standard = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    if standard and standard[0] >= _OLDEST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except Exception as error:  # C++ errors of many kinds
        raise ExportError(
            f"{name} cannot be brought to operator set {OPSET} ({str(error)[:120]}). "
            f"Make it with operator set {_OLDEST_OPSET} or later."
        ) from error


def _check_tensors(graph: onnx.GraphProto, tower: ImageTower, name: str) -> None:
    weights = {tensor.name for tensor in graph.initializer}
    fed = [value.name for value in graph.input if value.name not in weights]
    given = [value.name for value in graph.output]
    if fed != [tower.input] or _source(tower) not in given:
        raise ExportError(
            f"{name} has the inputs {fed} and the outputs {given}; the manifest names "
            f"{tower.input!r} and {_source(tower)!r}. Export or import the model again."
        )


def _join(model: onnx.ModelProto, tower: ImageTower) -> None:
    """Put the preprocessing in front, and the unit vectors in float32 at the end."""
    graph, source = model.graph, _source(tower)
    shape = next(v.type.tensor_type.shape.dim for v in graph.output if v.name == source)
    batch, dim = tower.batch or "batch", (shape[-1].dim_value if shape else 0) or "dim"
    # Shapes of inner values are inferred again by every reader, and theirs is the batch's name.
    graph.ClearField("value_info")
    compose.add_prefix(model, "tower/", inplace=True)
    head = _head(tower, model.opset_import).graph
    fed = helper.make_node(
        "Cast", ["pixels/ready"], [f"tower/{tower.input}"], to=_DTYPES[tower.input_dtype]
    )
    nodes = [*head.node, fed, *graph.node, *_unit_nodes(tower)]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend(head.initializer)
    given = helper.make_tensor_value_info(_unit_name(tower), TensorProto.FLOAT, [batch, dim])
    graph.input.append(
        helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [batch, "height", "width", 3])
    )
    graph.output.append(given)
    if "unit" not in tower.outputs:
        graph.initializer.append(numpy_helper.from_array(np.array([-1], np.int64), "pixels/last"))


def _unit_nodes(tower: ImageTower) -> list[onnx.NodeProto]:
    found, name = f"tower/{_source(tower)}", _unit_name(tower)
    if "unit" in tower.outputs:
        return [helper.make_node("Cast", [found], [name], to=TensorProto.FLOAT)]
    raw, length = "pixels/raw", "pixels/length"
    return [
        helper.make_node("Cast", [found], [raw], to=TensorProto.FLOAT),
        helper.make_node("ReduceL2", [raw, "pixels/last"], [length]),
        helper.make_node("Div", [raw, length], [name]),
    ]


def _source(tower: ImageTower) -> str:
    return tower.outputs.get("unit") or tower.outputs["raw"]


def _unit_name(tower: ImageTower) -> str:
    return tower.outputs.get("unit", UNIT)


def _head(tower: ImageTower, opsets: Any) -> onnx.ModelProto:
    """Return the nodes from ``pixels`` to ``pixels/ready``, and their constants."""
    cropped = tower.resize == "shortest" and tower.crop == "center"
    text = _OPENING + (_SHORTEST if tower.resize == "shortest" else "")
    text += _RESIZED.replace("RULE", _rule(tower.filter)) + (_CROPPED if cropped else "")
    text += _NORMALISED.replace("PICTURE", "cropped" if cropped else "resized")
    text += _SQUARE if cropped or tower.resize == "squash" else _ANY
    graph = parser.parse_graph(
        "head (uint8[n, h, w, 3] pixels) => (float[n, c, y, x] ready) {\n" + text + "\n}"
    )
    used = {name for node in graph.node for name in node.input}
    for name, value in _constants(tower).items():
        if name in used:
            graph.initializer.append(numpy_helper.from_array(value, name))
    model = helper.make_model(graph, opset_imports=opsets)
    return compose.add_prefix(model, "pixels/", rename_inputs=False, inplace=True)


def _rule(filter: str) -> str:
    cubic = ", cubic_coeff_a = -0.5" if filter == "bicubic" else ""
    mode = "cubic" if filter == "bicubic" else "linear"
    return (
        f'<mode = "{mode}", antialias = 1, exclude_outside = 1, '
        f'coordinate_transformation_mode = "half_pixel"{cubic}>'
    )


def _constants(tower: ImageTower) -> dict[str, Array]:
    size = tower.size
    whole = {"size": [size], "zero": [0], "two": [2], "three": [3], "last_axes": [2, 3]}
    whole["square"] = [0, 3, size, size]
    if tower.resize == "squash":
        whole["scaled"] = [size, size]
    constants: dict[str, Array] = {k: np.array(v, np.int64) for k, v in whole.items()}
    constants["full"] = np.array(255, np.float32)
    constants["mean"] = np.array(tower.mean, np.float32).reshape(3, 1, 1)
    constants["std"] = np.array(tower.std, np.float32).reshape(3, 1, 1)
    return constants


def _pictures() -> Iterator[NDArray[np.uint8]]:
    yield from goldens.golden_pictures()
    for number, (width, height) in enumerate(_ODD_SIZES, 1):
        yield goldens.golden_picture("noise", width, height, number)


def _vector(session: Any, picture: NDArray[np.uint8]) -> Vector:
    """Run one picture; a graph that fixes its batch gets it as often as it wants."""
    batch = session.get_inputs()[0].shape[0]
    fed = np.repeat(picture[None], batch if isinstance(batch, int) else 1, axis=0)
    vector: Vector = session.run(None, {INPUT: fed})[0][0]
    return vector


def _cosine(ours: Vector, theirs: Vector) -> float:
    wide, other = ours.astype(np.float64), theirs.astype(np.float64)
    return float(wide @ other / (np.linalg.norm(wide) * np.linalg.norm(other)))
