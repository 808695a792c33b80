#!/usr/bin/env python3
"""Names of a model never meet those of the program made of it.

    check_names.py ONNX2C WORK_FOLDER MODEL...

A model (a file, or ONNX text) is built once and all identifiers of its C, self-test and driver collected. Then it is built
again with something of each of these names beside it: nodes and outputs, inputs, weights, sizes. All C compiles
without a warning, and the self-test passes.
"""
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WARNINGS = "-std=c99 -O0 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror".split()


def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))[:200]}\n{result.stdout}{result.stderr}"[:2000])


def load(path):
    if path.suffix != ".onnxtxt":
        return onnx.load(path)
    lines = path.read_text().splitlines()
    return onnx.parser.parse_model("\n".join(line for line in lines if not line.startswith("#")))


def build(onnx2c, model, folder):
    """Builds the model as m and runs its self-test; the identifiers of all its files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    onnx.save(model, folder / "model.onnx")
    run(onnx2c, "build", folder / "model.onnx", "-o", folder / "out", "--name", "m", "--threads", "--driver")
    sources = sorted((folder / "out").glob("*.c"))
    for source in sources:
        run("gcc", *WARNINGS, "-fopenmp", "-c", source, "-o", source.with_suffix(".o"))
    objects = [source.with_suffix(".o") for source in sources if not source.stem.endswith("_driver")]
    run("gcc", "-fopenmp", *objects, "-o", folder / "test", "-lm")
    run(folder / "test")
    names = set()
    for path in [*sources, *(folder / "out").glob("*.h")]:
        code = re.sub(r'/\*.*?\*/|".*?"', "", path.read_text(), flags=re.S)
        names.update(re.findall(r"(?<![\w.])[A-Za-z_]\w*", code))
    return sorted(names)


def value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def doubled(graph, name, number, source, result):
    """result = source * number: a node of this name."""
    graph.initializer.append(numpy_helper.from_array(np.array(number, np.float32), f"factor {number}"))
    graph.node.append(helper.make_node("Mul", [source, f"factor {number}"], [result], name=name))


def add_nodes(graph, names):
    graph.input.append(value("in common", [5]))
    for i, name in enumerate(names):
        doubled(graph, name, i + 2, "in common", name)
        graph.output.append(value(name, [5]))


def add_inputs(graph, names):
    for i, name in enumerate(names):
        graph.input.append(value(name, [5]))
        doubled(graph, f"node {i}", i + 2, name, f"result {i}")
        graph.output.append(value(f"result {i}", [5]))


def add_sizes(graph, names):
    for i, name in enumerate(names):
        graph.input.append(value(f"sized {i}", [name]))
        doubled(graph, f"node {i}", i + 2, f"sized {i}", f"result {i}")
        graph.output.append(value(f"result {i}", [name]))


def add_weights(graph, names):
    graph.input.append(value("in common", [2]))
    for i, name in enumerate(names):
        graph.initializer.append(numpy_helper.from_array(np.array([i, i + 1], np.float32), name))
        graph.node.append(helper.make_node("Add", ["in common", name], [f"result {i}"], name=f"node {i}"))
        graph.output.append(value(f"result {i}", [2]))


def taken_names(graph):
    """Names that are taken, those of subgraphs included."""
    taken = {v.name for v in [*graph.input, *graph.output, *graph.initializer]}
    for node in graph.node:
        taken |= {*node.input, *node.output}
        for attribute in node.attribute:
            taken |= taken_names(attribute.g) if attribute.type == onnx.AttributeProto.GRAPH else set()
    sizes = {d.dim_param for v in [*graph.input, *graph.output] for d in v.type.tensor_type.shape.dim}
    return taken | sizes


def main():
    onnx2c, work, paths = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]
    passed = failed = 0
    for path in map(pathlib.Path, paths):
        names = build(onnx2c, load(path), work / "plain")
        for add in add_nodes, add_inputs, add_sizes, add_weights:
            model = load(path)
            title = f"{path.parent.name}/{path.stem}: {add.__name__[4:]} with {len(names)} names of the program"
            taken = taken_names(model.graph)
            add(model.graph, [name for name in names if name not in taken])
            try:
                build(onnx2c, model, work / add.__name__)
                passed += 1
                print(f"ok   {title}", flush=True)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAIL {title}\n     {error}", flush=True)
    print(f"names: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
