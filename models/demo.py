#!/usr/bin/env python3
"""What onnx2c makes of one graph attention network in two exports: `make demo`.

    demo.py ONNX2C WORK_FOLDER

Compiles both exports of the digits GAT, the long one of PyTorch's TorchScript exporter and the short one of its dynamo
exporter, runs the generated programs and compares them with what PyTorch computed, and with each other. Then trains the same
network from random weights, in generated C.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))
import raw  # noqa: E402
from graph_text import without_names  # noqa: E402

EXPORTS = {"gat_flat__ts": "TorchScript exporter", "gat__dynamo": "dynamo exporter"}
PYTORCH_ACCURACY = 0.9668  # on the vertices of test_mask.npy, see README.md
EPOCHS, PYTORCH_TRAINED = 100, 0.9476  # PyTorch's accuracy after 20 epochs of the same training


def run(*command):
    result = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    if result.returncode != 0:
        sys.exit(f"demo: {command[0]} ended with status {result.returncode}")
    return result.stdout


def measure(onnx2c, work, name):
    """Compiles one export and runs it on the whole graph; what is to be said about it."""
    model, out, data = HERE / "digits" / name / "model.onnx", work / name, work / f"{name}_data"
    run(onnx2c, "build", model, "-o", out, "--name", "gat", "--driver")
    sources = [path for path in out.glob("*.c") if path.stem != "gat_test"]
    run("cc", "-std=c99", "-O3", *sources, "-lm", "-o", out / "gat_driver")
    data.mkdir(parents=True, exist_ok=True)
    data_set = model.parent / "test_data_set_0"
    for i, array in enumerate(raw.inputs(data_set)):
        raw.write(data / f"input_{i}.raw", array)
    status, workspace, seconds = run(out / "gat_driver", "-r", 50, data).split()
    assert status == "0", f"the program ended with status {status}"
    got, wanted = raw.read(data / "output_0.raw", np.float32), raw.load(data_set / "output_0.pb")
    labels, mask = np.load(HERE / "digits" / "labels.npy"), np.load(HERE / "digits" / "test_mask.npy")
    passes = json.loads(run(onnx2c, "inspect", model, "--passes", "--json"))["passes"]
    return {
        "nodes": (passes[0]["before"], passes[-1]["after"]),
        "kernels": len(json.loads(run(onnx2c, "inspect", model, "--cost", "--json"))),
        "workspace": int(workspace),
        "accuracy": float((got.argmax(1) == labels)[mask].mean()),
        "difference": float(np.abs(got - wanted).max()),
        "seconds": float(seconds),
        "text": without_names(run(onnx2c, "inspect", model, "--ir", "--stop-after", "fuse")),
    }


def train(onnx2c, work):
    """Trains the network by its train_step; the accuracy it comes to."""
    out, data = work / "gat_train", work / "gat_train_data"
    run(onnx2c, "train", HERE / "digits/gat_init__dynamo/model.onnx", "--loss", "ce", "--optimizer", "adam", "--lr", "0.01",
        "--mask", "--outputs", "-o", work / "gat.train.onnx")
    run(onnx2c, "build", work / "gat.train.onnx", "-o", out, "--name", "gat_train")
    sources = [path for path in out.glob("*.c") if path.stem != "gat_train_test"]
    run("cc", "-std=gnu11", "-O3", "-march=native", f"-I{out}", HERE / "train_digits.c", *sources, "-lm", "-o", out / "train_digits")
    data.mkdir(parents=True, exist_ok=True)
    x, edges = raw.inputs(HERE / "digits/gat__dynamo/test_data_set_0")
    for name, array in {"x": x, "edges": edges, "target": np.load(HERE / "digits/labels.npy"),
                        "train": np.load(HERE / "digits/train_mask.npy"), "test": np.load(HERE / "digits/test_mask.npy")}.items():
        (data / name).write_bytes(np.ascontiguousarray(array).tobytes())
    print(f"\nThe same network trained from random weights for {EPOCHS} epochs, C in {out}:", flush=True)
    if subprocess.run([out / "train_digits", data, str(len(x)), str(edges.shape[1]), str(EPOCHS)]).returncode != 0:
        sys.exit("demo: the training failed")
    accuracy = float((data / "accuracy").read_text())
    print(f"  test accuracy          {accuracy:.4f} (PyTorch after 20 epochs: {PYTORCH_TRAINED:.4f})")
    return accuracy


def main():
    onnx2c, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    results = {name: measure(onnx2c, work, name) for name in EXPORTS}
    print("Graph attention network on the digits graph (1797 vertices, 24678 edges), as each exporter wrote it:")
    for name, result in results.items():
        print(f"\n{EXPORTS[name]} (models/digits/{name}), C in {work / name}:")
        print("  nodes                  {} before the rewrites, {} after".format(*result["nodes"]))
        print(f"  kernels                {result['kernels']}")
        print(f"  workspace              {result['workspace']} bytes")
        print(f"  test accuracy          {result['accuracy']:.4f} (PyTorch: {PYTORCH_ACCURACY:.4f})")
        print(f"  largest difference     {result['difference']:.2g} to PyTorch's output")
        print(f"  time                   {result['seconds'] * 1e3:.2f} ms per inference")
    same = len({result["text"] for result in results.values()}) == 1
    print(f"\nThe two exports give {'the same' if same else 'DIFFERENT'} fused kernels.")
    trained = train(onnx2c, work)
    accurate = all(round(r["accuracy"], 4) == PYTORCH_ACCURACY and r["difference"] < 1e-5 for r in results.values())
    return 0 if same and accurate and trained > PYTORCH_TRAINED - 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
