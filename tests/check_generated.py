#!/usr/bin/env python3
"""What customers receive, checked as they would: the C generated from each model folder given.

    check_generated.py ONNX2C WORK_FOLDER MODEL_FOLDER... [--edges MODEL_FOLDER...]

For every model: two builds are the same bytes; gcc, clang, g++ and clang++ compile the sources without a warning; the
object holds nothing that changes, allocates, prints and asks the system for nothing, and exports only names with the
model's prefix; the outputs are right under the address and undefined-behaviour sanitizers, and the same bits serial and
with OpenMP at one and two threads; edges that lead nowhere give an error status. Of models after --edges only the last
is checked.
"""
import argparse
import concurrent.futures
import filecmp
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import raw

WARNINGS = "-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror".split()
COMPILERS = [["gcc", "-std=c99"], ["clang", "-std=c99"], ["g++", "-x", "c++"], ["clang++", "-x", "c++"]]
FAST = ["-O2", "-march=native"]
SANITIZERS = "-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all".split()
FORBIDDEN_CALLS = re.compile(r"^(malloc|calloc|realloc|free|alloca|printf|puts|putchar|fopen|abort|exit|rand|time|system)$")
HOSTILE = {"negative": -1, "one past the last vertex": None, "2^33": 2**33}


def run(command, **options):
    """Runs a command; its output, or an exception that has it."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"[:4000])
    return result.stdout


class Generated:
    """The program of one model, in its own folder."""

    def __init__(self, onnx2c, work, model):
        self.onnx2c, self.model = onnx2c, pathlib.Path(model)
        self.name = re.sub(r"\W|__+", "_", self.model.name)
        self.folder = work / self.name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.out = self.build("first")
        self.sources = sorted(path for path in self.out.glob("*.c"))
        self.data_sets = sorted(self.model.glob("test_data_set_*"))

    def build(self, where):
        out = self.folder / where
        run([self.onnx2c, "build", self.model / "model.onnx", "-o", out, "--name", self.name, "--threads", "--driver"])
        return out

    def widths(self):
        """Flags for vectors of the least width, of the machine's, and for none."""
        return [], ["-march=native"], [f"-D{self.name.upper()}_PLAIN"]

    def library(self):
        return [path for path in self.sources if not path.stem.endswith(("_test", "_driver"))]

    def test_two_builds_are_the_same_bytes(self):
        # the same command line, since the command line is in the header comment
        kept = self.folder / "kept"
        shutil.move(self.out, kept)
        again = self.build("first")
        for path in kept.iterdir():
            assert filecmp.cmp(path, again / path.name, shallow=False), f"{path.name} differs between builds"

    def test_compiles_without_a_warning(self):
        for compiler in COMPILERS:
            for source in self.sources:
                for width in self.widths() if source.stem == self.name else [[]]:
                    run([*compiler, *WARNINGS, *width, "-O1", "-c", source, "-o", self.folder / "warned.o"], cwd=self.out)

    def test_object_keeps_nothing_and_calls_little(self):
        for source in self.library():
            object_file = self.folder / "plain.o"
            run(["gcc", "-std=c99", "-O1", "-c", source, "-o", object_file], cwd=self.out)
            for line in run(["nm", object_file]).splitlines():
                kind, symbol = line.split()[-2:]
                assert kind not in "DdBbC", f"{symbol} is a variable"
                assert kind != "U" or not FORBIDDEN_CALLS.match(symbol), f"calls {symbol}"
                assert kind not in "TR" or symbol.startswith(self.name + "_"), f"{symbol} lacks the prefix"

    def driver(self, tag, flags, compiler="gcc"):
        program = self.folder / tag
        sources = [path for path in self.sources if not path.stem.endswith("_test")]
        run([compiler, "-std=c99", *flags, *sources, "-o", program, "-lm"], cwd=self.out)
        return program

    def test_self_test_passes_under_sanitizers_and_threads(self):
        sources = [*self.library(), self.out / f"{self.name}_test.c"]
        for flags, threads in (SANITIZERS, "1"), (["-O2", "-fopenmp"], "1"), (["-O2", "-fopenmp"], "2"):
            program = self.folder / "self_test"
            run(["gcc", "-std=c99", *flags, *sources, "-o", program, "-lm"], cwd=self.out)
            run([program], cwd=self.out, env={**os.environ, "OMP_NUM_THREADS": threads})

    def prepare(self, arrays, tag):
        folder = self.folder / tag
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for i, array in enumerate(arrays):
            raw.write(folder / f"input_{i}.raw", array)
        return folder

    def status(self, program, folder, **environment):
        line = run([program, folder], cwd=self.out, env={**os.environ, **environment})
        return int(line.split()[0])

    def test_right_under_sanitizers(self):
        for width in self.widths():
            program = self.driver("sanitized", [*SANITIZERS, *width])
            for data_set in self.data_sets:
                folder = self.prepare(raw.inputs(data_set), "data")
                assert self.status(program, folder) == 0, f"{data_set.name}: not ok with {width}"
                for path in data_set.glob("output_*.pb"):
                    wanted = raw.load(path)
                    got = raw.read(folder / f"{path.stem}.raw", wanted.dtype)
                    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5,
                                               err_msg=f"{path.stem} of {data_set.name} with {width}")

    def test_same_bits_at_any_number_of_threads(self):
        serial, threaded = self.driver("serial", FAST), self.driver("threaded", [*FAST, "-fopenmp"])
        for data_set in self.data_sets:
            outputs = []
            for program, threads in (serial, "1"), (threaded, "1"), (threaded, "2"):
                folder = self.prepare(raw.inputs(data_set), "data")
                assert self.status(program, folder, OMP_NUM_THREADS=threads) == 0
                outputs.append(b"".join(path.read_bytes() for path in sorted(folder.glob("output_*.raw"))))
            assert len(set(outputs)) == 1, f"{data_set.name}: results depend on threads"

    def test_edges_that_lead_nowhere_give_a_status(self):
        with_edges = [arrays for arrays in map(raw.inputs, self.data_sets) if takes_edges(arrays) and arrays[1].size > 0]
        if not with_edges:
            assert self.data_sets == [], "no data set with edges"
            return
        program = self.driver("sanitized", SANITIZERS)
        x, given, *others = min(with_edges, key=lambda arrays: sum(array.nbytes for array in arrays))
        for what, vertex in HOSTILE.items():
            for row in 0, 1:
                edges = given.copy()
                edges[row, edges.shape[1] // 2] = x.shape[0] if vertex is None else vertex
                folder = self.prepare([x, edges, *others], "hostile")
                assert self.status(program, folder) != 0, f"{what} in row {row} passes unnoticed"


def takes_edges(arrays):
    """Whether inputs are features of vertices, then edges as two rows of vertices."""
    return len(arrays) > 1 and arrays[1].dtype == np.int64 and arrays[1].ndim == 2 and arrays[1].shape[0] == 2


def check(onnx2c, work, model, wanted, kind=Generated):
    """Runs the tests whose name has `wanted` on one model; a line for each, and how many passed and failed."""
    try:
        generated = kind(onnx2c, work, model)
    except RuntimeError as error:
        return [f"FAIL {model}: {error}"], 0, 1
    lines, failed = [], 0
    for test in [name for name in dir(generated) if name.startswith("test_") and wanted in name]:
        title = f"{generated.name}: {test[5:].replace('_', ' ')}"
        try:
            getattr(generated, test)()
            lines.append(f"ok   {title}")
        except (RuntimeError, AssertionError, OSError) as error:
            failed += 1
            lines.append(f"FAIL {title}\n     {error}")
    return lines, len(lines) - failed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx2c", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("model", nargs="*", type=pathlib.Path)
    parser.add_argument("--edges", nargs="*", type=pathlib.Path, default=[])
    options = parser.parse_args()
    onnx2c, work = options.onnx2c.resolve(), options.work.resolve()
    jobs = [(onnx2c, work, model, "") for model in options.model]
    jobs += [(onnx2c, work / "edges", model, "edges_that_lead_nowhere") for model in options.edges
             if takes_edges(raw.inputs(model / "test_data_set_0"))]
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines, good, bad in pool.map(lambda job: check(*job), jobs):
            print("\n".join(lines), flush=True)
            passed += good
            failed += bad
    print(f"generated: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
