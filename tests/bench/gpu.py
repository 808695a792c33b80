#!/usr/bin/env python3
"""Programs for CUDA beside PyTorch Geometric on a GPU: `make bench-gpu`.

    gpu.py ONNX2C FOLDER SHARED [--rows PATTERN...] [--modes inference,training] [--rounds 7] [--emulated]

Rows, graphs, modules, exports and engines are bench.py's: the module as it is, torch.compile, and matrices in compressed
rows, whose products are cuSPARSE's. Results are compared first. Then ours and a peer take turns: a round is one turn of
each, timed by the device's events, and what counts is the median over the rounds of the ratio between the two. Memory is
what a step takes above what is there with engine, model and inputs loaded. Writes FOLDER/gpu.txt, the table that is
printed.

--emulated needs no GPU: the program runs in the emulation of tests/cuda, the peers on the CPU; results are compared, and
nothing is timed.
"""
import argparse
import ctypes
import gc
import pathlib
import random
import statistics
import subprocess
import sys

import engines
import graphs
import numpy as np
import torch
from rows import ROWS, select

HERE = pathlib.Path(__file__).resolve().parent
EMULATING = HERE.parent / "cuda" / "nvcc"
TOLERANCE = 1e-3  # of the largest absolute value
TURN = 0.05  # seconds a turn takes at least
DEVICE = "cuda"


class Generated(engines.Generated):
    """onnx2c's program for CUDA; all of its memory is the device's."""

    def __init__(self, task):
        super().__init__(task)
        self.argument = {name: torch.from_numpy(array).to(DEVICE) for name, array in self.argument.items()}
        weights = pathlib.Path(self.library._name).with_name("program_weights.bin")
        content = np.fromfile(weights, np.uint8) if weights.exists() else np.zeros(1, np.uint8)
        self.argument["weights"] = self.room(len(content), np.uint8)
        self.argument["weights"][:] = torch.from_numpy(content)

    def build(self, task, onnx, out):
        checked, library = engines.checked, out / "program.so"
        checked(task.onnx2c, "build", onnx, "-o", out, "--name", "program", "--target", "cuda", *task.options)
        flags = ["-O3", "-arch=native", "-Xcompiler", "-fPIC"] if DEVICE == "cuda" else ["-O2", "-fPIC"]
        checked("nvcc" if DEVICE == "cuda" else EMULATING, "-std=c++17", *flags, "-shared", out / "program.cu", "-o", library)
        return library

    def threads(self, count):
        pass

    def room(self, count, dtype):
        size = max(int(count), 1) * np.dtype(dtype).itemsize
        room = torch.empty(size + 64, dtype=torch.uint8, device=DEVICE)
        room = room[-room.data_ptr() % 64 :][:size]
        return room.view(torch.float32) if dtype == np.float32 else room

    def address(self, name):
        return None if name == "stream" else self.argument[name].data_ptr()  # the default one, which is PyTorch's too

    def begin(self):
        pointers = [ctypes.c_void_p(self.address(name)) for name in ("weights", "state", "stream")]
        if status := self.library.program_init(*pointers):
            raise RuntimeError(f"program_init ended with status {status}")

    def result(self):
        call = self.library.program_status
        if status := call(ctypes.c_void_p(self.address("workspace")), None):
            raise RuntimeError(f"the program's status is {status}")
        result = super().result()
        return result if isinstance(result, np.ndarray) else result.cpu().numpy()


class OnDevice:
    """An engine of PyTorch with all that it has on the device."""

    def __init__(self, task):
        super().__init__(task)
        if self.training:
            self.labels = self.labels.to(DEVICE)

    def prepare(self, task):
        super().prepare(task)
        self.model.to(DEVICE)
        self.inputs = tuple(array.to(DEVICE) for array in self.inputs)

    def result(self):
        return super().result() if self.training else self.output.cpu().numpy()


PEERS = {
    name: type(name, (OnDevice, kind), {})
    for name, kind in (("PyG", engines.Eager), ("PyG compiled", engines.Compiled), ("cuSPARSE", engines.Sparse))
}


