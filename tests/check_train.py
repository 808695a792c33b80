#!/usr/bin/env python3
"""Training on the digits graph, by generated C, against what PyTorch recorded (models/digits/train_ref_*.json).

    check_train.py ONNX2C WORK_FOLDER [--target cuda [--blas cublas]] NAME...

Each NAME_init__dynamo model is made to train (Adam, lr 0.01, masked cross-entropy), built, and run for 20 steps from the
same weights: every loss must be PyTorch's within 1e-4, the accuracy after the last step within one point. The model that
trains must pass onnx.checker, and ONNX Runtime, which knows nothing of our operators, must compute the first loss.
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import raw
from program import Program

DIGITS = pathlib.Path(__file__).resolve().parent.parent / "models" / "digits"
FREEZE = {"gin": ["--freeze", "add_*"]}  # 1 + epsilon, which is no parameter
STEPS, LOSS_TOLERANCE, ACCURACY_TOLERANCE = 20, 1e-4, 0.01


def run(*command):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=600)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{result.stdout}{result.stderr}"[:2000])


def graph_inputs(name):
    """The digits graph as the model takes it."""
    loops = DIGITS / ("monet__dynamo" if name.startswith("monet") else "gcn__dynamo" if name in ("gcn", "gat") else "edgeconv__dynamo")
    arrays = raw.inputs(loops / "test_data_set_0")
    return dict(zip(["x", "edge_index", "pseudo"], arrays))


def train_model(onnx2c, work, name):
    """The model that trains, as a file."""
    path = work / f"{name}.onnx"
    run(onnx2c, "train", DIGITS / f"{name}_init__dynamo" / "model.onnx", "--loss", "ce", "--mask", "--optimizer", "adam",
        "--lr", "0.01", "--outputs", *FREEZE.get(name, []), "-o", path)
    return path


def first_state(model):
    """What is kept from step to step: by input, the output that follows it ("" where it stays); and the first values."""
    follows = {p.key[len("onnx2c.kept."):]: p.value for p in model.metadata_props if p.key.startswith("onnx2c.kept.")}
    initial = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    return follows, {name: initial.get(name, np.zeros((), np.int64)) for name in follows}


def check(onnx2c, work, name, options):
    reference = json.loads((DIGITS / f"train_ref_{name}.json").read_text())
    path = train_model(onnx2c, work, name)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    run(onnx2c, "build", path, "-o", work / name, *options)
    program = Program(work / name)
    follows, state = first_state(model)
    assert set(reference["params"]) <= set(follows), sorted(set(reference["params"]) - set(follows))
    labels = np.load(DIGITS / "labels.npy")
    fixed = {**graph_inputs(name), "target": labels, "mask": np.load(DIGITS / "train_mask.npy")}
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level, settings.intra_op_num_threads = 4, 1  # threads race in its ScatterND
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings)
    other = float(session.run(["loss"], {**fixed, "step": state["step"]})[0])
    losses, outputs = [], None
    for step in range(STEPS + 1):
        outputs = program.run({**fixed, **state})
        losses.append(float(outputs["loss"]))
        state = {old: outputs[new] if new else state[old] for old, new in follows.items()}
    wanted = [*reference["losses"], reference["final_loss"]]
    worst = max(abs(got - want) for got, want in zip(losses, wanted))
    test = np.load(DIGITS / "test_mask.npy")
    accuracy = float((outputs["y"].argmax(1) == labels)[test].mean())
    recorded = reference["final_accuracy"]["test"]
    print(f"{name:11s} loss {losses[0]:.6f} -> {losses[-1]:.6f}, at most {worst:.1e} from PyTorch's; accuracy {accuracy:.4f} "
          f"(PyTorch {recorded:.4f}); first loss {abs(other - losses[0]):.1e} from ONNX Runtime's")
    assert worst <= LOSS_TOLERANCE, f"loss differs by {worst}"
    assert abs(accuracy - recorded) <= ACCURACY_TOLERANCE, f"accuracy {accuracy}, PyTorch {recorded}"
    assert abs(other - losses[0]) <= LOSS_TOLERANCE, f"ONNX Runtime's first loss is {other}"


def main():
    onnx2c, work = sys.argv[1], pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    names, options, passed, failed = sys.argv[3:], [], 0, 0
    while names and names[0].startswith("--"):
        options, names = [*options, *names[:2]], names[2:]
    for name in names:
        try:
            check(onnx2c, work, name, options)
            passed += 1
        except Exception as error:
            print(f"{name}: {error}")
            failed += 1
    print(f"train: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
