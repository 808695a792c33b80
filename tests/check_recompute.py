#!/usr/bin/env python3
"""Training steps that compute values again, swept over ten budgets, against the step that keeps all.

    check_recompute.py ONNX2C WORK_FOLDER

Budgets go in equal steps from what `--recompute none` needs to the least that can be reached. Whatever the budget, the
workspace of the generated program (NAME_workspace) meets it, is what was said when it was chosen, and never grows as the
budget shrinks; loss, new parameters and the optimizer's memory are the same bit by bit, as without --recompute, and so are
they after STEPS steps; ONNX Runtime computes the first step too, by the model as it was written. A budget below the least is
refused. Operations are those that `inspect --gnn` counts.
"""
import filecmp
import json
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from check_train import DIGITS, first_state, graph_inputs
from onnx import TensorProto, helper, numpy_helper
from program import Program

BUDGETS, STEPS, TOLERANCE = 10, 3, 1e-4
# At which part of the memory that none takes networks do with how many times the operations: equal layers have little that
# is cheap to compute again.
REACHED = {"dense_block": (0.5, 1.07), "attention": (0.5, 1.07), "mixtures": (0.5, 1.07), "edge_layers": (0.5, 1.07), "gat": (0.5, 1.07),
           "transformer": (0.64, 1.07), "convolutions": (0.57, 1.09), "perceptron": (0.7, 1.15)}
VERTICES, EDGES, FEATURES = 200, 20000, 32  # of the random graph


