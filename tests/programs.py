#!/usr/bin/env python3
"""Writes models in text as folders with inputs and the outputs ONNX Runtime gives.

    programs.py FOLDER_OF_TEXTS FOLDER

Each text names the data sets to make in comments:

    # inputs: N=4 m=3 flag=0

gives the symbols of shapes their sizes and scalars their values; all other elements are drawn, those of an integer tensor
with `edges<4` from 0 to 3. The model, opset and all, is run by ONNX Runtime as it stands.
"""
import pathlib
import re
import shutil
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper


def draw(chance, info, given):
    dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
    if info.name in given:
        return np.array(given[info.name], dtype)
    shape = [d.dim_value if d.HasField("dim_value") else given[d.dim_param] for d in info.type.tensor_type.shape.dim]
    if "<" + info.name in given:
        return chance.integers(0, given["<" + info.name], shape).astype(dtype)
    return chance.standard_normal(shape).astype(dtype)


def write(array, name, path):
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def make(text, folder):
    lines = text.read_text().splitlines()
    model = onnx.parser.parse_model("\n".join(line for line in lines if not line.startswith("#")))
    onnx.checker.check_model(model)
    sets = [line.removeprefix("# inputs:") for line in lines if line.startswith("# inputs:")]
    if not sets:
        sys.exit(f"{text}: no line '# inputs: ...'")
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for k, words in enumerate(sets):
        given = {relation.strip("=") + name: int(value)
                 for name, relation, value in (re.fullmatch(r"(\w+)([=<])(-?\d+)", word).groups() for word in words.split())}
        chance = np.random.default_rng(k)
        inputs = {info.name: draw(chance, info, given) for info in model.graph.input}
        data = folder / f"test_data_set_{k}"
        data.mkdir()
        for i, (name, array) in enumerate(inputs.items()):
            write(array, name, data / f"input_{i}.pb")
        for i, array in enumerate(session.run(None, inputs)):
            write(array, model.graph.output[i].name, data / f"output_{i}.pb")


def main():
    texts, folder = map(pathlib.Path, sys.argv[1:])
    shutil.rmtree(folder, ignore_errors=True)
    for text in sorted(texts.glob("*.onnxtxt")):
        make(text, folder / text.stem)


main()
