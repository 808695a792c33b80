#!/usr/bin/env python3
"""Programs for CUDA on a GPU: `make gpu-check`.

    check_gpu.py ONNX2C WORK_FOLDER MODEL_FOLDER...

For every model, by nvcc for the GPU that is there: the self-test passes; outputs are those that were recorded, within the C
program's tolerance, the same bits in three runs, also where blocks take all rows but the shortest; edges that lead
nowhere give their status; compute-sanitizer finds nothing with memcheck, racecheck, initcheck and synccheck.
"""
import pathlib
import shutil
import subprocess
import sys

from check_cuda import Emulated
from check_generated import check, run

RUNS = 3
SANITIZER_TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")


def no_gpu():
    """Why nothing can be checked; None where it can."""
    if not shutil.which("nvidia-smi") or subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode:
        return "there is no GPU"
    return next((f"{tool} is not there" for tool in ("nvcc", "compute-sanitizer") if not shutil.which(tool)), None)


class OnDevice(Emulated):
    """The program of one model on the device."""

    def compiled(self, with_main, *flags):
        program = self.folder / "_".join([with_main, *flags])
        if not program.exists():
            run(["nvcc", "-std=c++17", "-O3", "-arch=native", *flags, f"{self.name}.cu", f"{self.name}_{with_main}.cu",
                 "-o", program], cwd=self.out)
        return program

    def test_gpu_self_test_passes(self):
        run([self.compiled("test")], cwd=self.out)

    def test_gpu_sanitizers_find_nothing(self):
        for flags in [], [f"-D{self.name.upper()}_LONG_ROW=1"]:
            for tool in SANITIZER_TOOLS:
                run(["compute-sanitizer", "--error-exitcode", "9", "--tool", tool, self.compiled("test", *flags)], cwd=self.out)

    def test_gpu_same_bits_in_every_run(self):
        for data_set in self.data_sets:
            self.right_in_any_order(data_set, range(RUNS))

    def test_gpu_same_bits_where_blocks_take_rows(self):
        whole = self.compiled("driver")
        self.compiled("driver", f"-D{self.name.upper()}_LONG_ROW=1").replace(whole)
        for data_set in self.data_sets:
            self.right_in_any_order(data_set, range(RUNS))
        whole.unlink()

    def test_gpu_edges_that_lead_nowhere_give_a_status(self):
        self.test_cuda_edges_that_lead_nowhere_give_a_status()


def main():
    if why := no_gpu():
        print(f"gpu-check: {why}; nothing was checked")
        return 1
    onnx2c, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    passed = failed = 0
    for model in sys.argv[3:]:
        lines, good, bad = check(onnx2c, work, model, "gpu", OnDevice)
        print("\n".join(lines), flush=True)
        passed += good
        failed += bad
    print(f"gpu: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
