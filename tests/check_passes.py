#!/usr/bin/env python3
"""The graph after every pass, checked by engines that nobody here wrote.

    check_passes.py ONNX2C WORK_FOLDER

For five models (GAT as both exporters write it, MoNet, SqueezeNet, a node test whose operator is a model-local function)
every dump must be read by onnx.parser, accepted by onnx.checker, computed by ONNX Runtime to what it computes for the
model itself, and read by our own parser, which then prints the same text and the same weights.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import warnings

warnings.filterwarnings("ignore")  # the node cases compute overflows and quotients by zero on purpose

import numpy as np
import onnx
import onnx.backend.test.case.node as node_cases
import onnx.checker
import onnx.defs
import onnx.parser
import onnxruntime
from onnx import helper, numpy_helper

RTOL, ATOL = 1e-4, 1e-5
DIGITS = pathlib.Path("models/digits")
SHIPPED = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"


def load_tensor(path):
    return numpy_helper.to_array(onnx.TensorProto.FromString(path.read_bytes()))


def digits(name):
    """A model of the repository with the inputs of its first data set."""
    model = DIGITS / name / "model.onnx"
    inputs = sorted((DIGITS / name / "test_data_set_0").glob("input_*.pb"))
    return model, [load_tensor(path) for path in inputs]


def squeezenet():
    """The net that the onnx package ships, with an input of the shape it asks for."""
    path = SHIPPED / "light" / "light_squeezenet.onnx"
    graph = onnx.load(path).graph
    weights = {tensor.name for tensor in graph.initializer}
    image = next(value for value in graph.input if value.name not in weights)
    shape = [dim.dim_value for dim in image.type.tensor_type.shape.dim]
    return path, [np.random.default_rng(0).random(shape, dtype=np.float32)]


def function_model(work):
    """The node test of MeanVarianceNormalization, whose operator is made a function of the model."""
    schema = onnx.defs.get_schema("MeanVarianceNormalization", 13)
    case = next(case for case in node_cases.collect_testcases("MeanVarianceNormalization") if case.name == "test_mvn")
    body = schema.function_body
    function = helper.make_function("local", "MeanVarianceNormalization", list(body.input), list(body.output),
                                    list(body.node), [helper.make_opsetid("", 18)],
                                    attributes=[name for name in schema.attributes])
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    model.functions.append(function)
    for node in model.graph.node:
        node.domain = "local"
        node.attribute.append(helper.make_attribute("axes", [0, 2, 3]))
    model.ir_version = 8
    del model.opset_import[:]
    model.opset_import.extend([helper.make_opsetid("", 18), helper.make_opsetid("local", 1)])
    path = work / "function.onnx"
    onnx.save(model, path)
    inputs, _ = case.data_sets[0]
    return path, list(inputs)


def onnx2c(command, *arguments):
    result = subprocess.run([command, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if result.returncode != 0:
        raise RuntimeError(f"onnx2c {' '.join(map(str, arguments))}: {result.stderr.strip()[:1000]}")


def run(path, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # its ScatterND adds without a lock: with more, sums are lost
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs)))


def compare(got, wanted):
    if len(got) != len(wanted):
        raise RuntimeError(f"{len(got)} outputs, not {len(wanted)}")
    for number, (a, b) in enumerate(zip(got, wanted)):
        if a.dtype != b.dtype or a.shape != b.shape:
            raise RuntimeError(f"output {number} is {a.dtype}{a.shape}, not {b.dtype}{b.shape}")
        if not np.allclose(a, b, rtol=RTOL, atol=ATOL, equal_nan=True):
            raise RuntimeError(f"output {number} differs by {np.nanmax(np.abs(a - b)):g}")


def without_data_name(text):
    return re.sub(r'"location": "[^"]*"', '"location": ""', text)


def check_dump(command, dump, first_pass, inputs, wanted):
    """Raises what is wrong with one dump."""
    text = dump.read_text()
    model = dump.with_suffix(".onnx")
    onnx.save(onnx.parser.parse_model(text), model)
    onnx.checker.check_model(model, full_check=True)
    again = dump.parent / "again"
    onnx2c(command, "inspect", dump, "--stop-after", first_pass, "--dump-folder", again)
    if without_data_name((again / "00-infer.onnxtxt").read_text()) != without_data_name(text):
        raise RuntimeError(f"printed otherwise when read again: diff {dump} {again}/00-infer.onnxtxt")
    if (again / "00-infer.data").read_bytes() != dump.with_suffix(".data").read_bytes():
        raise RuntimeError("its weights are other ones when read again")
    compare(run(model, inputs), wanted)


def check_model(command, work, name, model, inputs):
    """How many dumps of a model are right and how many are not."""
    folder = work / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "again").mkdir(parents=True)
    wanted = run(model, inputs)
    onnx2c(command, "inspect", model, "--passes", "--dump-folder", folder)
    dumps = sorted(folder.glob("*.onnxtxt"))
    first_pass = dumps[1].stem.partition("-")[2]
    failed = 0
    for dump in dumps:
        try:
            check_dump(command, dump, first_pass, inputs, wanted)
        except Exception as error:  # whatever an engine says
            failed += 1
            print(f"  {name}, {dump.stem}: {' '.join(str(error).split())[:600]}")
    print(f"{name}: {len(dumps)} dumps, {failed} wrong")
    return len(dumps) - failed, failed


def main():
    command, work = sys.argv[1], pathlib.Path(sys.argv[2])
    work.mkdir(parents=True, exist_ok=True)
    models = {
        "gat_ts": digits("gat__ts"),
        "gat_dynamo": digits("gat__dynamo"),
        "monet": digits("monet__dynamo"),
        "squeezenet": squeezenet(),
        "function": function_model(work),
    }
    passed = failed = 0
    for name, (model, inputs) in models.items():
        try:
            good, bad = check_model(command, work, name, model, inputs)
        except Exception as error:
            good, bad = 0, 1
            print(f"  {name}: {' '.join(str(error).split())[:600]}")
        passed, failed = passed + good, failed + bad
    print(f"check-passes: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
