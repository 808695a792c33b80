"""Programs that onnx2c builds, called from Python: compiled to a shared library, arrays in, arrays out."""
import ctypes
import json
import pathlib
import subprocess

import numpy as np

TYPES = {"float": np.float32, "double": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.bool_}


class Program:
    """The program in a folder that onnx2c wrote."""

    def __init__(self, folder, flags=("-O2",), compiler="cc"):
        folder = pathlib.Path(folder)
        self.manifest = json.loads((folder / "manifest.json").read_text())
        self.name = self.manifest["name"]
        library = folder / f"{self.name}.so"
        sources = [str(p) for p in folder.glob("*.c") if p.stem not in (f"{self.name}_test", f"{self.name}_driver")]
        subprocess.run([compiler, "-std=c99", *flags, "-shared", "-fPIC", *sources, "-lm", "-o", str(library)], check=True)
        self.library = ctypes.CDLL(str(library.resolve()))
        self.workspace_bytes = getattr(self.library, f"{self.name}_workspace")
        self.workspace_bytes.restype = ctypes.c_size_t
        self.entry = getattr(self.library, f"{self.name}_run")

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
        workspace = np.empty(room + 64, np.uint8)
        aligned = (workspace.ctypes.data + 63) // 64 * 64
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in [*given, *outputs.values()]]
        status = self.entry(*arguments, *pointers, ctypes.c_void_p(aligned))
        if status != 0:
            raise RuntimeError(f"{self.name}_run: status {status}")
        return outputs
