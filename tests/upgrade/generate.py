#!/usr/bin/env python3
"""Writes a model of one node for each row of frontend/upgrade.def, with inputs and expected outputs.

    generate.py FOLDER

    FOLDER/OPERATOR_OPSET_WHAT/model.onnx, test_data_set_0/{input,output}_K.pb

What an old operator means is written here in numpy, after the text of its own opset; where that would be long, ONNX Runtime,
which has the old operators too, says it.
"""
import pathlib
import shutil
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper, save

chance = np.random.default_rng(20261121)
FLOAT, INT32, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL
CASES = []


def floats(*shape):
    return chance.standard_normal(shape, dtype=np.float32)


def positive(*shape):
    return np.abs(floats(*shape)) + np.float32(0.1)


def case(what, op, opset, inputs, expected=None, outputs=1, types=None, **attributes):
    """`expected`: the outputs as a function of the inputs; None: ask ONNX Runtime. `types`: of the outputs, if not that of the
    first input."""
    CASES.append((f"{op}_{opset}{'_' + what if what else ''}", op, opset, inputs, expected, outputs, types, attributes))


def channels(vector):
    """Of [C], to broadcast against [N, C, H, W]."""
    return vector[:, None, None]


def arithmetic():
    a = floats(2, 3, 4, 5)
    for op, function in (("Add", np.add), ("Sub", np.subtract), ("Mul", np.multiply), ("Div", np.divide)):
        case("at_axis", op, 6, [a, positive(3, 4)], lambda x, y, f=function: f(x, y[:, :, None]), broadcast=1, axis=1)
        case("consumed", op, 1, [a, positive(2, 3, 4, 5)], lambda x, y, f=function: f(x, y), consumed_inputs=[0, 0])
    case("at_end", "Add", 6, [a, floats(4, 5)], lambda x, y: x + y, broadcast=1)
    case("negative_axis", "Add", 6, [a, floats(4)], lambda x, y: x + y[:, None], broadcast=1, axis=-2)
    case("at_axis", "Pow", 6, [positive(2, 3, 2), floats(3)], lambda x, y: x ** y[:, None], broadcast=1, axis=1)
    for op, function in (("Greater", np.greater), ("Less", np.less)):
        case("at_axis", op, 6, [a, floats(3)], lambda x, y, f=function: f(x, channels(y)), types=[BOOL], broadcast=1, axis=1)
    case("at_axis", "Equal", 6, [np.int32([[1, 2], [3, 1]]), np.int32([1, 3])], lambda x, y: x == y[:, None], types=[BOOL], broadcast=1, axis=0)
    for op, function in (("And", np.logical_and), ("Or", np.logical_or), ("Xor", np.logical_xor)):
        case("at_axis", op, 6, [a > 0, floats(2) > 0], lambda x, y, f=function: f(x, y[:, None, None, None]), broadcast=1, axis=0)
    case("", "Gemm", 6, [floats(2, 3), floats(3, 4), floats(4)], lambda x, y, z: x @ y + z, broadcast=1)
    case("slope_per_channel", "PRelu", 6, [a, floats(3)], lambda x, s: np.where(x < 0, x * channels(s), x))
    case("one_slope", "PRelu", 6, [a, floats(1)], lambda x, s: np.where(x < 0, x * s, x))
    case("", "Cast", 1, [a * 10], lambda x: x.astype(np.int32), types=[INT32], to="INT32")
    case("", "Clip", 6, [a], lambda x: x.clip(-0.5, 0.5), min=-0.5, max=0.5)
    ends = np.array([-np.inf, 1, np.inf], np.float32)
    case("no_minimum", "Clip", 1, [ends], lambda x: np.minimum(x, np.float32(0.5)), max=0.5)
    case("least_float", "Clip", 6, [ends], lambda x: x.clip(np.finfo(np.float32).min, 0.5), max=0.5)
    case("half", "Clip", 6, [a.astype(np.float16)], lambda x: x.clip(-0.5, np.inf), min=-0.5)
    case("old_constants", "Selu", 1, [a], lambda x: np.where(x > 0, x, 1.6732 * np.expm1(x)) * np.float32(1.0507))


