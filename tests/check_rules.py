#!/usr/bin/env python3
"""Both sides of every rule, evaluated by onnx2c and by ONNX Runtime on the inputs that the rule's test lines draw.

    check_rules.py ONNX2C WORK_FOLDER RULE_FILE...

`onnx2c check --rules FILE` compares the sides with its own evaluator, under the rule's contract, and writes them down;
here ONNX Runtime runs what was written, and its results are compared under the same contract.
"""
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnx.parser
import onnxruntime
import raw

RULE = re.compile(r"^rule (\w+) (exact|reassoc|lossy|stochastic)(?:\(([^)]*)\))?", re.M)
REASSOC_TOLERANCE = 1e-5


def contracts(text):
    """The largest difference, relative to the larger of 1 and the value, that each rule of a file allows."""
    return {name: 0.0 if kind == "exact" else float(bound) if bound else REASSOC_TOLERANCE for name, kind, bound in RULE.findall(text)}


def outputs(stem):
    """What ONNX Runtime computes for one side."""
    model = onnx.parser.parse_model(stem.with_suffix(".onnxtxt").read_text())
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    inputs = {value.name: raw.load(f"{stem}-input_{i}.pb") for i, value in enumerate(model.graph.input)}
    return session.run(None, inputs)


def differ(left, right, tolerance):
    """Why two results are not the same; None when they are."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return f"{left.dtype}{list(left.shape)} on the left, {right.dtype}{list(right.shape)} on the right"
    if left.dtype.kind != "f":
        return None if np.array_equal(left, right) else "different elements"
    error = np.abs(left.astype(np.float64) - right) / np.maximum(1, np.abs(left))
    same = (error <= tolerance) | (left == right) | (np.isnan(left) & np.isnan(right))
    return None if same.all() else f"a difference of {error[~same].max():.3g}"


def main():
    onnx2c, work, files = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    passed = failed = 0
    for file in files:
        folder = work / pathlib.Path(file).stem
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        allowed = contracts(pathlib.Path(file).read_text())
        own = subprocess.run([onnx2c, "check", "--rules", file, "--dump-folder", folder])
        failed += own.returncode != 0
        seen = set()
        for left in sorted(folder.glob("*-left.onnxtxt")):
            stem = left.name.removesuffix("-left.onnxtxt")
            rule = stem.rsplit("-", 1)[0]
            seen.add(rule)
            try:
                sides = [outputs(folder / f"{stem}-{side}") for side in ("left", "right")]
                why = next(filter(None, (differ(a, b, allowed[rule]) for a, b in zip(*sides, strict=True))), None)
            except Exception as error:  # whatever ONNX and ONNX Runtime raise is a failure of this rule
                why = str(error).splitlines()[0]
            passed += why is None
            failed += why is not None
            if why:
                print(f"FAIL {file}: {stem}: {why}")
        for rule in allowed.keys() - seen:
            failed += 1
            print(f"FAIL {file}: {rule} was not tested")
    print(f"rules: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
