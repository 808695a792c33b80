#!/usr/bin/env python3
"""Losses, optimizers and small networks, trained by generated C, against what PyTorch recorded (tests/train, record.py).

    check_recorded.py ONNX2C WORK_FOLDER RECORD.json|MODEL.onnxtxt...

Every run of a record is repeated: losses before each step within 1e-5 of the recorded ones (relative to the larger of 1 and
them), weights after the last step within 1e-4. A model without a record trains in ONNX Runtime too, and every output of every
step is compared.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from check_train import first_state, run
from program import Program

LOSS_TOLERANCE, WEIGHT_TOLERANCE = 1e-5, 1e-4


def array(entry):
    return np.array(entry["data"], entry["type"]).reshape(entry["shape"])


def repeat(onnx2c, work, path, record, options):
    """The losses before each step, and the weights after the last."""
    work.mkdir(parents=True, exist_ok=True)
    model_path, folder = work / "train.onnx", work / "program"
    run(onnx2c, "train", path.with_suffix(".onnx"), *options, "-o", model_path)
    model = onnx.load(model_path)
    onnx.checker.check_model(model, full_check=True)
    run(onnx2c, "build", model_path, "-o", folder)
    program = Program(folder)
    follows, state = first_state(model)
    fixed = {name: array(record[name]) for name in ("x", "target", "mask") if name in record}
    losses = []
    for _ in range(8):
        outputs = program.run({**fixed, **state})
        losses.append(float(outputs["loss"]))
        state = {old: outputs[new] if new else state[old] for old, new in follows.items()}
    return losses, state


def check(onnx2c, work, path):
    record = json.loads(path.read_text())
    for number, wanted in enumerate(record["runs"]):
        losses, state = repeat(onnx2c, work / f"{path.stem}_{number}", path, record, wanted["options"])
        worst = max(abs(a - b) / max(1, abs(b)) for a, b in zip(losses, wanted["losses"]))
        trained = {name for name in state if name in wanted["final"]}
        weights = max(np.abs(state[name] - array(wanted["final"][name])).max() for name in trained)
        said = " ".join(wanted["options"])
        assert worst <= LOSS_TOLERANCE, f"{said}: a loss differs by {worst:.1e}"
        assert weights <= WEIGHT_TOLERANCE, f"{said}: a weight differs by {weights:.1e}"
        missing = [name for name in wanted["final"] if name not in trained and "running" not in name]
        assert not missing, f"not trained: {missing}"
        extra = [name for name in state if name not in trained | {"lr", "step"} and not name.startswith(tuple(trained))]
        assert not extra, f"trained, but no parameter: {extra}"
        print(f"{path.stem:14s} {said}: losses within {worst:.1e}, weights within {weights:.1e}")


def check_beside_runtime(onnx2c, work, path):
    """Some steps of momentum on random inputs, by generated C and by ONNX Runtime."""
    work.mkdir(parents=True, exist_ok=True)
    run(onnx2c, "train", path, "--loss", "mse", "--optimizer", "momentum", "-o", work / "train.onnx")
    run(onnx2c, "build", work / "train.onnx", "-o", work / "program", "--dim", "H=8", "--dim", "W=8")
    model, program = onnx.load(work / "train.onnx"), Program(work / "program")
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    follows, state = first_state(model)
    random, worst = np.random.default_rng(0), 0
    for _ in range(4):
        inputs = {"x": random.normal(size=(5, 3, 8, 8)).astype(np.float32), "target": random.normal(size=(5, 2)).astype(np.float32)}
        outputs = program.run({**inputs, **state})
        for name, wanted in zip([o.name for o in session.get_outputs()], session.run(None, {**inputs, **state})):
            worst = max(worst, float((np.abs(outputs[name] - wanted) / np.maximum(1, np.abs(wanted))).max()))
        state = {old: outputs[new] if new else state[old] for old, new in follows.items()}
    print(f"{path.stem:14s} every output of 4 steps within {worst:.1e} of ONNX Runtime's")
    assert worst <= WEIGHT_TOLERANCE, f"an output differs by {worst:.1e}"


def main():
    onnx2c, work = sys.argv[1], pathlib.Path(sys.argv[2])
    passed = failed = 0
    for path in map(pathlib.Path, sys.argv[3:]):
        try:
            if path.suffix == ".json":
                check(onnx2c, work, path)
            else:
                check_beside_runtime(onnx2c, work / path.stem, path)
            passed += 1
        except Exception as error:
            print(f"FAIL {path.stem}: {error}")
            failed += 1
    print(f"recorded: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
