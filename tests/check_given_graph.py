#!/usr/bin/env python3
"""Programs that know their graph (`--graph`) beside those that are given it.

    check_given_graph.py ONNX2C WORK_FOLDER MODEL_FOLDER...

Each model is built once for the graph of each of its data sets, graphs without edges and vertices without edges among them.
The program takes no edges, groups none, gives the outputs that are recorded, compiles without a warning, and has no more kernels
and no larger workspace than the one that is built for all graphs would have without strips. Edges that lead nowhere are refused, with their place.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import raw
from onnx import numpy_helper
from program import Program, formula_bytes

FLAGS = "-O1 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror".split()
EDGES = "edge_index"


def onnx2c_fails(command):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300)
    return result.returncode, result.stderr


def inspect(onnx2c, model, *options):
    command = [onnx2c, "inspect", model, "--json", *options]
    return json.loads(subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, timeout=300).stdout)


class Case:
    def __init__(self, onnx2c, work, folder):
        self.onnx2c, self.folder, self.model = onnx2c, folder, folder / "model.onnx"
        self.work = work / folder.name
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        graph = onnx.load(self.model, load_external_data=False).graph
        self.inputs, self.outputs = list(graph.input), [output.name for output in graph.output]

    def arrays(self, data_set):
        return {info.name: array for info, array in zip(self.inputs, raw.inputs(data_set))}

    def options(self, arrays, data_set, edges=None):
        """The graph (the edges and their kinds), and as many vertices as there are rows of features."""
        sizes = {}
        for info in self.inputs:
            for dim, size in zip(info.type.tensor_type.shape.dim, arrays[info.name].shape):
                if dim.dim_param and info.name != EDGES:
                    sizes.setdefault(dim.dim_param, size)
        own = {dim.dim_param for info in self.inputs if info.name == EDGES for dim in info.type.tensor_type.shape.dim}
        words = [word for name, size in sizes.items() if name not in own for word in ("--dim", f"{name}={size}")]
        for k, (name, array) in enumerate(arrays.items()):
            file = edges if edges and name == EDGES else data_set / f"input_{k}.pb"
            words += ["--graph", f"{name}={file}"] if array.dtype == np.int64 else []
        return words

    def check(self, data_set):
        arrays = self.arrays(data_set)
        options = self.options(arrays, data_set)
        out = self.work / f"set_{data_set.name[-1]}"
        subprocess.run([self.onnx2c, "build", self.model, "-o", out, "--name", "known", *options], check=True, timeout=300)
        program = Program(out, FLAGS)
        assert EDGES not in [entry["name"] for entry in program.manifest["inputs"]], "edges are an input"
        assert program.manifest["sizes"] == [], f"sizes are asked for: {program.manifest['sizes']}"
        assert not list(out.glob("*csr*")), "edges are grouped at run time"
        got = program.run(arrays)
        for k, name in enumerate(program.manifest["outputs"]):
            wanted = raw.load(data_set / f"output_{k}.pb")
            np.testing.assert_allclose(got[name["name"]], wanted, rtol=1e-3, atol=1e-5)
        if arrays[EDGES].size: # a graph without edges is recognised as nothing
            self.check_costs(arrays, options)

    def check_costs(self, arrays, options):
        memory = inspect(self.onnx2c, self.model, "--mem", *options)
        known = int(memory["workspace"]) - 63 * len(memory["slots"]) # each begins at a multiple of 64
        formula = inspect(self.onnx2c, self.model, "--mem")["workspace"]
        sizes = {"N": arrays["x"].shape[0], "E": arrays[EDGES].shape[1]}
        assert known <= formula_bytes(formula, sizes, strips=False), f"the workspace is {known} bytes, was {formula} for {sizes}"
        few, many = (len(inspect(self.onnx2c, self.model, "--cost", *words)) for words in (options, []))
        assert few <= many, f"{few} kernels, were {many}"

    def check_hostile(self, data_set):
        arrays = self.arrays(data_set)
        vertices = arrays["x"].shape[0]
        for bad in -1, vertices, 2**33:
            for row in 0, 1:
                edges = arrays[EDGES].copy()
                edges[row, 5] = bad
                path = self.work / "hostile.pb"
                path.write_bytes(numpy_helper.from_array(edges, EDGES).SerializeToString())
                out = self.work / "refused"
                command = [self.onnx2c, "build", self.model, "-o", out, *self.options(arrays, data_set, path)]
                status, said = onnx2c_fails(command)
                place = re.search(r"edge 5 is from -?\d+ to -?\d+, of \d+ vertices", said)
                assert status == 1 and place and not out.exists(), f"{bad} in row {row}: status {status}: {said}"


def main():
    onnx2c, work = sys.argv[1], pathlib.Path(sys.argv[2])
    jobs = []
    for folder in map(pathlib.Path, sys.argv[3:]):
        case = Case(onnx2c, work, folder)
        sets = sorted(folder.glob("test_data_set_*"))
        jobs += [(f"{folder.name}: {data_set.name}", case.check, data_set) for data_set in sets]
        if raw.inputs(sets[0])[[i.name for i in case.inputs].index(EDGES)].shape[1] > 5:
            jobs.append((f"{folder.name}: hostile edges", case.check_hostile, sets[0]))
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (title, _, _), future in [(job, pool.submit(job[1], job[2])) for job in jobs]:
            try:
                future.result()
                passed += 1
                print(f"ok   {title}", flush=True)
            except (AssertionError, subprocess.CalledProcessError, RuntimeError, KeyError) as error:
                failed += 1
                print(f"FAIL {title}\n     {error}", flush=True)
    print(f"given_graph: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