# ---- networks ----
class Net:
    """A network under construction: nodes, initialisers, and the value that was computed last."""

    def __init__(self):
        self.nodes, self.weights, self.last = [], [], "x"
        self.random = np.random.default_rng(0)

    def weight(self, *shape):
        name = f"w{len(self.weights)}"
        scale = np.prod(shape[:-1] if len(shape) == 2 else shape[1:]) ** 0.5
        self.weights.append(numpy_helper.from_array((self.random.standard_normal(shape) / scale).astype(np.float32), name))
        return name

    def constant(self, value, *shape):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.full(shape, value, np.float32), name))
        return name

    def integers(self, *values):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values), name))
        return name

    def true(self):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(True), name))
        return name

    def add(self, op, *more, inputs=None, **attributes):
        """A node that reads what was computed last, or `inputs`, and more."""
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [inputs or self.last, *more], [out], **attributes))
        self.last = out
        return out

    def save(self, path, shape, classes, more=()):
        """`more` has inputs beside x: (name, type, shape)."""
        self.nodes.append(helper.make_node("Identity", [self.last], ["y"]))
        inputs = [helper.make_tensor_value_info(*value) for value in [("x", TensorProto.FLOAT, shape), *more]]
        graph = helper.make_graph(self.nodes, path.stem, inputs,
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], *classes])], self.weights)
        opsets = [helper.make_opsetid("", 21), helper.make_opsetid("gnn", 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
        return path


def samples(net, *shape):
    return {"x": net.random.standard_normal(shape), "target": np.arange(shape[0]) % 10}


def perceptron(path):
    """Eight equal layers."""
    net, widths = Net(), [16] + [64] * 8 + [10]
    for before, after in zip(widths, widths[1:]):
        net.add("MatMul", net.weight(before, after))
        net.add("Add", net.constant(0.1, after))
        if after != widths[-1]:
            net.add("Tanh")
    return net.save(path, ["N", 16], [10]), [["--at", "N=100"], samples(net, 100, 16)]


def convolutions(path):
    """Six convolutions, each with normalisation by the batch."""
    net, channels = Net(), [3] + [16] * 6
    for i, (before, after) in enumerate(zip(channels, channels[1:])):
        net.add("Conv", net.weight(after, before, 3, 3), pads=[1, 1, 1, 1])
        net.add("BatchNormalization", *(net.constant(value, after) for value in (1, 0, 0, 1)), training_mode=1)
        net.nodes[-1].output.extend([f"mean{i}", f"var{i}"])
        net.add("Relu")
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.add("MatMul", net.weight(channels[-1], 10))
    return net.save(path, ["N", 3, 16, 16], [10]), [["--at", "N=8"], samples(net, 8, 3, 16, 16)]


def dense_block(path):
    """Convolutions that each read all that was computed before, normalised by the batch: a block of a DenseNet."""
    net, growth, layers = Net(), 12, 12
    net.add("Conv", net.weight(growth, 3, 3, 3), pads=[1, 1, 1, 1])
    for i in range(1, layers + 1):
        before = net.last
        net.add("BatchNormalization", *(net.constant(value, i * growth) for value in (1, 0, 0, 1)), training_mode=1)
        net.nodes[-1].output.extend([f"mean{i}", f"var{i}"])
        net.add("Relu")
        net.add("Conv", net.weight(growth, i * growth, 3, 3), pads=[1, 1, 1, 1])
        net.add("Concat", net.last, inputs=before, axis=1)
    net.add("GlobalAveragePool")
    net.add("Flatten")
    net.add("MatMul", net.weight((layers + 1) * growth, 10))
    return net.save(path, ["N", 3, 8, 8], [10]), [["--at", "N=16"], samples(net, 16, 3, 8, 8)]


def transformer(path):
    """A block of four heads of attention between 32 places, and a perceptron of four times the width."""
    net, width, heads, places = Net(), 32, 4, 32
    before = net.add("MatMul", net.weight(16, width))
    rows = net.add("LayerNormalization", net.constant(1, width), net.constant(0.1, width), axis=-1)
    query, key, value = (
        net.add("Transpose", inputs=net.add("Reshape", net.integers(0, 0, heads, width // heads), inputs=net.add("MatMul", net.weight(width, width), inputs=rows)), perm=perm)
        for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
    net.add("Mul", net.constant((width // heads) ** -0.5), inputs=net.add("MatMul", key, inputs=query))
    net.add("Softmax", axis=-1)
    net.add("Transpose", inputs=net.add("MatMul", value), perm=[0, 2, 1, 3])
    net.add("Reshape", net.integers(0, 0, width))
    before = net.add("Add", before, inputs=net.add("MatMul", net.weight(width, width)))
    net.add("LayerNormalization", net.constant(1, width), net.constant(0.1, width), axis=-1)
    net.add("Add", net.constant(0.1, 4 * width), inputs=net.add("MatMul", net.weight(width, 4 * width)))
    net.add("Gelu")
    net.add("Add", before, inputs=net.add("MatMul", net.weight(4 * width, width)))
    net.add("ReduceMean", net.integers(1), keepdims=0)
    net.add("MatMul", net.weight(width, 10))
    return net.save(path, ["N", places, 16], [10]), [["--at", "N=8"], samples(net, 8, places, 16)]


class GraphNet(Net):
    """A network over a random graph of far more edges than vertices."""

    def __init__(self):
        super().__init__()
        self.source, self.target = (self.add("Gather", self.integers(i), inputs="edge_index", axis=0) for i in (0, 1))
        self.source, self.target = (self.add("Squeeze", self.integers(0), inputs=name) for name in (self.source, self.target))
        self.count = self.add("Shape", inputs="x", end=1)
        self.last = "x"

    def rows(self, value, of):
        return self.add("Gather", of, inputs=value, axis=0)

    def segment(self, op, value):
        return self.add(op, self.target, self.count, inputs=value, domain="gnn")

    def save_graph(self, path, *more):
        """The model; its sizes, and what it reads. `more` has values of edges: (name, width)."""
        infos = [("edge_index", TensorProto.INT64, [2, "E"]), *((name, TensorProto.FLOAT, ["E", width]) for name, width in more)]
        given = samples(self, VERTICES, FEATURES)
        given["edge_index"] = self.random.integers(0, VERTICES, (2, EDGES))
        given.update((name, self.random.standard_normal((EDGES, width))) for name, width in more)
        return self.save(path, ["N", FEATURES], [10], infos), [["--at", f"N={VERTICES},E={EDGES}"], given]


def attention(path):
    """Three layers of graph attention, four heads, with dropout of edges."""
    net, heads, width, before = GraphNet(), 4, 16, FEATURES
    for layer in range(3):
        rows = net.add("Reshape", net.integers(0, heads, width), inputs=net.add("MatMul", net.weight(before, heads * width)))
        left, right = (net.add("ReduceSum", net.integers(2), inputs=net.add("Mul", net.weight(1, heads, width), inputs=rows), keepdims=0)
                       for _ in range(2))
        score = net.add("LeakyRelu", inputs=net.add("Add", net.rows(right, net.source), inputs=net.rows(left, net.target)))
        share = net.add("Dropout", net.constant(0.25), net.true(), inputs=net.segment("SegmentSoftmax", score))
        share = net.add("Unsqueeze", net.integers(2), inputs=share)
        sums = net.segment("SegmentSum", net.add("Mul", share, inputs=net.rows(rows, net.source)))
        net.add("Add", net.constant(0.1, heads * width), inputs=net.add("Reshape", net.integers(0, heads * width), inputs=sums))
        net.add("Elu")
        before = heads * width
    net.add("MatMul", net.weight(before, 10))
    return net.save_graph(path)


def mixtures(path):
    """Three layers of MoNet: edges are weighted by Gaussians of coordinates that each layer computes from the edge's."""
    net, kernels, width, places, before = GraphNet(), 3, 32, 2, FEATURES
    for layer in range(3):
        rows = net.add("Reshape", net.integers(0, kernels, width), inputs=net.add("MatMul", net.weight(before, kernels * width)))
        place = net.add("Tanh", inputs=net.add("Add", net.constant(0.1, places), inputs=net.add("MatMul", net.weight(2, places), inputs="pseudo")))
        apart = net.add("Sub", net.weight(kernels, places), inputs=net.add("Unsqueeze", net.integers(1), inputs=place))
        scaled = net.add("Div", net.constant(1.1, kernels, places), inputs=net.add("Mul", apart, inputs=apart))
        weight = net.add("Exp", inputs=net.add("Neg", inputs=net.add("ReduceSum", net.integers(2), inputs=scaled, keepdims=0)))
        weight = net.add("Unsqueeze", net.integers(2), inputs=weight)
        mixed = net.add("ReduceSum", net.integers(1), inputs=net.add("Mul", weight, inputs=net.rows(rows, net.source)), keepdims=0)
        net.add("Add", net.constant(0.1, width), inputs=net.segment("SegmentMean", mixed))
        net.add("Relu")
        before = width
    net.add("MatMul", net.weight(before, 10))
    return net.save_graph(path, ("pseudo", 2))


def edge_layers(path):
    """Six layers of EdgeConv, each with a perceptron of two layers on every edge."""
    net, width, before = GraphNet(), 16, FEATURES
    for layer in range(6):
        x = net.last
        here = net.rows(x, net.target)
        net.add("Concat", net.add("Sub", here, inputs=net.rows(x, net.source)), inputs=here, axis=1)
        net.add("Add", net.constant(0.1, width), inputs=net.add("MatMul", net.weight(2 * before, width)))
        net.add("Tanh")
        net.add("Add", net.constant(0.1, width), inputs=net.add("MatMul", net.weight(width, width)))
        net.segment("SegmentMax", net.last)
        before = width
    net.add("MatMul", net.weight(before, 10))
    return net.save_graph(path)


def digits(name):
    inputs = graph_inputs(name)
    vertices, edges = len(inputs["x"]), inputs["edge_index"].shape[1]
    given = {**inputs, "target": np.load(DIGITS / "labels.npy"), "mask": np.load(DIGITS / "train_mask.npy")}
    return DIGITS / f"{name}_init__dynamo" / "model.onnx", [["--mask", "--at", f"N={vertices},E={edges}"], given]


NETWORKS = {"perceptron": perceptron, "convolutions": convolutions, "dense_block": dense_block, "transformer": transformer, "attention": attention,
            "mixtures": mixtures, "edge_layers": edge_layers, "gcn": None, "gat": None, "edgeconv": None}


# ---- one step ----
def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"[:2000])
    return result.stdout


class Step:
    """A training step, built with what --recompute says; without it, with what fusion finds best."""

    def __init__(self, onnx2c, work, model, options, budget):
        self.model = work / f"{budget}.onnx"
        at = options[options.index("--at"):]
        chosen = ["--recompute", budget, *options] if budget else options[:-len(at)]
        said = run(onnx2c, "train", model, "--loss", "ce", "--optimizer", "momentum", *chosen, "-o", self.model)
        self.said = int(re.search(r"workspace (\d+) of", said)[1]) if budget else None
        self.onnx2c, self.at = onnx2c, at

    def build(self, inputs):
        folder = self.model.with_suffix("")
        run(self.onnx2c, "build", self.model, "-o", folder)
        program = Program(folder, flags=("-O1",))
        self.workspace = program.workspace_bytes(*program.sizes(inputs))
        assert self.said in (None, self.workspace), f"{self.said} bytes are said to be {self.workspace}"
        follows, outputs = first_state(onnx.load(self.model))[0], []
        for _ in range(STEPS):
            outputs.append(program.run(inputs))
            inputs = {**inputs, **{old: outputs[-1][new] for old, new in follows.items() if new}}
        self.first, self.last = outputs[0], outputs[-1]
        stages = json.loads(run(self.onnx2c, "inspect", self.model, "--gnn", "--json", *self.at))["stages"]
        self.flops = next(stage["all"]["flops"]["value"] for stage in stages if stage["stage"] == "fused")
        return self

    def of(self, other):
        self.workspace, self.first, self.last, self.flops = other.workspace, other.first, other.last, other.flops

    def check_same(self, other, what):
        for outputs, wanted in (self.first, other.first), (self.last, other.last):
            for output, array in outputs.items():
                assert np.isfinite(array).all(), f"{output} is not finite {what}"
                assert array.tobytes() == wanted[output].tobytes(), f"{output} differs {what}"


def inputs_of(model, given):
    state = first_state(model)[1]
    types = {value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in model.graph.input}
    return {name: np.asarray(array, types[name]) for name, array in {**given, **state}.items() if name in types}


def check_other_engine(step, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1  # threads race in its ScatterND
    session = onnxruntime.InferenceSession(str(step.model), options)
    for output, array in zip(session.get_outputs(), session.run(None, inputs)):
        difference = np.abs(array - step.first[output.name]).max(initial=0) / (1 + np.abs(array).max(initial=0))
        assert difference <= TOLERANCE, f"{output.name} differs by {difference} from ONNX Runtime's"


# ---- the sweep ----
def check(onnx2c, work, name):
    work.mkdir(parents=True, exist_ok=True)
    model, (options, given) = NETWORKS[name](work / f"{name}.onnx") if NETWORKS[name] else digits(name)
    none, least = (Step(onnx2c, work, model, options, word) for word in ("none", "all"))
    written = onnx.load(none.model)
    inputs = inputs_of(written, given)
    none.build(inputs)
    Step(onnx2c, work, model, options, None).build(inputs).check_same(none, "without --recompute")
    before = none
    for i in range(BUDGETS):
        budget = none.workspace - (none.workspace - least.said) * i // (BUDGETS - 1)
        step = Step(onnx2c, work, model, options, str(budget))
        if filecmp.cmp(step.model, before.model, shallow=False):
            step.of(before)
        else:
            onnx.checker.check_model(onnx.load(step.model), full_check=True)
            check_other_engine(step.build(inputs), inputs)
        assert step.workspace <= min(budget, before.workspace), f"{step.workspace} bytes at a budget of {budget}"
        step.check_same(none, f"at a budget of {budget}")
        before = step
    refused = subprocess.run([onnx2c, "train", model, "--loss", "ce", "--optimizer", "momentum", "--recompute", str(before.workspace - 1), *options, "-o", work / "no.onnx"],
                             capture_output=True, text=True)
    assert refused.returncode == 2 and str(before.workspace) in refused.stderr, refused.stderr
    print(f"{name:13s} {none.workspace} bytes, least {before.workspace} ({before.workspace / none.workspace:.2f}) at "
          f"{before.flops / none.flops:.3f} times the operations", end="")
    part, most = REACHED.get(name, (1, 1))
    if part < 1:
        step = Step(onnx2c, work, model, options, str(int(part * none.workspace))).build(inputs)
        print(f"; {part} at {step.flops / none.flops:.3f}")
        assert step.flops <= most * none.flops, f"{part} of the memory at more than {most} times the operations"
    else:
        print()


def main():
    onnx2c, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    passed = failed = 0
    for name in sys.argv[3:] or NETWORKS:
        try:
            check(onnx2c, work / name, name)
            passed += 1
        except Exception as error:
            print(f"{name}: {error}")
            failed += 1
    print(f"recompute: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
