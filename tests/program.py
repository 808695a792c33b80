"""Programs that onnx2c builds, called from Python: compiled to a shared library, arrays in, arrays out. One for CUDA runs in
the emulation of tests/cuda, whose device's memory is the host's; cuBLAS's handle is made by its handle.cu."""
import ctypes
import json
import pathlib
import re
import subprocess

import numpy as np

TYPES = {"float": np.float32, "double": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.bool_}
EMULATING = pathlib.Path(__file__).resolve().parent / "cuda" / "nvcc"


def formula_bytes(formula, sizes, strips=True):
    """What a formula of `inspect --mem` gives for these sizes. Without strips, what is there for a strip of rows at a time,
    min(N, ...) of them, counts as all rows; programs of a fixed size have no strips."""
    names = {"min": min if strips else lambda rows, strip: rows, "max": max}
    return eval(re.sub("/+", "//", formula), names, sizes)


def aligned(content):
    """The bytes as an array at an address that is a multiple of 64."""
    room = np.empty(len(content) + 64, np.uint8)
    start = -room.ctypes.data % 64
    room[start : start + len(content)] = np.frombuffer(content, np.uint8)
    return room[start : start + len(content)]


class Program:
    """The program in a folder that onnx2c wrote."""

    def __init__(self, folder, flags=("-O2",), compiler="cc"):
        folder = pathlib.Path(folder)
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.name = self.manifest["name"]
        library = folder / f"{self.name}.so"
        self.is_cuda = self.manifest["target"] == "cuda"
        compiler = [str(EMULATING), "-std=c++17"] if self.is_cuda else [compiler, "-std=c99"]
        sources = [str(p) for p in folder.glob("*.cu" if self.is_cuda else "*.c")
                   if p.stem not in (f"{self.name}_test", f"{self.name}_driver")]
        takes_handle = self.manifest["library"] == "cublas"
        sources += [str(EMULATING.parent / "handle.cu")] if takes_handle else []
        subprocess.run([*compiler, *flags, "-shared", "-fPIC", *sources, "-lm", "-o", str(library)], check=True)
        weights = folder / f"{self.name}_weights.bin"
        self.weights = [aligned(weights.read_bytes())] if weights.exists() else []
        self.library = ctypes.CDLL(str(library.resolve()))
        self.handle = [self.new_handle()] if takes_handle else []
        self.workspace_bytes = getattr(self.library, f"{self.name}_workspace")
        self.workspace_bytes.restype = ctypes.c_size_t
        self.entry = getattr(self.library, f"{self.name}_run")

    def new_handle(self):
        self.library.new_handle.restype = ctypes.c_void_p
        return ctypes.c_void_p(self.library.new_handle())

    def sizes(self, inputs):
        """The values of the sizes, from the shapes of the inputs (a dict by name)."""
        found = {}
        for entry in self.manifest["inputs"]:
            for text, size in zip(entry["shape"], inputs[entry["name"]].shape):
                if not text.isdigit():
                    found.setdefault(text, size)
        return [found[name] for name in self.manifest["sizes"]]

    def run(self, inputs):
        """The outputs, a dict by name."""
        sizes = self.sizes(inputs)
        known = dict(zip(self.manifest["sizes"], sizes))
        arguments = [ctypes.c_int64(size) for size in sizes]
        given = []
        for entry in self.manifest["inputs"]:
            given.append(np.ascontiguousarray(inputs[entry["name"]], TYPES[entry["type"]]))
        outputs = {}
        for entry in self.manifest["outputs"]:
            shape = [int(eval(text, {}, known)) for text in entry["shape"]]
            outputs[entry["name"]] = np.empty(shape, TYPES[entry["type"]])
        room = self.workspace_bytes(*arguments)
        workspace = aligned(room * b"\xff")  # garbage: what is read must have been written
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in [*given, *outputs.values(), *self.weights, workspace]]
        status = self.entry(*arguments, *pointers, *self.handle, *([None] if self.is_cuda else []))
        if self.is_cuda and status == 0:
            status = getattr(self.library, f"{self.name}_status")(pointers[-1], None)
        if status != 0:
            raise RuntimeError(f"{self.name}_run: status {status}")
        return outputs
