"""A model folder of a few kilobytes, made in milliseconds: two real graphs and a real tokenizer.

Run ``python -m tests.tiny FOLDER`` to have one on disk.
"""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from edgeclip.model import verify
from edgeclip.model.model import Model
from edgeclip.model.writer import write_model

SIZE, DIM, CONTEXT, VOCABULARY = 32, 16, 24, 260
START, END = 258, 259
_CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
_CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def _random(name: str, *shape: int, scale: float = 1.0) -> onnx.TensorProto:
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    values = np.random.default_rng(seed).normal(size=shape) * scale
    return numpy_helper.from_array(values.astype(np.float32), name)


def _save(nodes: list[Any], inputs: list[Any], outputs: list[str], weights: list[Any]) -> bytes:
    # Raw and unit length, as every graph of the project has them.
    raw, unit = outputs
    nodes = [
        *nodes,
        helper.make_node("ReduceL2", [raw, "last"], ["length"], keepdims=1),
        helper.make_node("Div", [raw, "length"], [unit]),
    ]
    weights = [*weights, numpy_helper.from_array(np.array([-1], np.int64), "last")]
    answers = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", DIM]) for name in outputs
    ]
    graph = helper.make_graph(nodes, "tiny", inputs, answers, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def image_graph(batch: str | int = "n") -> bytes:
    """Two strided convolutions and a projection: sees colour and place."""
    nodes = [
        helper.make_node("Conv", ["pixel_values", "w1"], ["a"], strides=[4, 4]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], strides=[4, 4]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "w3"], ["image_features"]),
    ]
    weights = [
        _random("w1", 8, 3, 4, 4, scale=0.2),
        _random("w2", 8, 8, 4, 4, scale=0.2),
        _random("w3", 32, DIM, scale=0.2),
    ]
    shape = [batch, 3, SIZE, SIZE]
    inputs = [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, shape)]
    return _save(nodes, inputs, ["image_features", "image_embeds"], weights)


def text_graph() -> bytes:
    """Embedding plus position, a nonlinearity and a mean: sees words and their order."""
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["e"]),
        helper.make_node("Mul", ["e", "position"], ["p"]),
        helper.make_node("Tanh", ["p"], ["t"]),
        helper.make_node("ReduceMean", ["t", "axis"], ["m"], keepdims=0),
        helper.make_node("MatMul", ["m", "w"], ["text_features"]),
    ]
    weights = [
        _random("table", VOCABULARY, 12),
        _random("position", CONTEXT, 12),
        _random("w", 12, DIM),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", CONTEXT])]
    return _save(nodes, inputs, ["text_features", "text_embeds"], weights)


def tokenizer_json() -> bytes:
    """Byte-level BPE without merges: a token a byte, between a start and an end token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: i for i, letter in enumerate(letters)}
    vocabulary |= {"<pad>": 256, "<unk>": 257, "<start>": START, "<end>": END}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", START), ("<end>", END)]
    )
    return tokenizer.to_str().encode()


RECORD: dict[str, Any] = {
    "name": "tiny",
    "family": "tiny",
    "dim": DIM,
    "logit_scale": 20.0,
    "image": {
        "size": SIZE,
        "resize": "shortest",
        "filter": "bilinear",
        "crop": "center",
        "mean": _CLIP_MEAN,
        "std": _CLIP_STD,
        "trained_mean": _CLIP_MEAN,
        "trained_std": _CLIP_STD,
        "input": "pixel_values",
        "outputs": {"raw": "image_features", "unit": "image_embeds"},
        "variants": {"fp32": {"file": "image.onnx", "agreement": None}},
        "default": "fp32",
    },
    "text": {
        "cleaning": ["ftfy", "html", "html", "whitespace", "lower"],
        "context_length": CONTEXT,
        "padding": "full",
        "pad_id": 0,
        "end_id": END,
        "tokenizer": "tokenizer.json",
        "input": "input_ids",
        "input_dtype": "int64",
        "outputs": {"raw": "text_features", "unit": "text_embeds"},
        "templates": ["a photo of a {}."],
        "variants": {"fp32": {"file": "text.onnx", "agreement": None}},
        "default": "fp32",
    },
    "source": {"kind": "formula", "weights_sha256": hashlib.sha256(b"tiny").hexdigest()},
    "license": {
        "name": "Apache License 2.0",
        "spdx": "Apache-2.0",
        "url": "https://www.apache.org/licenses/LICENSE-2.0",
        "commercial_use": True,
        "consequence": "Free to use, also in products.",
    },
    "accuracy": [],
    "made_by": {"script": "tests/tiny.py"},
    "parity": None,
}


def make(folder: Path, **changes: Any) -> Path:
    """Write the tiny model to ``folder``; ``changes`` replace parts of its record."""
    record = {**copy.deepcopy(RECORD), "name": folder.name, **changes}
    files = {"image.onnx": image_graph()}
    if record["text"] is not None:
        files |= {"text.onnx": text_graph(), "tokenizer.json": tokenizer_json()}
    return write_model(folder, record, files, check=_goldens)


def _goldens(folder: Path) -> dict[str, Any]:
    return {
        "goldens": verify.compute_goldens(Model.load(folder), by="onnxruntime, by tests/tiny.py")
    }


if __name__ == "__main__":
    print(json.dumps(str(make(Path(sys.argv[1])))))
