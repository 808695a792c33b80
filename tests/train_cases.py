#!/usr/bin/env python3
"""Models that train, with inputs and expected outputs, in the layout of the folders in models/: for check_generated.py.

    train_cases.py ONNX2C FOLDER NAME...

One step of momentum on the data sets of models/digits/NAME__dynamo, and on graphs that are odd: no vertex at all, all edges into one
vertex. What is expected is ONNX Runtime's; where it cannot run (it fails on tensors without elements), nothing but a status is.
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import raw
from check_train import DIGITS, first_state, run
from onnx import numpy_helper


def graphs(name):
    """Inputs of the model: those of its data sets, then the odd ones."""
    folder = DIGITS / f"{name}__dynamo"
    yield from (raw.inputs(path) for path in sorted(folder.glob("test_data_set_*")))
    x, edges, *pseudo = raw.inputs(folder / "test_data_set_1")
    yield [x[:0], edges[:, :0], *[p[:0] for p in pseudo]]
    hub = edges.copy()
    hub[1] = 3
    yield [x, hub, *pseudo]


def save(path, array, name):
    path.write_bytes(numpy_helper.from_array(np.asarray(array, order="C"), name).SerializeToString())


def make(onnx2c, folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    run(onnx2c, "train", DIGITS / f"{name}_init__dynamo" / "model.onnx", "--loss", "ce", "--mask", "--optimizer", "momentum", "-o",
        folder / "model.onnx")
    model = onnx.load(folder / "model.onnx")
    state = first_state(model)[1]
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    random = np.random.default_rng(0)
    for number, arrays in enumerate(graphs(name)):
        inputs = dict(zip(["x", "edge_index", "pseudo"], arrays))
        inputs |= {"target": random.integers(0, 10, len(arrays[0])), "mask": random.random(len(arrays[0])) < 0.7, **state}
        data_set = folder / f"test_data_set_{number}"
        data_set.mkdir(exist_ok=True)
        for i, value in enumerate(model.graph.input):
            save(data_set / f"input_{i}.pb", inputs[value.name], value.name)
        try:
            outputs = session.run(None, inputs)
        except Exception:
            continue
        for i, (value, array) in enumerate(zip(model.graph.output, outputs)):
            save(data_set / f"output_{i}.pb", array, value.name)


if __name__ == "__main__":
    for network in sys.argv[3:]:
        make(sys.argv[1], pathlib.Path(sys.argv[2]) / f"{network}_train", network)