def turn(engine, count):
    """Seconds of a step, the mean of so many."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(count):
        engine.step()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3 / count


def first_result(engine):
    """What comes out of it, and the bytes that a step takes."""
    engine.threads(1)
    if DEVICE != "cuda":
        engine.step()
        return engine.result(), 0
    if engine.WARM:
        engine.step()
    gc.collect()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    engine.step()
    torch.cuda.synchronize()
    return engine.result(), torch.cuda.max_memory_allocated() - before


def compete(ours, peer, rounds):
    """The medians of ours and of the ratio, over rounds in changing order."""
    count = {engine: max(1, int(TURN / turn(engine, 1))) for engine in (ours, peer)}
    taken = []
    for number in range(rounds):
        order = random.Random(number).sample((ours, peer), 2)
        found = {engine: turn(engine, count[engine]) for engine in order}
        taken.append((found[ours], found[peer] / found[ours]))
    return tuple(statistics.median(column) for column in zip(*taken))


def against(task, ours, wanted, memory, name, rounds):
    """One peer's cell of the table: its time and memory, in times of ours."""
    if not PEERS[name].can(task.model, task.graph["name"], task.mode):
        return "-", None
    try:
        peer = PEERS[name](task)
        got, taken = first_result(peer)
        difference = float(np.abs(got - wanted).max() / np.abs(got).max())
        if not difference <= TOLERANCE:
            return f"differs by {difference:.1g}", None
        if DEVICE != "cuda":
            return "same", None
        seconds, ratio = compete(ours, peer, rounds)
        return f"{ratio:.2f} ({taken / max(memory, 1):.1f})", seconds
    except Exception as error:  # what a peer cannot do is its cell
        print(f"{name}: {error}", file=sys.stderr)
        return type(error).__name__, None


def row(arguments, name, mode):
    model, graph = ROWS[name]
    data = dict(graphs.load(graph, arguments.folder / "graphs", arguments.shared), name=graph)
    onnx = arguments.folder / "onnx" / f"{name}_{mode}.onnx"
    if not onnx.exists():
        engines.checked(sys.executable, HERE / "export.py", model, graph, mode, arguments.folder / "graphs", onnx)
    work = arguments.folder / "gpu" / name
    work.mkdir(parents=True, exist_ok=True)
    task = engines.Task(model, data, mode, onnx, work, str(arguments.onnx2c), [])
    ours = Generated(task)
    wanted, memory = first_result(ours)
    cells, seconds = [], None
    for peer in PEERS:
        cell, taken = against(task, ours, wanted, memory, peer, arguments.rounds)
        cells.append(cell)
        seconds = taken or seconds
        gc.collect()
    return [name, mode, f"{1e3 * seconds:.3f}" if seconds else "-", f"{memory / 1e6:.0f}", *cells]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx2c", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("folder", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("shared", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rows", default="*")
    parser.add_argument("--modes", type=lambda text: text.split(","), default=["inference", "training"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--emulated", action="store_true")
    arguments = parser.parse_args()
    global DEVICE
    DEVICE = "cpu" if arguments.emulated else "cuda"
    if DEVICE == "cuda" and not torch.cuda.is_available():
        sys.exit("bench-gpu: this PyTorch finds no GPU")
    lines = [["row", "mode", "ms", "MB", *PEERS]]
    for mode in arguments.modes:
        for name in select(arguments.rows):
            lines.append(row(arguments, name, mode))
            print("  ".join(lines[-1]), file=sys.stderr, flush=True)
    width = [max(map(len, column)) for column in zip(*lines)]
    table = "\n".join("  ".join(cell.rjust(size) for cell, size in zip(line, width)) for line in lines)
    about = torch.cuda.get_device_name() if DEVICE == "cuda" else "emulated: nothing was timed"
    text = f"{table}\n\nPeers: time (memory) in times of ours. {about}, PyTorch {torch.__version__}\n"
    (arguments.folder / "gpu.txt").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
