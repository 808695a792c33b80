#!/usr/bin/env python3
"""Writes models that are broken, hostile or merely odd, with what is expected of the compiler.

    generate.py FOLDER

    FOLDER/NAME/model.onnx, and files beside it
    FOLDER/manifest.tsv: a line "NAME EXPECTED WHY", separated by tabs, for each case

Expected is one of
    reject   an error and exit status 1, nothing written
    limit    the same, because a limit is exceeded: never by running out of memory or time
    accept   legal, if odd: a program is written, compiles and is harmless
    runtime  the same; what is wrong shows in the inputs, for which the program must give an error or a defined result
    any      either, but no crash and no hang

What is expected follows ONNX's specification and, where that is silent, the safer choice. Cases named after an advisory
show what other importers fell for. The same bytes are written each time.
"""
import functools
import os
import pathlib
import random
import shutil
import sys

import numpy as np
from onnx import AttributeProto, StringStringEntryProto, TensorProto, helper, numpy_helper

CASES = []  # (name, expected, why, bytes, {file name: content or maker})
FLOAT, INT64, INT32, UINT32, BOOL = (getattr(TensorProto, t) for t in ("FLOAT", "INT64", "INT32", "UINT32", "BOOL"))


def case(name, expected, why, model, files=None):
    CASES.append((name, expected, why, model if isinstance(model, bytes) else model.SerializeToString(), files or {}))


def value(name, shape, element_type=FLOAT):
    return helper.make_tensor_value_info(name, element_type, shape)


def tensor(name, array, dtype=np.float32):
    return numpy_helper.from_array(np.asarray(array, dtype), name)


def ints(name, values):
    return tensor(name, values, np.int64)


def node(op, inputs, outputs, **attributes):
    return helper.make_node(op, inputs, outputs, name=f"{op}_node", **attributes)


def model(nodes, inputs, outputs, constants=(), opset=21, imports=None, **more):
    graph = helper.make_graph(nodes, "graph", inputs, outputs, list(constants))
    imports = [helper.make_opsetid(*i) for i in (imports or {"": opset}).items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, **more)


def relu(shape=(2, 3), out=(2, 3), opset=21, **more):
    """The smallest model: y = Relu(x)."""
    return model([node("Relu", ["x"], ["y"])], [value("x", shape)], [value("y", out)], opset=opset, **more)


def changed(base, change):
    change(base)
    return base


# ---- the wire format ----------------------------------------------------------------------------------------------
def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def nested(fields, depth, innermost=b""):
    """`innermost` inside `depth` rounds of these fields, the first of them outermost, without building each level's bytes."""
    headers, length = [innermost], len(innermost)
    for _ in range(depth):
        for number in reversed(fields):
            header = varint(number << 3 | 2) + varint(length)
            headers.append(header)
            length += len(header)
    return b"".join(reversed(headers))


