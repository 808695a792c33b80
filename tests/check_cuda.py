#!/usr/bin/env python3
"""Programs for CUDA, run without a GPU by the emulation of tests/cuda (see its cuda_runtime.h).

    check_cuda.py ONNX2C WORK_FOLDER [--blas cublas] MODEL_FOLDER...

For every model: the self-test passes; the outputs are those that were recorded, within the C program's tolerance, and the
same bits whatever the order of threads and blocks, both where warps take the rows and where blocks do; a fault in the data is found on the device: edges that lead nowhere
give their status, and no kernel behind it reads through them. All of it under the address and undefined-behaviour
sanitizers. Where nvcc is, it compiles each program for sm_80 and sm_90, warnings being errors; no kernel spills registers,
nor takes so many that few of it fit on a device at once.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import raw
from check_generated import HOSTILE, SANITIZERS, Generated, check, run, takes_edges

EMULATING = pathlib.Path(__file__).resolve().parent / "cuda" / "nvcc"
ORDERS, BLOCK_ORDERS = range(6), range(3)  # the first is the threads' own; a row by a block is a lot of threads
BAD_INDEX = 2
DEVICES = 80, 90
MOST_REGISTERS = 80  # 768 threads of an SM's 65536; see O2C_TEAMS of runtime/team.cuh
WARNINGS = "-Werror all-warnings -Xcompiler -Wall,-Wextra,-Werror".split()


def nvcc(source, folder, *flags):
    """What nvcc says of a source that it compiles for all devices."""
    devices = [f"-gencode=arch=compute_{device},code=sm_{device}" for device in DEVICES]
    command = ["nvcc", "-std=c++17", *devices, *WARNINGS, *flags, "-c", source, "-o", folder / f"{source.stem}.o"]
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr[:4000]
    return result.stdout + result.stderr


class Emulated(Generated):
    """The program for CUDA of one model."""

    options = []  # of the build

    def __init__(self, onnx2c, work, model):
        super().__init__(onnx2c, work, model)
        self.sources = sorted(self.out.glob("*.cu"))
        self.program = None

    def build(self, where):
        out = self.folder / where
        run([self.onnx2c, "build", self.model / "model.onnx", "-o", out, "--name", self.name, "--target", "cuda", "--driver",
             *self.options])
        return out

    def compiled(self, with_main):
        """The program with one of its mains; what a long row is, it asks the environment."""
        program, library = self.folder / with_main, self.folder / "program.o"
        emulating = [EMULATING, "-std=c++17", *SANITIZERS, "-Wall", "-Wextra", "-Werror"]
        if not library.exists():
            run([*emulating, f"-D{self.name.upper()}_LONG_ROW=emulated::long_row()", "-c", f"{self.name}.cu", "-o", library],
                cwd=self.out)
        if not program.exists():
            main = program.with_suffix(".o")
            run([*emulating, "-c", f"{self.name}_{with_main}.cu", "-o", main], cwd=self.out)
            run(["g++", *SANITIZERS, library, main, "-o", program])
        return program

    def has_teams(self):
        return f"\n{self.name.upper()}_TEAMS\n" in (self.out / f"{self.name}.cu").read_text()

    def test_cuda_self_test_passes(self):
        run([self.compiled("test")], cwd=self.out)

    def right_in_any_order(self, data_set, orders, **environment):
        arrays, outputs = raw.inputs(data_set), set()
        for order in orders:
            folder = self.prepare(arrays, "data")
            assert self.status(self.compiled("driver"), folder, EMULATED_ORDER=str(order), **environment) == 0, f"{data_set.name}: not ok"
            outputs.add(b"".join(path.read_bytes() for path in sorted(folder.glob("output_*.raw"))))
        assert len(outputs) == 1, f"{data_set.name}: results depend on the order of threads"
        for path in data_set.glob("output_*.pb"):
            wanted = raw.load(path)
            got = raw.read(folder / f"{path.stem}.raw", wanted.dtype)
            np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-5, err_msg=f"{path.stem} of {data_set.name}")

    def test_cuda_same_bits_in_any_order_of_threads(self):
        for data_set in self.data_sets:
            self.right_in_any_order(data_set, ORDERS)

    def test_cuda_same_bits_in_any_order_where_blocks_take_rows(self):
        """Those of more edges than most have."""
        for data_set in self.data_sets if self.has_teams() else []:
            arrays = raw.inputs(data_set)
            mean = arrays[1].shape[-1] // max(arrays[0].shape[0], 1) if takes_edges(arrays) else 1
            self.right_in_any_order(data_set, BLOCK_ORDERS, EMULATED_LONG_ROW=str(mean))

    def test_cuda_edges_that_lead_nowhere_give_a_status(self):
        with_edges = [arrays for arrays in map(raw.inputs, self.data_sets) if takes_edges(arrays) and arrays[1].size > 0]
        if not with_edges:
            return
        x, given, *others = min(with_edges, key=lambda arrays: sum(array.nbytes for array in arrays))
        for what, vertex in HOSTILE.items():
            for row in 0, 1:
                edges = given.copy()
                edges[row, edges.shape[1] // 2] = x.shape[0] if vertex is None else vertex
                folder = self.prepare([x, edges, *others], "hostile")
                status = self.status(self.compiled("driver"), folder)
                assert status == BAD_INDEX, f"{what} in row {row}: status {status}"

    def test_cuda_nvcc_has_no_warning(self):
        if not shutil.which("nvcc"):
            return
        for source in self.sources:
            if source.stem != self.name:
                nvcc(source, self.folder)

    def test_cuda_kernels_keep_what_they_need_in_registers(self):
        if not shutil.which("nvcc"):
            return
        said = nvcc(self.out / f"{self.name}.cu", self.folder, "-O3", "-Xptxas", "-v")
        spilled = [int(count) for count in re.findall(r"(\d+) bytes spill", said)]
        registers = re.findall(r"entry function '(\w+)' for.*?Used (\d+) registers", said, re.DOTALL)
        assert registers and len(spilled) >= len(registers), f"nvcc told nothing: {said}"
        assert max(spilled) == 0, f"{max(spilled)} bytes of registers are spilled"
        for kernel, count in registers:
            is_routine = "_node_call_" in kernel  # of runtime/, run by one thread
            assert is_routine or int(count) <= MOST_REGISTERS, f"{kernel}: {count} registers"


def main():
    onnx2c, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    models, passed, failed = sys.argv[3:], 0, 0
    if models[:1] == ["--blas"]:
        Emulated.options, models = models[:2], models[2:]
    if not shutil.which("nvcc"):
        print("SKIPPED cuda: nvcc is not there, which would compile for devices")
    os.environ["ASAN_OPTIONS"] = "detect_stack_use_after_return=0"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for lines, good, bad in pool.map(lambda model: check(onnx2c, work, model, "cuda", Emulated), models):
            print("\n".join(lines), flush=True)
            passed += good
            failed += bad
    print(f"cuda: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