def normalisation():
    x, statistics = floats(2, 3, 4, 5), [floats(3), floats(3), floats(3), positive(3)]

    def normal(x, scale, shift, mean, variance):
        return (x - channels(mean)) / np.sqrt(channels(variance) + 1e-5) * channels(scale) + channels(shift)

    def by_batch(x, scale, shift, mean, variance):
        return normal(x, scale, shift, x.mean((0, 2, 3)), x.var((0, 2, 3)))

    case("", "BatchNormalization", 1, [x, *statistics], normal, is_test=1, consumed_inputs=[0, 0, 0, 1, 1])
    case("", "BatchNormalization", 6, [x, *statistics], normal, is_test=1)
    case("by_batch", "BatchNormalization", 6, [x, *statistics], by_batch)
    case("", "BatchNormalization", 7, [x, *statistics], normal)
    whole = [floats(3, 4, 5), floats(3, 4, 5), floats(3, 4, 5), positive(3, 4, 5)]
    case("not_spatial", "BatchNormalization", 7, [x, *whole], lambda x, s, b, m, v: (x - m) / np.sqrt(v + 1e-5) * s + b, spatial=0)

    def by_group(x, scale, shift):
        y = x.reshape(2, 3, -1)
        y = (y - y.mean(2, keepdims=True)) / np.sqrt(y.var(2, keepdims=True) + 1e-5)
        return (y * scale[:, None] + shift[:, None]).reshape(x.shape)

    case("", "GroupNormalization", 18, [floats(2, 6, 4), floats(3), floats(3)], by_group, num_groups=3)
    case("", "Dropout", 6, [x], lambda x: (x, np.ones_like(x)), outputs=2, is_test=1, ratio=0.3)
    case("", "Dropout", 7, [x], lambda x: (x, np.ones_like(x)), outputs=2, ratio=0.3)
    case("", "Dropout", 10, [x], lambda x: (x, np.ones(x.shape, bool)), outputs=2, types=[FLOAT, BOOL], ratio=0.3)

    def matrix(function, x, axis):
        return function(x.reshape(int(np.prod(x.shape[:axis])), -1)).reshape(x.shape)

    def softmax(x):
        e = np.exp(x - x.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def hardmax(x):
        return np.eye(x.shape[1], dtype=x.dtype)[x.argmax(1)]

    y = floats(2, 3, 4)
    for op, function in (("Softmax", softmax), ("LogSoftmax", lambda x: np.log(softmax(x))), ("Hardmax", hardmax)):
        case("", op, 1, [y], lambda x, f=function: matrix(f, x, 1))
        for axis in 0, 2, -1, -2:
            case(f"axis_{axis}", op, 11, [y], lambda x, f=function, a=axis: matrix(f, x, a % 3), axis=axis)


def reductions():
    x = positive(2, 3, 4)
    for op in "L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare".split():
        opset = 11 if op == "Sum" else 13
        case("axes", "Reduce" + op, opset, [x], axes=[0, -1], keepdims=0)
        case("all", "Reduce" + op, opset, [x])


def movement():
    x = floats(2, 3, 4, 5)
    case("", "Concat", 1, [x, x], lambda a, b: np.concatenate([a, b], 1))
    for opset, name in ((1, "paddings"), (2, "pads")):
        case("", "Pad", opset, [floats(2, 3)], lambda a: np.pad(a, ((1, 0), (0, 2)), constant_values=1.5), **{name: [1, 0, 0, 2]}, value=1.5)
    case("half", "Pad", 2, [floats(2, 3).astype(np.float16)], lambda a: np.pad(a, ((1, 0), (0, 2)), constant_values=1.5), pads=[1, 0, 0, 2], value=1.5)
    case("reflect", "Pad", 2, [floats(2, 3)], lambda a: np.pad(a, ((1, 0), (0, 2)), mode="reflect"), pads=[1, 0, 0, 2], mode="reflect")
    case("", "Reshape", 1, [x], lambda a: a.reshape(2, 60), shape=[0, -1])
    case("", "Slice", 1, [x], lambda a: a[:, 1:3, :, -3:], starts=[1, -3], ends=[3, 2**31 - 1], axes=[1, 3])
    case("no_axes", "Slice", 1, [x], lambda a: a[0:1, 1:3], starts=[0, 1], ends=[1, 3])
    case("", "Split", 2, [floats(6, 2)], lambda a: (a[:2], a[2:]), outputs=2, split=[2, 4])
    case("equal", "Split", 2, [floats(6, 2)], lambda a: (a[:2], a[2:4], a[4:]), outputs=3)
    case("equal", "Split", 13, [floats(2, 6)], lambda a: (a[:, :2], a[:, 2:4], a[:, 4:]), outputs=3, axis=1)
    case("", "Squeeze", 1, [floats(1, 3, 1)], lambda a: a[0], axes=[0])
    case("all", "Squeeze", 1, [floats(1, 3, 1)], lambda a: a.reshape(3))
    case("", "Unsqueeze", 11, [floats(3)], lambda a: a[None, :, None], axes=[0, -1])
    case("", "Tile", 1, [floats(2, 3), np.float32(2), np.float32(1)], lambda a, n, axis: np.tile(a, (1, 2)))
    case("", "TopK", 1, [floats(3, 7)], outputs=2, types=[FLOAT, INT64], k=3)
    case("axis_0", "TopK", 10, [floats(3, 7), np.int64([2])], outputs=2, types=[FLOAT, INT64], axis=0)

    def scattered(a, i, u):
        a = a.copy()
        np.put_along_axis(a, i, u, 0)
        return a

    case("", "Scatter", 9, [floats(3, 3), np.int64([[0, 1, 2]]), floats(1, 3)], scattered)
    case("", "Scan", 8, [floats(2, 3), floats(2, 5, 3)], lambda s, v: (s + v.sum(1), s[:, None] + v.cumsum(1)), outputs=2, num_scan_inputs=1, body=sums())


def sums():
    """The body of a Scan: the running sum, kept and put out."""
    row = lambda name: helper.make_tensor_value_info(name, FLOAT, [3])
    nodes = [helper.make_node("Add", ["before", "next"], ["sum"]), helper.make_node("Identity", ["sum"], ["each"])]
    return helper.make_graph(nodes, "sums", [row("before"), row("next")], [row("sum"), row("each")])


def images():
    image, scales = floats(1, 1, 3, 4), np.float32([1, 1, 2, 1.5])
    case("nearest", "Resize", 10, [image, scales], mode="nearest")
    case("linear", "Resize", 10, [image, scales], mode="linear")
    case("", "Upsample", 9, [image, np.float32([1, 1, 2, 2])], lambda a, s: a.repeat(2, 2).repeat(2, 3), mode="nearest")
    case("", "Upsample", 7, [image], lambda a: a.repeat(2, 2).repeat(3, 3), mode="nearest", scales=[1.0, 1.0, 2.0, 3.0])
    case("linear", "Upsample", 7, [image], mode="linear", scales=[1.0, 1.0, 2.0, 2.0])
    case("", "Upsample", 1, [image], lambda a: a.repeat(2, 2).repeat(3, 3), mode="nearest", height_scale=2.0, width_scale=3.0)
    line = np.linspace(-1, 1, 3, dtype=np.float32)
    grid = np.stack(np.meshgrid(line, line), -1)[None]
    case("", "GridSample", 16, [floats(1, 2, 4, 5), grid], mode="bilinear")
    case("cubic", "GridSample", 16, [floats(1, 2, 4, 5), grid], mode="bicubic")
    case("", "RoiAlign", 10, [floats(1, 2, 8, 8), np.float32([[1, 1, 5, 6]]), np.int64([0])], output_height=2, output_width=2, sampling_ratio=2)
    norm = lambda a: np.sqrt((a * a).sum((2, 3), keepdims=True))
    case("", "GlobalLpPool", 1, [floats(1, 2, 6, 6)], norm, p=2.0)
    case("", "LpPool", 1, [floats(1, 1, 6, 6)], lambda a: np.sqrt((a * a).reshape(1, 1, 3, 2, 3, 2).sum((3, 5))), p=2.0, kernel_shape=[2, 2], strides=[2, 2])

    def fourier(x, axis):
        y = np.fft.fft(x[..., 0], axis=axis)
        return np.stack([y.real, y.imag], -1).astype(np.float32)

    case("", "DFT", 17, [floats(1, 4, 6, 1)], lambda x: fourier(x, 1))
    case("axis_2", "DFT", 17, [floats(1, 4, 6, 1)], lambda x: fourier(x, 2), axis=2)


def write(folder, name, op, opset, inputs, expected, outputs, types, attributes):
    types = types or [helper.np_dtype_to_tensor_dtype(inputs[0].dtype)] * outputs
    names = [f"x{i}" for i in range(len(inputs))]
    stated = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in zip(names, inputs)]
    results = [helper.make_tensor_value_info(f"y{i}", t, None) for i, t in enumerate(types)]
    operands = [""] + names if op == "Scan" else names  # sequence_lens
    graph = helper.make_graph([helper.make_node(op, operands, [r.name for r in results], **attributes)], "graph", stated, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4)
    if expected:
        wanted = expected(*inputs)
        wanted = [np.asarray(w, helper.tensor_dtype_to_np_dtype(t)) for w, t in zip(wanted if isinstance(wanted, tuple) else (wanted,), types)]
    else:
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        wanted = session.run(None, dict(zip(names, inputs)))
    data = folder / name / "test_data_set_0"
    data.mkdir(parents=True)
    save(model, folder / name / "model.onnx")
    for kind, arrays in (("input", inputs), ("output", wanted)):
        for i, array in enumerate(arrays):
            (data / f"{kind}_{i}.pb").write_bytes(numpy_helper.from_array(np.asarray(array), f"{kind}_{i}").SerializeToString())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    onnxruntime.set_default_logger_severity(4)
    folder = pathlib.Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    for cases in arithmetic, normalisation, reductions, movement, images:
        cases()
    for one in CASES:
        write(folder, *one)


if __name__ == "__main__":
    main()