def wire_cases():
    good = relu().SerializeToString()
    case("wire_empty", "reject", "no bytes at all", b"")
    case("wire_text", "reject", "not a protobuf file", b"What is this?\n" * 20)
    for cut in (1, 7, len(good) // 2):
        case(f"wire_cut_{cut}", "reject", f"the last {cut} bytes are missing", good[:-cut])
    case("wire_garbage_behind", "reject", "bytes that are no field follow", good + b"\xff\xff\xff")
    case("wire_length_overflow", "reject", "a length of 2^63", varint(7 << 3 | 2) + b"\xff" * 8 + b"\x7f")
    case("wire_length_beyond_parent", "reject", "a length beyond its message", field(7, varint(1 << 3 | 2) + varint(50)) + b"\0" * 50)
    case("wire_groups", "reject", "groups that never end", b"\x3b" * 5000)
    case("wire_field_0", "reject", "field number 0", b"\x02\x00" + good)
    case("wire_type_7", "reject", "a wire type that does not exist", b"\x0f\x00" + good)
    case("wire_varint_11_bytes", "reject", "a number longer than 10 bytes", b"\x08" + b"\xff" * 10 + b"\x01" + good)
    case("wire_varint_65_bits", "reject", "a number of more than 64 bits", b"\x08" + b"\xff" * 9 + b"\x02" + good)
    case("wire_packed_odd", "reject", "floats that end within one", field(7, field(5, field(4, b"\0" * 6))))
    for depth in (34, 1000, 20000, 200000):
        case(f"wire_subgraphs_{depth}", "reject", "subgraphs in subgraphs (stack overflow in protobuf-c)",
             field(7, nested((1, 5, 6), depth)))
    for depth in (60, 20000):
        kind = nested((4, 1), depth, field(1, b"\x08\x01"))
        case(f"wire_sequences_{depth}", "reject", "a sequence of sequences of ...",
             good + field(7, field(11, field(1, b"q") + field(2, kind))))
    case("wire_5_million_nodes", "limit", "10 MB that unpack to 1 GB", field(7, b"\x0a\x00" * 5_000_000))
    case("wire_many_graphs", "reject", "a field given 100 000 times, merged each time", good + field(7, field(1, b"")) * 100_000)
    case("wire_graph_twice", "accept", "a field given twice is merged", good + field(7, field(2, b"z")))
    case("wire_unknown_field", "accept", "a field of a later schema", good + field(500, b"new") + b"\xa0\x3f\x05")


# ---- names --------------------------------------------------------------------------------------------------------
NAMES = {
    "comment": b"*/ int PWNED(void){return 42;} /*", "newline": b"a\nint PWNED;\n", "backslash": b"a\\", "trigraph": b"a??/",
    "quote": b'a"); system("id"); ("', "format": b"%s%n%s", "nul": b"a\0b", "not_utf8": b"\xff\xfe\xfd\xfc",
    "surrogate": b"\xed\xa0\x80", "keyword": b"int", "reserved": b"_Bool", "digit": b"1x", "long": b"n" * 100_000,
    "right_to_left": "a\u202eb".encode(), "macro": b"EOF", "path": b"../../../tmp/pwned", "space": b" ", "symbols": b"@$%^&",
}  # fmt: skip


def name_cases():
    for what, name in NAMES.items():
        for place in ("value", "node", "graph", "dimension"):
            named = relu()
            placeholder = "placeholder"
            if place == "value":
                named.graph.node[0].input[0] = named.graph.input[0].name = placeholder
            elif place == "node":
                named.graph.node[0].name = placeholder
            elif place == "graph":
                named.graph.name = placeholder
            else:
                named.graph.input[0].type.tensor_type.shape.dim[0].dim_param = placeholder
                named.graph.output[0].type.tensor_type.shape.dim[0].dim_param = placeholder
            for message in (named, named.graph, named.graph.node[0]):
                message.doc_string = placeholder
            named.producer_name = placeholder
            named.metadata_props.append(StringStringEntryProto(key=placeholder, value=placeholder))
            case(f"name_{what}_{place}", "accept", "a name must never reach the program's text as it is",
                 replace_strings(named.SerializeToString(), placeholder.encode(), name))
    alike = [node("Add", ["a.b", "a/b"], ["a b"]), node("Relu", ["a b"], ["a_b"])]
    case("name_alike", "accept", "four names that are one identifier",
         model(alike, [value("a.b", [2]), value("a/b", [2])], [value("a_b", [2])]))
    alike = [node("Add", ["a_0", "a\xff"], ["y"])]
    case("name_bytes_alike", "accept", "names that differ in bytes that are not text",
         replace_strings(model(alike, [value("a_0", [2]), value("a\xff", [2])], [value("y", [2])]).SerializeToString(),
                         "a\xff".encode(), b"a\xff"))


def replace_strings(message, old, new):
    """The message with strings replaced; protobuf's own library refuses to write bytes that are not text. Lengths of the messages
    around are made anew."""
    out, at = b"", 0
    while at < len(message):
        tag, at = read_varint(message, at)
        if tag & 7 == 0:
            number, at = read_varint(message, at)
            out += varint(tag) + varint(number)
            continue
        length, at = read_varint(message, at)
        payload, at = message[at:at + length], at + length
        if payload == old:
            payload = new
        elif old in payload:
            payload = replace_strings(payload, old, new)
        out += varint(tag) + varint(len(payload)) + payload
    return out


def read_varint(message, at):
    number = shift = 0
    while True:
        number |= (message[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if message[at - 1] < 128:
            return number, at


# ---- graphs -------------------------------------------------------------------------------------------------------
def graph_cases():
    x, y = value("x", [2, 3]), value("y", [2, 3])
    wide = value("y", ["a", "b"])
    two = lambda a, b, out=y, **more: model([a, b], [x], [out], **more)
    case("graph_cycle", "reject", "a reads b, b reads a", two(node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), value("b", [2, 3])))
    case("graph_unsorted", "reject", "a node before the one it reads", two(node("Relu", ["a"], ["y"]), node("Relu", ["x"], ["a"])))
    case("graph_defined_twice", "reject", "two nodes write y", two(node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])))
    case("graph_input_overwritten", "reject", "a node writes an input", two(node("Relu", ["x"], ["x"]), node("Relu", ["x"], ["y"])))
    case("graph_output_undefined", "reject", "nothing writes the output", model([node("Relu", ["x"], ["a"])], [x], [y]))
    case("graph_input_twice", "reject", "two inputs of one name", model([node("Relu", ["x"], ["y"])], [x, x], [y]))
    case("graph_unknown_operator", "reject", "", model([node("NoSuchOperator", ["x"], ["y"])], [x], [wide]))
    case("graph_no_operator", "reject", "a node without operator", changed(relu(), lambda m: m.graph.node[0].ClearField("op_type")))
    case("graph_unknown_domain", "reject", "an operator of a domain nobody defines",
         model([node("Thing", ["x"], ["y"], domain="some.where")], [x], [wide], imports={"": 21, "some.where": 1}))
    case("graph_domain_not_imported", "reject", "no opset for the operator's domain", relu(imports={"other": 1}))
    case("graph_domain_twice", "reject", "two opsets for one domain", changed(relu(), lambda m: m.opset_import.append(helper.make_opsetid("ai.onnx", 13))))
    for opset in (-1, 0, 999, 2**62):
        case(f"graph_opset_{opset}", "reject", "no such opset", relu(opset=opset))
    for version in (-1, 0, 999):
        case(f"graph_ir_{version}", "reject", "no such IR version", changed(relu(), lambda m: setattr(m, "ir_version", version)))
    case("graph_stated_shape_wrong", "reject", "the output is stated to have another shape", relu(out=(7, 7)))
    case("graph_stated_type_wrong", "reject", "the output is stated to have another type", model([node("Relu", ["x"], ["y"])], [x], [value("y", [2, 3], INT64)]))
    case("graph_no_nodes", "accept", "the output is the input", model([], [x], [x]))
    case("graph_empty_tensors", "accept", "a size of 0", relu((0, 3), (0, 3)))
    case("graph_scalar", "accept", "rank 0", relu((), ()))
    case("graph_negative_size", "reject", "a size of -5", relu((-5, 3), (-5, 3)))
    case("graph_rank_100", "reject", "a hundred dimensions", relu([1] * 100, [1] * 100))
    case("graph_size_overflow", "limit", "2^64 elements", relu((2**32, 2**32), (2**32, 2**32)))
    case("graph_input_without_type", "reject", "", changed(relu(), lambda m: m.graph.input[0].ClearField("type")))
    case("graph_chain_of_200000", "accept", "deep, but not nested: no recursion over nodes",
         model([helper.make_node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}" if i < 199_999 else "y"]) for i in range(200_000)], [x], [y]))
    case("graph_2_to_64_paths", "accept", "each node must be visited once, not once for each path",
         model([helper.make_node("Add", [f"v{i}" if i else "x"] * 2, [f"v{i + 1}"]) for i in range(64)], [x], [value("v64", [2, 3])]))
    case("graph_attribute_twice", "reject", "an attribute given twice",
         changed(two(node("Relu", ["x"], ["a"]), node("LeakyRelu", ["a"], ["y"], alpha=0.1)),
                 lambda m: m.graph.node[1].attribute.append(m.graph.node[1].attribute[0])))
    stray = AttributeProto(name="alpha", ref_attr_name="parameter", type=AttributeProto.FLOAT)
    case("graph_reference_outside_function", "reject", "an attribute that refers to a function's, outside a function",
         changed(model([node("LeakyRelu", ["x"], ["y"])], [x], [y]), lambda m: m.graph.node[0].attribute.append(stray)))


def function_cases():
    x, y = value("x", [2, 3]), value("y", [2, 3])
    imports = {"": 21, "local": 1}
    opsets = [helper.make_opsetid(*i) for i in imports.items()]
    define = lambda name, body: helper.make_function("local", name, ["a"], ["b"], body, opsets)
    call = lambda name, a, b: helper.make_node(name, [a], [b], domain="local")
    using = lambda functions, nodes=None: model(nodes or [call("f0", "x", "y")], [x], [y], imports=imports, functions=functions)
    case("function_calls_itself", "reject", "GHSA-7w46-vvrh-m8q5", using([define("f0", [call("f0", "a", "b")])]))
    case("function_calls_itself_through_another", "reject", "the same in two steps",
         using([define("f0", [call("f1", "a", "b")]), define("f1", [call("f0", "a", "b")])]))
    twice = [define(f"f{i}", [call(f"f{i + 1}", "a", "t"), call(f"f{i + 1}", "t", "b")]) for i in range(30)]
    case("function_billion_laughs", "limit", "2^30 nodes after inlining", using(twice + [define("f30", [helper.make_node("Relu", ["a"], ["b"])])]))
    once = [define(f"f{i}", [call(f"f{i + 1}", "a", "b")]) for i in range(3000)]
    case("function_chain_of_3000", "limit", "deep, but finite", using(once + [define("f3000", [helper.make_node("Relu", ["a"], ["b"])])]))
    case("function_chain_of_50", "accept", "", using(once[:50] + [define("f50", [helper.make_node("Relu", ["a"], ["b"])])]))
    simple = define("f0", [helper.make_node("Relu", ["a"], ["b"])])
    case("function_defined_twice", "reject", "", using([simple, simple]))
    case("function_too_many_inputs", "reject", "", using([simple], [helper.make_node("f0", ["x", "x"], ["y"], domain="local")]))
    case("function_unknown_attribute", "reject", "", using([simple], [helper.make_node("f0", ["x"], ["y"], domain="local", z=1)]))
    case("function_output_undefined", "reject", "", using([helper.make_function("local", "f0", ["a"], ["c"], [helper.make_node("Relu", ["a"], ["b"])], opsets)]))


# ---- tensors ------------------------------------------------------------------------------------------------------
def with_constant(fill, element_type=FLOAT, shape=(2, 3)):
    """y = x + w, where w's data are set by fill(w)."""
    w = TensorProto(name="w", data_type=element_type, dims=shape)
    fill(w)
    return model([node("Add", ["x", "w"], ["y"])], [value("x", [2, 3], element_type)], [value("y", [2, 3], element_type)], [w])


def tensor_cases():
    def bytes_of(count):
        return lambda w: setattr(w, "raw_data", b"\0" * count)

    def both(w):
        w.float_data.extend([0] * 6)
        w.raw_data = b"\0" * 24

    add = lambda name, why, *arguments, **more: case(f"tensor_{name}", "reject", why, with_constant(*arguments, **more))
    add("short", "fewer bytes than the shape asks for", bytes_of(5))
    add("long", "more bytes than the shape asks for", bytes_of(500))
    add("no_data", "no data", lambda w: None)
    add("two_fields", "data in two fields", both)
    add("wrong_field", "floats in int64_data", lambda w: w.int64_data.extend([0] * 6))
    add("few_floats", "float_data too short", lambda w: w.float_data.extend([0] * 5))
    add("type_0", "no element type", bytes_of(24), 0)
    add("type_99", "an unknown element type", bytes_of(24), 99)
    add("negative_size", "", bytes_of(24), shape=(-2, -3))
    add("2_to_62_elements", "", bytes_of(24), shape=(2**31, 2**31))
    add("2_to_64_elements", "their number wraps to 0", bytes_of(0), shape=(2**32, 2**32))
    add("segment", "a part of a tensor", lambda w: (bytes_of(24)(w), setattr(w.segment, "end", 6)))
    for name, index, why in (("outside", [2**40], "an index outside the shape"), ("negative", [-1], "a negative index"), ("twice", [1, 1], "an index twice")):
        sparse = relu()
        entry = sparse.graph.sparse_initializer.add(dims=[2, 3])
        entry.values.CopyFrom(tensor("w", [1] * len(index)))
        entry.indices.CopyFrom(ints("i", index))
        case(f"sparse_{name}", "reject", why, sparse)


def external_cases():
    def stored(name, expected, why, location, files=None, **keys):
        def fill(w):
            w.data_location = TensorProto.EXTERNAL
            for key, text in {"location": location, **keys}.items():
                w.external_data.append(StringStringEntryProto(key=key, value=str(text)))
        case(f"external_{name}", expected, why, with_constant(fill), files)

    data = {"w.bin": b"\0" * 24}
    stored("plain", "accept", "as it should be", "w.bin", data)
    stored("in_folder", "accept", "in a folder beneath", "sub/w.bin", {"sub/w.bin": b"\0" * 24})
    stored("unknown_key", "accept", "keys nobody knows are ignored (GHSA-538c-55jv-c5g9)", "w.bin", data, __class__="x")
    stored("parent", "reject", "CVE-2022-25882", "../secret.bin")
    stored("parent_in_the_middle", "reject", "CVE-2024-27318", "a/../../secret.bin", {"a/x": b""})
    stored("absolute", "reject", "an absolute location", "/etc/passwd")
    stored("symbolic_link", "reject", "CVE-2026-27489", "w.bin", {"w.bin": lambda path: os.symlink("../secret.bin", path)})
    stored("linked_folder", "reject", "CVE-2026-34447", "sub/secret.bin", {"sub": lambda path: os.symlink("..", path)})
    stored("hard_link", "reject", "CVE-2026-34446", "w.bin", {"w.bin": lambda path: os.link(path.parent.parent / "secret.bin", path)})
    stored("fifo", "reject", "a FIFO, which blocks whoever opens it", "w.bin", {"w.bin": os.mkfifo})
    stored("device", "reject", "a device", "/dev/zero")
    stored("folder", "reject", "a folder", ".")
    stored("no_location", "reject", "an empty location", "")
    stored("backslash", "reject", "a location for another system", "..\\secret.bin")
    stored("missing", "reject", "no such file", "nothing.bin")
    stored("short", "reject", "the file is shorter than the tensor", "w.bin", {"w.bin": b"\0" * 10})
    for name, keys, why in (
        ("negative_offset", dict(offset=-8), "CVE-2026-34445"), ("offset_behind_end", dict(offset=1 << 40), ""),
        ("offset_not_a_number", dict(offset="12abc"), ""), ("offset_wraps", dict(offset=(1 << 64) - 8, length=24), "offset + length is 16"),
        ("huge_length", dict(length=1 << 50), "GHSA-538c-55jv-c5g9"), ("short_length", dict(length=8), "not the tensor's size")):  # fmt: skip
        stored(name, "reject", why, "w.bin", data, **keys)


# ---- operators ----------------------------------------------------------------------------------------------------
def operator(name, expected, op, constants=(), shape=(2, 3), rank=None, outputs=1, extra=(), types=(FLOAT, FLOAT), why="", **attributes):
    """y, .. = op(x, constants..) with x of this shape and y of this rank."""
    rank = len(shape) if rank is None else rank
    results = [value(f"y{i}", [f"y{i}_{k}" for k in range(rank)], INT64 if (op, i) == ("TopK", 1) else types[1]) for i in range(outputs)]
    inputs = ["x"] + [c.name for c in constants] + list(extra)
    case(name, expected, why, model([node(op, inputs, [r.name for r in results], **attributes)], [value("x", shape, types[0])], results, constants))


def window_cases():
    image = (1, 3, 8, 8)
    def conv(name, kernel=(4, 3, 3, 3), expected="reject", **more):
        operator(f"conv_{name}", expected, "Conv", [tensor("w", np.zeros(kernel))], shape=image, **more)
    conv("rank", (4, 3, 3, 3, 3), why="ORT#28731: weights of another rank")
    conv("channels", (4, 5, 3, 3)), conv("kernel_larger_than_image", (4, 3, 9, 9)), conv("kernel_shape_lies", kernel_shape=[5, 5])
    conv("group_0", group=0), conv("group_negative", group=-1), conv("stride_0", strides=[0, 0]), conv("one_stride", strides=[1])
    conv("dilation_0", dilations=[0, 0]), conv("pads_negative", pads=[-9] * 4), conv("pads_huge", expected="limit", pads=[2**62] * 4)
    pool = lambda name, **more: operator(f"pool_{name}", "reject", "MaxPool", shape=(1, 1, 4, 4), **more)
    pool("kernel_0", kernel_shape=[0, 0]), pool("stride_0", kernel_shape=[2, 2], strides=[0, 0]), pool("no_kernel")
    pool("auto_pad", kernel_shape=[2, 2], auto_pad="SOMEHOW"), pool("kernel_huge", kernel_shape=[2**40, 2**40])
    four = [tensor(n, np.zeros(9)) for n in "abcd"]
    operator("batch_normalization_channels", "reject", "BatchNormalization", four, shape=(1, 3, 4, 4))
    operator("lrn_size_0", "reject", "LRN", shape=(1, 3, 4, 4), size=0)
    operator("depth_to_space_0", "reject", "DepthToSpace", shape=(1, 4, 2, 2), blocksize=0)
    operator("space_to_depth_odd", "reject", "SpaceToDepth", shape=(1, 4, 3, 3), blocksize=2)
    roi = tensor("r", np.zeros(0))
    for name, scale, expected in (("nan", np.nan, "reject"), ("negative", -1, "reject"), ("huge", 1e30, "limit"), ("zero", 0, "any")):
        operator(f"resize_{name}", expected, "Resize", [roi, tensor("s", [scale, 1])])


def shape_cases():
    by = lambda name, op, vector, rank=2, expected="reject", **more: operator(name, expected, op, [ints("s", vector)], rank=rank, **more)
    by("reshape_two_unknown", "Reshape", [-1, -1]), by("reshape_count", "Reshape", [7], 1), by("reshape_minus_2", "Reshape", [-2, 3])
    by("reshape_overflow", "Reshape", [2**32, 2**32, 6], 3)
    by("tile_negative", "Tile", [-1, 2]), by("tile_huge", "Tile", [2**40, 2**20], expected="limit")
    by("expand_mismatch", "Expand", [2, 5]), by("expand_huge", "Expand", [2**40, 2, 3], 3, "limit")
    by("pad_short", "Pad", [1]), by("pad_huge", "Pad", [2**62, 0, 0, 0], expected="limit"), by("pad_nothing_left", "Pad", [-9, 0, 0, 0])
    by("squeeze_size_2", "Squeeze", [0], 1), by("unsqueeze_twice", "Unsqueeze", [0, 0], 4), by("unsqueeze_far", "Unsqueeze", [9], 3)
    by("gather_outside", "Gather", [99]), by("topk_large", "TopK", [99], outputs=2), by("topk_negative", "TopK", [-1], outputs=2)
    by("split_sum", "Split", [1, 99], outputs=2, axis=1), by("split_negative", "Split", [-1, 4], outputs=2, axis=1)
    def sliced(name, *vectors, expected="reject", why=""):
        operator(f"slice_{name}", expected, "Slice", [ints(n, v) for n, v in zip(("st", "en", "ax", "sp"), vectors)], why=why)
    sliced("step_0", [0], [1], [0], [0]), sliced("axis_twice", [0, 0], [1, 1], [0, 0]), sliced("axis_far", [0], [1], [7])
    sliced("lengths_differ", [0, 0], [1]), sliced("least_step", [-1], [-2**63], [0], [-2**63], expected="accept", why="INT64_MIN has no negative")
    for name, size, expected in (("huge", [2**40], "limit"), ("negative", [-4], "reject"), ("overflow", [2**32, 2**32], "limit")):
        case(f"constant_of_shape_{name}", expected, "", model([node("ConstantOfShape", ["s"], ["y"])], [], [value("y", [f"d{k}" for k in range(len(size))])], [ints("s", size)]))
    for name, ends, expected in (("step_0", (0, 1, 0), "reject"), ("huge", (0, 1e30, 1), "limit"), ("nan", (0, np.nan, 1), "reject"), ("backwards", (5, 0, 1), "accept")):
        scalars = [tensor(n, v) for n, v in zip("abd", ends)]
        case(f"range_{name}", expected, "", model([node("Range", ["a", "b", "d"], ["y"])], [], [value("y", ["n"])], scalars))
    values = tensor("v", [0, 1])
    operator("onehot_huge", "limit", "OneHot", [ints("d", 2**40), values], rank=3, types=(INT64, FLOAT))
    operator("onehot_negative", "reject", "OneHot", [ints("d", -3), values], rank=3, types=(INT64, FLOAT))


def attribute_cases():
    bad = functools.partial(operator, expected="reject")
    bad("transpose_twice", op="Transpose", perm=[0, 0]), bad("transpose_far", op="Transpose", perm=[0, 9]), bad("transpose_short", op="Transpose", perm=[0])
    bad("attribute_kind", op="Transpose", perm="abc"), bad("attribute_unknown", op="Relu", bogus=1), bad("inputs_too_many", op="Relu", extra=["x", "x"])
    bad("type_not_allowed", op="Relu", types=(TensorProto.STRING, TensorProto.STRING))
    bad("cast_99", op="Cast", to=99), bad("cast_0", op="Cast", to=0)
    bad("concat_axis", op="Concat", constants=[tensor("w", np.zeros((2, 3)))], axis=9), bad("concat_sizes", op="Concat", constants=[tensor("w", np.zeros((5, 5)))], axis=0)
    bad("softmax_axis", op="Softmax", axis=5), bad("flatten_axis", op="Flatten", axis=-9), bad("cumsum_axis", op="CumSum", constants=[tensor("a", 9, np.int32)])
    bad("layer_normalization_axis", op="LayerNormalization", constants=[tensor("w", np.zeros(3))], axis=7), bad("eye_of_rank_3", op="EyeLike", shape=(2, 3, 4))
    bad("gemm_rank_3", op="Gemm", constants=[tensor("w", np.zeros((3, 4, 5)))]), bad("matmul_sizes", op="MatMul", constants=[tensor("w", np.zeros((7, 4)))])
    bad("einsum_operands", op="Einsum", equation="ij,jk->ik"), bad("einsum_junk", op="Einsum", equation="i%n$j-->>...")
    operator("quantize_scale_0", "accept", "QuantizeLinear", [tensor("s", 0), tensor("z", 0, np.uint8)], types=(FLOAT, TensorProto.UINT8), why="infinite and NaN, saturated")
    weights = [tensor("w", np.zeros((1, 16, 3))), tensor("r", np.zeros((1, 16, 4)))]
    for name, more in (("hidden_size", dict(hidden_size=99)), ("activation", dict(hidden_size=4, activations=["Magic", "Tanh", "Tanh"])), ("direction", dict(hidden_size=4, direction="sideways"))):
        case(f"lstm_{name}", "reject", "", model([node("LSTM", ["x", "w", "r"], ["y"], **more)], [value("x", [5, 1, 3])], [value("y", list("abcd"))], weights))


def control_cases():
    x, y, flag = value("x", [2, 3]), value("y", [2, 3]), value("c", [], BOOL)
    graph = lambda nodes, outputs, inputs=(): helper.make_graph(nodes, "body", inputs, outputs)
    body = graph([node("Identity", ["go"], ["on"]), node("Add", ["v", "v"], ["w"])], [value("on", [], BOOL), value("w", [2, 3])],
                 [value("i", [], INT64), value("go", [], BOOL), value("v", [2, 3])])
    yes = tensor("t", True, bool)
    case("loop_without_end", "runtime", "must be neither unrolled nor evaluated when compiled", model([node("Loop", ["", "t", "x"], ["y"], body=body)], [x], [y], [yes]))
    case("loop_2_to_60_trips", "runtime", "", model([node("Loop", ["m", "t", "x"], ["y"], body=body)], [x], [y], [ints("m", 2**60), yes]))
    case("loop_arity", "reject", "body and node disagree", model([node("Loop", ["", "t"], ["y", "z"], body=body)], [x], [value("y", ["a", "b"]), value("z", ["a", "b"])], [yes]))
    choose = lambda then, otherwise, out=y: model([node("If", ["c"], ["y"], then_branch=then, else_branch=otherwise)], [x, flag], [out])
    other = graph([node("Relu", ["x"], ["q"])], [value("q", [2, 3])])
    case("if_shadows", "reject", "a branch writes a name of the graph around it", choose(graph([node("Relu", ["x"], ["x"])], [x]), other))
    case("if_no_outputs", "reject", "branches without the output", choose(graph([], []), graph([], [])))
    case("if_types_differ", "reject", "branches of different types", choose(graph([node("Cast", ["x"], ["p"], to=INT64)], [value("p", [2, 3], INT64)]), other))
    inside = other
    for i in range(20):
        inside = graph([helper.make_node("If", ["c"], [f"o{i}"], then_branch=inside, else_branch=other)], [value(f"o{i}", [2, 3])])
    case("if_20_deep", "accept", "", choose(inside, other))


def runtime_cases():
    indices = lambda shape: value("i", shape, INT64)
    x, y = value("x", [2, 3]), value("y", ["a", "b"])
    case("run_gather", "runtime", "any index", model([node("Gather", ["x", "i"], ["y"])], [x, indices([4])], [y]))
    case("run_gather_elements", "runtime", "any index", model([node("GatherElements", ["x", "i"], ["y"])], [x, indices([2, 2])], [y]))
    case("run_gather_nd", "runtime", "any index", model([node("GatherND", ["x", "i"], ["y"])], [x, indices([1, 2])], [value("y", ["a"])]))
    case("run_scatter_nd", "runtime", "any index", model([node("ScatterND", ["x", "i", "u"], ["y"])], [x, indices([1, 2]), value("u", [1])], [y]))
    case("run_scatter_elements", "runtime", "any index", model([node("ScatterElements", ["x", "i", "u"], ["y"])], [x, indices([1, 3]), value("u", [1, 3])], [y]))
    case("run_reshape", "runtime", "any shape", model([node("Reshape", ["x", "i"], ["y"])], [x, indices([2])], [y]))
    case("run_slice", "runtime", "any bounds", model([node("Slice", ["x", "i", "j"], ["y"])], [x, indices([2]), value("j", [2], INT64)], [y]))
    case("run_topk", "runtime", "any k", model([node("TopK", ["x", "i"], ["y", "z"])], [x, indices([1])], [y, value("z", ["a", "b"], INT64)]))
    case("run_onehot", "runtime", "any depth", model([node("OneHot", ["i", "d", "v"], ["y"])], [indices([4]), value("d", [], INT64), value("v", [2])], [y]))
    row = value("x", ["n"])
    case("run_pad_beside_its_input", "runtime", "x is read in bounds by the Pad, not by the Add",
         model([node("Concat", ["zero", "i"], ["p"], axis=0), node("Pad", ["x", "p"], ["a"]), node("Add", ["a", "x"], ["y"])],
               [row, indices([1])], [value("y", ["m"])], [ints("zero", [0])]))
    for op, element_type in (("Div", INT32), ("Mod", INT64), ("Div", INT64)):
        case(f"run_{op.lower()}_{'int32' if element_type == INT32 else 'int64'}", "runtime", "by zero, and the least number by -1",
             model([node(op, ["a", "b"], ["y"])], [value(n, [4], element_type) for n in "ab"], [value("y", [4], element_type)]))
    for to in (INT32, TensorProto.UINT8, INT64):
        case(f"run_cast_{to}", "runtime", "NaN and what is out of range", model([node("Cast", ["x"], ["y"], to=to)], [x], [value("y", [2, 3], to)]))
    for direction in ("LEFT", "RIGHT"):
        case(f"run_shift_{direction.lower()}", "runtime", "by more bits than there are",
             model([node("BitShift", ["a", "b"], ["y"], direction=direction)], [value(n, [4], UINT32) for n in "ab"], [value("y", [4], UINT32)]))


# ---- chance -------------------------------------------------------------------------------------------------------
def mutations():
    chain = [node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]), node("Relu", ["a"], ["b"]), node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
             node("Flatten", ["c"], ["d"]), node("Gemm", ["d", "g"], ["y"])]
    constants = [tensor("w", np.ones((4, 3, 3, 3))), tensor("g", np.ones((64, 5)))]
    base = model(chain, [value("x", [1, 3, 8, 8])], [value("y", [1, 5])], constants).SerializeToString()
    chance = random.Random(2026)
    for k in range(250):
        damaged = bytearray(base)
        for _ in range(chance.choice((1, 2, 8))):
            at = chance.randrange(min(len(damaged), 300))
            how = chance.randrange(4)
            if how == 0:
                del damaged[at]
            elif how == 1:
                damaged.insert(at, chance.randrange(256))
            else:
                damaged[at] = chance.randrange(256)
        case(f"mutation_{k:03d}", "any", "bytes changed, lost or added by chance", bytes(damaged))


def write(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "secret.bin").write_bytes(b"S" * 24)
    for name, _, _, content, files in CASES:
        (folder / name).mkdir()
        (folder / name / "model.onnx").write_bytes(content)
        for file, how in files.items():
            path = folder / name / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(how) if isinstance(how, bytes) else how(path)
    (folder / "manifest.tsv").write_text("".join(f"{name}\t{expected}\t{why}\n" for name, expected, why, _, _ in CASES))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    for cases in (wire_cases, name_cases, graph_cases, function_cases, tensor_cases, external_cases, window_cases, shape_cases,
                  attribute_cases, control_cases, runtime_cases, mutations):
        cases()
    assert len({name for name, *_ in CASES}) == len(CASES), "two cases of one name"
    write(pathlib.Path(sys.argv[1]))
    counts = {e: sum(expected == e for _, expected, *_ in CASES) for e in ("reject", "limit", "accept", "runtime", "any")}
    print(f"{len(CASES)} malformed models:", ", ".join(f"{n} {e}" for e, n in counts.items()))


if __name__ == "__main__":
    main()
