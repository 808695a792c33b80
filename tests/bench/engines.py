"""The engines that are compared. Each runs one model on one graph, in a process of its own (worker.py).

An engine says with can(model, graph, mode) whether there is something to run. It is made with a Task and has
    threads(n)   computes with n threads from now on
    step()       once: an inference, or a training step
    result()     what came out: the output, or the losses of the steps so far, as an array
Engines that work only after what a first step does (compiling, say) set WARM.
"""
import ctypes
import dataclasses
import json
import pathlib
import re
import subprocess

import numpy as np
from graphs import input_names, inputs_of

STEPS_COMPARED, LEARNING_RATE = 3, 0.01
AGGREGATING = ("gcn", "sage")  # models whose layers are products with the adjacency matrix
SPARSE = ("cora",)  # graphs whose features are mostly zero


@dataclasses.dataclass
class Task:
    model: str  # a name of models.MODELS
    graph: dict
    mode: str  # "inference" or "training"
    onnx: pathlib.Path
    work: pathlib.Path  # folder of the row
    onnx2c: str
    options: list  # of `onnx2c build`


def labels(graph):
    return np.random.default_rng(5).integers(0, int(graph["classes"]), len(graph["x"]))


def first_losses(engine):
    while len(engine.losses) < STEPS_COMPARED:
        engine.step()
    return np.array(engine.losses[:STEPS_COMPARED])


# ---- what onnx2c generates -------------------------------------------------------------------------------------


def aligned(count, dtype):
    """An array at a multiple of 64, of memory that is not touched yet."""
    size = max(int(count), 1) * np.dtype(dtype).itemsize
    pointer = ctypes.c_void_p()
    if ctypes.CDLL(None).posix_memalign(ctypes.byref(pointer), 64, ctypes.c_size_t(size)):
        raise MemoryError(f"{size} bytes")
    return np.frombuffer((ctypes.c_char * size).from_address(pointer.value), dtype)[: int(count)]


def checked(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{command[0]}: {(result.stderr or result.stdout).strip()[-300:]}")
    return result.stdout


class Generated:
    """onnx2c's C as a shared library: the graph once (NAME_graph), then inferences or training steps on it. Memory is made at the
    first step."""

    WARM = False
    ONCE = True  # the graph

    @staticmethod
    def can(model, graph, mode):
        return True

    def __init__(self, task):
        self.function, onnx = "run", task.onnx
        self.argument = dict(zip(input_names(task.model), inputs_of(task.model, task.graph)))
        if task.mode == "training":
            self.function, onnx = "step", training_model(task)
            self.argument.update(target=labels(task.graph), lr=np.array(LEARNING_RATE, np.float32))
        out = task.work / f"{task.mode}_{type(self).__name__.lower()}"
        library = self.build(task, onnx, out)
        self.library, self.header = ctypes.CDLL(str(library)), (out / "program.h").read_text()
        manifest, size_of = json.loads((out / "manifest.json").read_text()), {}
        for argument in manifest["inputs"]:
            for name, extent in zip(argument["shape"], self.argument.get(argument["argument"], np.empty(0)).shape):
                size_of.setdefault(name, extent)
        self.sizes = [size_of[name] for name in manifest["sizes"]]
        self.output, shape = manifest["outputs"][0]["argument"], manifest["outputs"][0]["shape"]
        self.shape = [size_of[extent] if extent in size_of else int(extent) for extent in shape]
        self.once = self.ONCE and "program_graph(" in self.header
        self.losses = []

    def build(self, task, onnx, out):
        """The program as a shared library."""
        checked(task.onnx2c, "build", onnx, "-o", out, "--name", "program", "--threads", *task.options)
        checked("make", "-C", out, "CFLAGS=-O3 -march=native -fPIC -fopenmp", "libprogram.a")
        archive, library = out / "libprogram.a", out / "program.so"
        checked("cc", "-shared", "-fopenmp", "-Wl,--whole-archive", archive, "-Wl,--no-whole-archive", "-lm", "-o", library)
        return library

    def threads(self, count):
        ctypes.CDLL("libgomp.so.1").omp_set_num_threads(count)

    def room(self, count, dtype):
        return aligned(count, dtype)

    def address(self, name):
        return self.argument[name].ctypes.data

    def begin(self):
        """Makes the first state."""
        self.library.program_init(ctypes.c_void_p(self.address("state")))

    def bytes_of(self, function):
        call = self.library[f"program_{function}"]
        call.restype = ctypes.c_size_t
        return call(*map(ctypes.c_int64, self.sizes))

    def call(self, function):
        """Calls the function with the arguments that the header names after the sizes."""
        names = re.search(rf"\bprogram_{function}\(([^)]*)\);", self.header)[1].split(",")[len(self.sizes) :]
        pointers = [ctypes.c_void_p(self.address(name.split()[-1].strip("*"))) for name in names]
        status = self.library[f"program_{function}"](*map(ctypes.c_int64, self.sizes), *pointers)
        if status:
            raise RuntimeError(f"program_{function} ended with status {status}")

    def make(self):
        """Memory for what is written, each array touched by the program first; then the graph, or the first state."""
        self.argument[self.output] = self.room(np.prod(self.shape), np.float32)
        training = self.function == "step"
        self.argument["workspace"] = self.room(self.bytes_of("step_workspace" if training else "workspace"), np.uint8)
        if training:
            members = re.search(r"struct program_state \{(.*?)\n\};", self.header, re.S)[1]
            self.argument["state"] = self.room(sum(map(int, re.findall(r"\[(\d+)\];", members))), np.int64)  # the widest type
            self.begin()
        if self.once:
            self.argument["graph"] = self.room(self.bytes_of("graph_bytes"), np.uint8)
            self.call("graph")

    def planned(self):
        """Bytes of what make() makes but the state."""
        return sum(self.argument[name].nbytes for name in (self.output, "workspace", "graph") if name in self.argument)

    def step(self):
        if "workspace" not in self.argument:
            self.make()
        self.call(self.function + "_graph" * self.once)
        if self.function == "step":
            self.losses.append(float(self.argument[self.output][0]))

    def result(self):
        return first_losses(self) if self.losses else self.argument[self.output].reshape(self.shape)


class OneCall(Generated):
    """The same where every run is given the edges and groups them."""

    ONCE = False


def training_model(task):
    """The model that trains the task's."""
    path = task.work / "train.onnx"
    options = ["--loss", "ce", "--optimizer", "adam", "--lr", LEARNING_RATE]
    checked(task.onnx2c, "train", task.onnx, *options, "-o", path)
    return path


# ---- ONNX Runtime ----------------------------------------------------------------------------------------------


class OnnxRuntime:
    WARM = False

    @staticmethod
    def can(model, graph, mode):
        return mode == "inference"

    def __init__(self, task):
        self.path, self.names, self.arrays, self.session = task.onnx, None, inputs_of(task.model, task.graph), None
        self.threads(1)

    def threads(self, count):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = count, 3
        self.session = None  # the old one goes first
        self.session = onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])
        self.names = [argument.name for argument in self.session.get_inputs()]

    def step(self):
        self.output = self.session.run(None, dict(zip(self.names, self.arrays)))[0]

    def result(self):
        return self.output


