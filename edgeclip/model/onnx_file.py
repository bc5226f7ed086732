"""Look into an ONNX file, without the onnx package, for data that it keeps outside itself.

A graph may name other files for its weights, and onnxruntime before 1.27 opens them wherever they
lie (``../x``, absolute paths, links).  Models of this project are single files, so any external
data is a reason to refuse.  The walk follows onnx.proto's field numbers and skips the weights.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from edgeclip.errors import ModelError

# Message → field number → message, from onnx.proto; all other fields are skipped.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external", 14: "location"},
}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_EXTERNAL = 1
_TAG_BITS = 0xFFFFFFFF  # protobuf drops the bits above
_MAX_DEPTH = 64


def refuse_external_data(path: Path) -> None:
    """Read the structure of an ONNX file and refuse tensors that live in other files.

    Raises:
        ModelError: the file names external data, or is no ONNX file.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            external = _keeps_external_data(data)
    except (IndexError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no ONNX file ({error}). Copy it again.") from error
    if external:
        raise ModelError(
            f"{path} keeps its weights in other files, which a model folder may not. "
            "Save it as a single file: onnx.save(onnx.load(path), path)"
        )


def _keeps_external_data(data: mmap.mmap) -> bool:
    waiting = [("model", 0, len(data), 0)]
    while waiting:
        message, start, end, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        for field, kind, value, stop in _fields(data, start, end):
            inner = _FIELDS[message].get(field)
            if inner == "external" or (inner == "location" and value == _EXTERNAL):
                return True
            if inner in _FIELDS and kind == _BYTES:
                waiting.append((inner, value, stop, depth + 1))
    return False


def _fields(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield field number, wire type, value (for bytes: where they start) and where it stops."""
    while at < end:
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, stop = _varint(data, at)
        elif kind == _BYTES:
            length, value = _varint(data, at)
            stop = value + length
        elif kind in (_FIXED32, _FIXED64):
            value, stop = at, at + (4 if kind == _FIXED32 else 8)
        else:
            raise ValueError(f"unknown wire type {kind}")
        if stop > end:
            raise ValueError("cut short")
        yield (tag & _TAG_BITS) >> 3, kind, value, stop
        at = stop


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a number is too long")
