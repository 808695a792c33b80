#!/usr/bin/env python3
"""Writes models in text as folders with inputs and the outputs ONNX Runtime gives.

    programs.py FOLDER_OF_TEXTS FOLDER

Each text names the data sets to make in comments:

    # inputs: N=4 m=3 flag=0 axes=0,-1

gives the symbols of shapes their sizes and inputs their elements; all other elements are drawn, those of an integer tensor
with `edges<4` from 0 to 3, those of a tensor with `x%3` are zeros but for 3 in a hundred. The model, opset and all, is run by ONNX Runtime as it stands. A folder of its own is made for each set of

    # refused: N=4 M=5         sizes that do not go together, which ONNX Runtime refuses too
    # unsupported: N=1 M=5     sizes it accepts, but generated C refuses
"""
import pathlib
import re
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as state


OPTIONS = onnxruntime.SessionOptions()
OPTIONS.log_severity_level = 4
OPTIONS.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # they lose checks of sizes


def draw(chance, info, given):
    dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
    shape = [d.dim_value if d.HasField("dim_value") else given[d.dim_param][0] for d in info.type.tensor_type.shape.dim]
    if info.name in given:
        return np.array(given[info.name], dtype).reshape(shape)
    if "<" + info.name in given:
        drawn = chance.integers(0, given["<" + info.name][0], shape).astype(dtype)
    else:
        drawn = chance.standard_normal(shape).astype(dtype)
    if "%" + info.name in given:
        drawn[chance.random(shape) >= given["%" + info.name][0] / 100] = 0
    return drawn


def write(array, name, path):
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def run(session, inputs, may_run):
    """The outputs; nothing where ONNX Runtime refuses the inputs, as it must unless they may run."""
    try:
        outputs = session.run(None, inputs)
    except (state.Fail, state.InvalidArgument, state.RuntimeException):
        if may_run:
            raise
        return [np.zeros(0, np.float32) for _ in session.get_outputs()]
    if not may_run:
        sys.exit("ONNX Runtime accepts what is to be refused")
    return outputs


def make_set(model, session, words, number, data, may_run):
    given = {relation.strip("=") + name: [int(value) for value in values.split(",") if value]
             for name, relation, values in (re.fullmatch(r"(\w+)([=<%])([-\d,]*)", word).groups() for word in words.split())}
    chance = np.random.default_rng(number)
    inputs = {info.name: draw(chance, info, given) for info in model.graph.input}
    data.mkdir(parents=True)
    for i, (name, array) in enumerate(inputs.items()):
        write(array, name, data / f"input_{i}.pb")
    for i, array in enumerate(run(session, inputs, may_run)):
        write(array, model.graph.output[i].name, data / f"output_{i}.pb")


def make(text, folder):
    lines = text.read_text().splitlines()
    model = onnx.parser.parse_model("\n".join(line for line in lines if not line.startswith("#")))
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), OPTIONS, providers=["CPUExecutionProvider"])
    made = 0
    for kind in "inputs", "refused", "unsupported":
        sets = [line.removeprefix(f"# {kind}:") for line in lines if line.startswith(f"# {kind}:")]
        for k, words in enumerate(sets):
            case = folder / kind / (text.stem if kind == "inputs" else f"{text.stem}_{k}")
            made += 1
            try:
                make_set(model, session, words, k, case / f"test_data_set_{k}", kind != "refused")
            except SystemExit as error:
                sys.exit(f"{text}, {kind} {words}: {error}")
            onnx.save(model, case / "model.onnx")
    if not made:
        sys.exit(f"{text}: no line '# inputs: ...'")


def main():
    texts, folder = map(pathlib.Path, sys.argv[1:])
    shutil.rmtree(folder, ignore_errors=True)
    for text in sorted(texts.glob("*.onnxtxt")):
        make(text, folder)


main()