# ---- PyTorch Geometric -----------------------------------------------------------------------------------------


class Eager:
    """The module as it is."""

    WARM = True

    @staticmethod
    def can(model, graph, mode):
        return True

    def __init__(self, task):
        import torch
        from models import build

        self.torch, self.training = torch, task.mode == "training"
        self.model, self.inputs = build(task.model, task.graph)
        self.prepare(task)
        self.function = self.model
        if self.training:
            self.losses, self.labels = [], torch.from_numpy(labels(task.graph))
            self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATE, fused=True)

    def prepare(self, task):
        pass

    def threads(self, count):
        self.torch.set_num_threads(count)

    def step(self):
        if self.training:
            self.optimizer.zero_grad()
            loss = self.torch.nn.functional.cross_entropy(self.function(*self.inputs), self.labels)
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())
            return
        with self.torch.no_grad():
            self.output = self.function(*self.inputs)

    def result(self):
        return first_losses(self) if self.training else self.output.numpy()


class Compiled(Eager):
    """torch.compile for exactly these sizes; an error where it would fall back to the module as it is."""

    def threads(self, count):
        super().threads(count)
        self.torch._dynamo.reset()
        self.function = self.torch.compile(self.model, fullgraph=True, dynamic=False)


class Sparse(Eager):
    """The module on matrices in compressed rows, made before: features that are mostly zero, and the adjacency matrix for
    layers without an edge function."""

    @staticmethod
    def can(model, graph, mode):
        return model in AGGREGATING or graph in SPARSE

    def prepare(self, task):
        x, edges, *others = self.inputs
        if (x == 0).float().mean() > 0.9:
            x = x.to_sparse_csr()
        if task.model in AGGREGATING:
            ones, shape = self.torch.ones(edges.shape[1]), (len(x), len(x))
            edges = self.torch.sparse_coo_tensor(edges.flip(0), ones, shape).coalesce().to_sparse_csr()
        self.inputs = (x, edges, *others)


#           column, class
ENGINES = {
    "onnx2c": Generated,
    "one call": OneCall,
    "PyG": Eager,
    "PyG compiled": Compiled,
    "PyG sparse": Sparse,
    "ONNX Runtime": OnnxRuntime,
}
OURS = "onnx2c"
PEERS = [name for name, engine in ENGINES.items() if not issubclass(engine, Generated)]
