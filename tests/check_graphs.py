#!/usr/bin/env python3
"""Odd graphs through inference and training steps of the digits networks, as generated C.

    check_graphs.py ONNX2C WORK_FOLDER

Graphs without vertices or edges, with a hub that has every edge, with doubled edges and isolated vertices give what ONNX Runtime
gives (without vertices or edges, where it can); edges that lead nowhere give an error status. Runs under the address, undefined-behaviour and thread sanitizers, and gives
the same bits serial and with OpenMP at 1 and 2 threads.
"""
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import raw
from onnx import numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
MODELS = ["gcn__dynamo", "gat__dynamo", "monet__dynamo", "edgeconv__dynamo"]
FEATURES, CLASSES = 64, 10
VARIANTS = {
    "sanitizers": ("-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all".split(), [], {}),
    "thread sanitizer": ("-g -O1 -fsanitize=thread".split(), [HERE / "graphs" / "openmp.c"], {"TSAN_OPTIONS": "exitcode=66"}),
    "serial": (["-O2"], [], {}),
    "1 thread": (["-O2", "-fopenmp"], [], {"OMP_NUM_THREADS": "1"}),
    "2 threads": (["-O2", "-fopenmp"], [], {"OMP_NUM_THREADS": "2"}),
}
BIG = 1500  # vertices: enough that loops are shared among threads


def graphs():
    """Names, numbers of vertices and edges [2, E]."""
    chance = np.random.default_rng(1)
    random = chance.integers(0, BIG, (2, 6 * BIG))
    hub, anyone = np.zeros(4 * BIG, np.int64), chance.integers(0, BIG, 4 * BIG)
    yield "no vertex", 0, np.zeros((2, 0), np.int64)
    yield "no edge", 5, np.zeros((2, 0), np.int64)
    yield "a vertex by itself", 1, np.zeros((2, 1), np.int64)
    yield "a random graph", BIG, random
    yield "every edge leads to a hub", BIG, np.stack([anyone, hub])
    yield "every edge comes from a hub", BIG, np.stack([hub, anyone])
    yield "doubled edges", BIG, np.concatenate([random, random], 1)
    yield "isolated vertices", BIG, random // 2


def hostile(n, edges):
    for what, vertex in {"a negative vertex": -1, "one past the last": n, "2^33": 2**33}.items():
        for row in 0, 1:
            bad = edges.copy()
            bad[row, edges.shape[1] // 2] = vertex
            yield f"{what} in row {row}", bad


def run(command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"[:3000])
    return result.stdout


def compile_program(variant, sources, program):
    """With threads of our own, the compiler's library for OpenMP is not linked: what of it is missing there is an error here."""
    flags, own_library, _ = VARIANTS[variant]
    objects = program.parent / f"{program.name}_objects"
    objects.mkdir(exist_ok=True)
    openmp = ["-fopenmp"] if own_library else []
    run(["gcc", "-std=gnu11", *flags, *openmp, "-c", *sources, *own_library], cwd=objects)
    run(["gcc", *flags, *sorted(objects.glob("*.o")), "-o", program, "-lm"])


class Network:
    def __init__(self, onnx2c, work, name, model):
        self.name, self.folder = name, work / name
        self.folder.mkdir(parents=True)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1  # with several its ScatterND loses updates
        self.session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.graph = onnx.load(model).graph
        self.defaults = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.graph.initializer}
        out = self.folder / "out"
        run([onnx2c, "build", model, "-o", out, "--name", "net", "--threads", "--driver"])
        sources = [path for path in sorted(out.glob("*.c")) if path.stem != "net_test"]
        for variant in VARIANTS:
            compile_program(variant, sources, self.program(variant))

    def program(self, variant):
        return self.folder / variant.replace(" ", "_")

    def inputs(self, n, edges):
        chance = np.random.default_rng(2)
        drawn = {"x": chance.standard_normal((n, FEATURES)).astype(np.float32), "edge_index": edges,
                 "pseudo": chance.random((edges.shape[1], 2)).astype(np.float32),
                 "target": chance.integers(0, CLASSES, n), "mask": chance.random(n) < 0.7, "step": np.array(3)}
        return {info.name: drawn.get(info.name, self.defaults.get(info.name)) for info in self.graph.input}

    def run(self, variant, inputs):
        """The status, and the outputs' bytes."""
        data = self.folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        for i, array in enumerate(inputs.values()):
            raw.write(data / f"input_{i}.raw", array)
        status = int(run([self.program(variant), data], env={**os.environ, **VARIANTS[variant][2]}).split()[0])
        paths = [data / f"output_{i}.raw" for i in range(len(self.graph.output))]
        return status, [path.read_bytes() for path in paths] if status == 0 else None, paths

    def reference(self, inputs):
        """ONNX Runtime's outputs; None where it cannot: some of its kernels want something to work on."""
        try:
            return self.session.run(None, inputs)
        except onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument:
            assert inputs["edge_index"].size == 0, "ONNX Runtime refuses a graph with edges"
            return None

    def check(self, n, edges):
        inputs = self.inputs(n, edges)
        wanted = self.reference(inputs)
        results = []
        for variant in VARIANTS:
            status, outputs, paths = self.run(variant, inputs)
            assert status == 0, f"{variant}: status {status}"
            for path, array, info in zip(paths, wanted or [], self.graph.output):
                np.testing.assert_allclose(raw.read(path, array.dtype), array, rtol=2e-3, atol=2e-4, err_msg=f"{variant}: {info.name}")
            results.append(outputs)
        assert results[2] == results[3] == results[4], "results depend on threads"

    def check_hostile(self, n, edges):
        for what, bad in hostile(n, edges):
            status, _, _ = self.run("sanitizers", self.inputs(n, bad))
            assert status != 0, f"{what} passes unnoticed"


RACE = """
int main(void)
{
    static long sum;
#pragma omp parallel for schedule(dynamic, 4)
    for (long i = 0; i < 10000; i++)
        sum += i;
    return sum < 0;
}
"""


def sees_races(work):
    """Whether the thread sanitizer finds one where one is planted."""
    (work / "race.c").write_text(RACE)
    compile_program("thread sanitizer", [work / "race.c"], work / "race")
    environment = {**os.environ, **VARIANTS["thread sanitizer"][2]}
    return subprocess.run([work / "race"], capture_output=True, env=environment).returncode == 66


def networks(onnx2c, work):
    """Inference and one training step of each."""
    for name in MODELS:
        model = HERE.parent / "models" / "digits" / name / "model.onnx"
        yield Network(onnx2c, work, name, model)
        derived = work / f"{name}.train.onnx"
        run([onnx2c, "train", model, "--loss", "ce", "--mask", "--optimizer", "sgd", "--outputs", "-o", derived])
        yield Network(onnx2c, work, f"{name}_train", derived)


def main():
    onnx2c, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    passed, failed = (1, 0) if sees_races(work) else (0, 1)
    print("ok   a planted race is seen" if passed else "FAIL the thread sanitizer does not see a planted race")
    for network in networks(onnx2c, work):
        cases = [(what, network.check, n, edges) for what, n, edges in graphs()]
        cases.append(("edges that lead nowhere", network.check_hostile, BIG, np.random.default_rng(3).integers(0, BIG, (2, BIG))))
        for what, check, n, edges in cases:
            try:
                check(n, edges)
                passed += 1
                print(f"ok   {network.name}: {what}", flush=True)
            except (RuntimeError, AssertionError) as error:
                failed += 1
                print(f"FAIL {network.name}: {what}\n     {error}", flush=True)
    print(f"graphs: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
