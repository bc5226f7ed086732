"""External data, wherever a graph may name it; the onnx package writes the files."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgeclip.errors import ModelError
from edgeclip.model.onnx_file import refuse_external_data
from tests import folders, tiny

PLACES = ["../../etc/passwd", "/dev/zero", "weights.bin", ""]


def weights(name="w", external=True, location="weights.bin"):
    tensor = numpy_helper.from_array(np.ones(4, np.float32), name)
    if external:
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=location)
    return tensor


def values(name="x"):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [4])


def graph(nodes=None, **options):
    nodes = nodes if nodes is not None else [helper.make_node("Identity", ["x"], ["y"])]
    return helper.make_graph(nodes, "g", [values("x")], [values("y")], **options)


def model(inner=None, **options):
    return helper.make_model(inner or graph(), ir_version=10, **options)


def sparse(tensor):
    pair = onnx.SparseTensorProto(dims=[9])
    pair.values.CopyFrom(tensor)
    pair.indices.CopyFrom(numpy_helper.from_array(np.arange(4)))
    return pair


def sparse_indices(tensor):
    pair = onnx.SparseTensorProto(dims=[9])
    pair.values.CopyFrom(weights(external=False))
    pair.indices.CopyFrom(tensor)
    return pair


def constant(**value):
    return helper.make_node("Constant", [], ["y"], **value)


def attribute(node, **fields):
    node.attribute.append(onnx.AttributeProto(name="a", **fields))
    return node


def node():
    return helper.make_node("Identity", ["x"], ["y"])


def function(*nodes, attributes=()):
    made = helper.make_function("d", "F", ["x"], ["y"], list(nodes), [helper.make_opsetid("", 20)])
    made.attribute_proto.extend(attributes)
    return model(functions=[made])


def training(**fields):
    made = model()
    made.training_info.append(onnx.TrainingInfoProto(**fields))
    return made


# Every field of onnx.proto that leads to a tensor.
WAYS = {
    "initialiser": lambda t: model(graph(initializer=[t])),
    "second initialiser": lambda t: model(graph(initializer=[weights("a", False), t])),
    "sparse initialiser": lambda t: model(graph(sparse_initializer=[sparse(t)])),
    "sparse indices": lambda t: model(graph(sparse_initializer=[sparse_indices(t)])),
    "constant": lambda t: model(graph([constant(value=t)])),
    "list of tensors": lambda t: model(graph([attribute(node(), tensors=[t])])),
    "sparse constant": lambda t: model(graph([constant(sparse_value=sparse(t))])),
    "list of sparse": lambda t: model(graph([attribute(node(), sparse_tensors=[sparse(t)])])),
    "subgraph": lambda t: model(graph([attribute(node(), g=graph(initializer=[t]))])),
    "list of subgraphs": lambda t: model(
        graph([attribute(node(), graphs=[graph(), graph(initializer=[t])])])
    ),
    "subgraph of a subgraph": lambda t: model(
        graph([attribute(node(), g=graph([attribute(node(), g=graph([constant(value=t)]))]))])
    ),
    "function": lambda t: function(constant(value=t)),
    "default of a function": lambda t: function(
        node(), attributes=[onnx.AttributeProto(name="a", t=t)]
    ),
    "training": lambda t: training(algorithm=graph(initializer=[t])),
    "training start": lambda t: training(initialization=graph(initializer=[t])),
}


@pytest.fixture
def put(tmp_path):
    def write(data):
        (tmp_path / "graph.onnx").write_bytes(data)
        return tmp_path / "graph.onnx"

    return write


@pytest.mark.parametrize("way", WAYS)
def test_external_data_is_found(put, way):
    for location in PLACES:
        path = put(WAYS[way](weights(location=location)).SerializeToString())
        with pytest.raises(ModelError, match="other files") as caught:
            refuse_external_data(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("way", WAYS)
def test_data_inside_the_file_is_left_alone(put, way):
    inside = weights(external=False)
    refuse_external_data(put(WAYS[way](inside).SerializeToString()))
    inside.data_location = TensorProto.DEFAULT
    refuse_external_data(put(WAYS[way](inside).SerializeToString()))


@pytest.mark.parametrize("half", ["data_location", "external_data"])
def test_either_sign_of_external_data_is_enough(put, half):
    tensor = weights()
    tensor.ClearField(half)
    with pytest.raises(ModelError, match="other files"):
        refuse_external_data(put(WAYS["initialiser"](tensor).SerializeToString()))


def test_what_onnx_saves_beside_the_model(tmp_path):
    loaded = onnx.load_from_string(tiny.image_graph())
    onnx.save(loaded, tmp_path / "in.onnx")
    refuse_external_data(tmp_path / "in.onnx")
    onnx.save(loaded, tmp_path / "out.onnx", save_as_external_data=True, size_threshold=0)
    with pytest.raises(ModelError, match="other files"):
        refuse_external_data(tmp_path / "out.onnx")


def test_real_graphs_pass(put):
    refuse_external_data(put(tiny.image_graph()))
    refuse_external_data(put(tiny.text_graph()))
    refuse_external_data(put(folders.image_graph_with(folders.half_input)))


def test_names_that_look_like_external_data_are_harmless(put):
    made = model(graph(initializer=[weights("external_data", False)]), producer_name="location")
    made.metadata_props.add(key="location", value="../x")
    refuse_external_data(put(made.SerializeToString()))


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(tag, body):
    return varint(tag) + varint(len(body)) + body


def test_an_overlong_tag_hides_nothing(put):
    """protobuf drops the bits of a tag above the 32nd, so field 13 can be written another way."""
    entry = b"\x0a\x08location\x12\x04/x.y"
    tensor = b"\x08\x04\x10\x01" + field((13 << 3 | 2) + (1 << 32), entry)
    data = b"\x08\x0a" + field(7 << 3 | 2, field(5 << 3 | 2, tensor))
    try:
        parsed = onnx.load_from_string(data).graph.initializer[0].external_data
    except Exception:
        parsed = ["refused"]  # by this protobuf; others differ
    assert len(parsed) in (0, 1)
    with pytest.raises(ModelError):
        refuse_external_data(put(data))


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><body>not found</body></html>", b"\x0b\x0b", b"\xff" * 40, b"PK\x03\x04" * 9],
    ids=["empty", "html", "groups", "long number", "zip"],
)
def test_what_is_no_onnx_file(put, data):
    with pytest.raises(ModelError, match="is no ONNX file") as caught:
        refuse_external_data(put(data))
    assert str(put(data)) in str(caught.value)


def test_cut_files_are_refused(put):
    """A cut at the end of a field leaves a shorter message: protobuf itself cannot tell."""
    data = tiny.image_graph()
    for point in range(1, len(data), 97):
        try:
            refuse_external_data(put(data[:point]))
        except ModelError as error:
            assert "is no ONNX file" in str(error)
        else:
            onnx.load_from_string(data[:point])


def test_a_missing_file_is_told_by_the_system(tmp_path):
    with pytest.raises((ModelError, FileNotFoundError)):
        refuse_external_data(tmp_path / "absent.onnx")


def test_deep_nesting_ends(put):
    inner = b""
    for _ in range(3000):
        inner = (
            field(7 << 3 | 2, inner)
            if not inner
            else field(1 << 3 | 2, field(5 << 3 | 2, field(6 << 3 | 2, inner)))
        )
    with pytest.raises(ModelError, match="nested too deeply"):
        refuse_external_data(put(field(7 << 3 | 2, inner)))


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    path.write_bytes(data)
    try:
        refuse_external_data(path)
    except ModelError as error:
        assert "\n" not in str(error)


@given(st.integers(0, 8000), st.integers(0, 7))
def test_flipped_bits_are_answered(tmp_path_factory, at, bit):
    data = bytearray(tiny_bytes())
    data[at % len(data)] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped.onnx"
    path.write_bytes(data)
    try:
        refuse_external_data(path)
    except ModelError as error:
        assert "\n" not in str(error)


def tiny_bytes(made=[]):  # noqa: B006
    if not made:
        made.append(tiny.image_graph())
    return made[0]
