#!/usr/bin/env python3
"""Training steps that compute values again, swept over ten budgets, against the step that keeps all.

    check_recompute.py ONNX2C WORK_FOLDER

Budgets go in equal steps from what `--recompute none` needs to the least that can be reached. Whatever the budget, the
workspace of the generated program (NAME_workspace) meets it and never grows as it shrinks, and loss, new parameters and the
optimizer's memory are the same bit by bit; ONNX Runtime computes them too, by the model as it was written. A budget below
the least is refused. Operations are those that `inspect --gnn` counts.
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

BUDGETS, MOST_FLOPS, TOLERANCE = 10, 1.07, 1e-4
HALVED = {"dense_block"}  # networks that are known to do with half of the memory


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

    def add(self, op, *more, inputs=None, **attributes):
        """A node that reads what was computed last, or `inputs`, and more."""
        out = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [inputs or self.last, *more], [out], **attributes))
        self.last = out
        return out

    def save(self, path, shape, classes):
        self.nodes.append(helper.make_node("Identity", [self.last], ["y"]))
        graph = helper.make_graph(self.nodes, path.stem, [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                                  [helper.make_tensor_value_info("y", TensorProto.FLOAT, [shape[0], *classes])], self.weights)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
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
    return net.save(path, ["N", 3, 8, 8], [10]), [["--at", "N=4"], samples(net, 4, 3, 8, 8)]


def digits(name):
    inputs = graph_inputs(name)
    vertices, edges = len(inputs["x"]), inputs["edge_index"].shape[1]
    given = {**inputs, "target": np.load(DIGITS / "labels.npy"), "mask": np.load(DIGITS / "train_mask.npy")}
    return DIGITS / f"{name}_init__dynamo" / "model.onnx", [["--mask", "--at", f"N={vertices},E={edges}"], given]


NETWORKS = {"perceptron": perceptron, "convolutions": convolutions, "dense_block": dense_block, "gcn": None, "gat": None, "edgeconv": None}


# ---- one step ----
def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"[:2000])
    return result.stdout


class Step:
    """A training step, built with what --recompute says."""

    def __init__(self, onnx2c, work, model, options, budget):
        self.model = work / f"{budget}.onnx"
        said = run(onnx2c, "train", model, "--loss", "ce", "--optimizer", "momentum", "--recompute", budget, *options, "-o", self.model)
        self.least = int((re.search(r"workspace (\d+) of", said) or [0, 0])[1])
        self.onnx2c, self.options = onnx2c, options

    def build(self, inputs):
        folder = self.model.with_suffix("")
        run(self.onnx2c, "build", self.model, "-o", folder)
        program = Program(folder)
        self.workspace = program.workspace_bytes(*program.sizes(inputs))
        self.outputs = program.run(inputs)
        at = self.options[self.options.index("--at"):]
        stages = json.loads(run(self.onnx2c, "inspect", self.model, "--gnn", "--json", *at))["stages"]
        self.flops = next(stage["all"]["flops"]["value"] for stage in stages if stage["stage"] == "fused")

    def of(self, other):
        self.workspace, self.outputs, self.flops = other.workspace, other.outputs, other.flops


def inputs_of(model, given):
    state = first_state(model)[1]
    types = {value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in model.graph.input}
    return {name: np.asarray(array, types[name]) for name, array in {**given, **state}.items() if name in types}


def check_other_engine(step, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1  # threads race in its ScatterND
    session = onnxruntime.InferenceSession(str(step.model), options)
    for output, array in zip(session.get_outputs(), session.run(None, inputs)):
        difference = np.abs(array - step.outputs[output.name]).max(initial=0) / (1 + np.abs(array).max(initial=0))
        assert difference <= TOLERANCE, f"{output.name} differs by {difference} from ONNX Runtime's"


# ---- the sweep ----
def check(onnx2c, work, name):
    work.mkdir(parents=True, exist_ok=True)
    model, (options, given) = NETWORKS[name](work / f"{name}.onnx") if NETWORKS[name] else digits(name)
    none, least = (Step(onnx2c, work, model, options, word) for word in ("none", "all"))
    written = onnx.load(none.model)
    inputs = inputs_of(written, given)
    none.build(inputs)
    before, half = none, None
    for i in range(BUDGETS):
        budget = none.workspace - (none.workspace - least.least) * i // (BUDGETS - 1)
        step = Step(onnx2c, work, model, options, str(budget))
        if filecmp.cmp(step.model, before.model, shallow=False):
            step.of(before)
        else:
            onnx.checker.check_model(onnx.load(step.model), full_check=True)
            step.build(inputs)
            check_other_engine(step, inputs)
        assert step.workspace <= min(budget, before.workspace), f"{step.workspace} bytes at a budget of {budget}"
        for output, array in step.outputs.items():
            assert array.tobytes() == none.outputs[output].tobytes(), f"{output} differs at a budget of {budget}"
        if 2 * step.workspace <= none.workspace:
            half = half or step
        before = step
    refused = subprocess.run([onnx2c, "train", model, "--loss", "ce", "--recompute", str(before.workspace - 1), *options, "-o", work / "no.onnx"],
                             capture_output=True, text=True)
    assert refused.returncode == 2 and str(before.workspace) in refused.stderr, refused.stderr
    print(f"{name:13s} {none.workspace} bytes, least {before.workspace} ({before.workspace / none.workspace:.2f}) at "
          f"{before.flops / none.flops:.3f} times the operations; " +
          (f"half at {half.flops / none.flops:.3f}" if half else "half is not reached"))
    assert not half or half.flops <= MOST_FLOPS * none.flops, f"half of the memory at {half.flops / none.flops:.3f} times the operations"
    assert half or name not in HALVED, "half is not reached"


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
