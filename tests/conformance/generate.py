#!/usr/bin/env python3
"""Writes every ONNX backend test of the installed onnx package as folders that `onnx2c verify` reads.

    generate.py FOLDER

    FOLDER/KIND/NAME/model.onnx, test_data_set_N/{input,output}_M.pb
    FOLDER/manifest.txt: a line "KIND/NAME RTOL ATOL" for each case

The package holds the cases of single operators (kind node) as Python code that computes their data when it is imported; the
other kinds are files. The light models are nets whose weights are all equal; their input is computed as onnx's own test
runner does. Tolerances are that runner's.
"""
import json
import pathlib
import shutil
import sys
import warnings

warnings.filterwarnings("ignore")  # the cases compute overflows and quotients by zero on purpose

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests

SHIPPED = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"


def tensor_proto(value, name, element_type):
    if isinstance(value, TensorProto):
        return value
    array = np.asarray(value)
    if element_type != TensorProto.STRING:
        return numpy_helper.from_array(array, name)
    texts = [text if isinstance(text, bytes) else str(text).encode() for text in array.ravel()]
    return helper.make_tensor(name, element_type, array.shape, texts)


def empty_optional(name, element_type):
    proto = onnx.OptionalProto()
    proto.name = name
    kinds = {"tensor_type": proto.TENSOR, "sequence_type": proto.SEQUENCE}
    proto.elem_type = kinds.get(element_type.WhichOneof("value"), proto.UNDEFINED)
    return proto


def value_proto(value, info):
    """The protobuf message that holds a value of the type that `info`, a graph input or output, declares."""
    kind = info.type.WhichOneof("value")
    if kind == "map_type":
        return numpy_helper.from_dict(value, info.name)
    if kind == "sequence_type":
        return numpy_helper.from_list(list(value), info.name)
    if kind == "optional_type":
        if value is None:
            return empty_optional(info.name, info.type.optional_type.elem_type)
        return numpy_helper.from_optional(value, info.name)
    return tensor_proto(value, info.name, info.type.tensor_type.elem_type)


def write(path, message):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(message.SerializeToString(deterministic=True))


def write_node_case(case, folder):
    write(folder / "model.onnx", case.model)
    for number, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{number}"
        for tag, values, infos in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
            for i, value in enumerate(values):
                write(data / f"{tag}_{i}.pb", value_proto(value, infos[i]))


def write_light_case(description, folder):
    model_path = SHIPPED.parent.parent.parent.parent / description["url"]
    model = onnx.load(model_path)
    folder.mkdir(parents=True)
    shutil.copy(model_path, folder / "model.onnx")
    initial = {tensor.name for tensor in model.graph.initializer}
    inputs = [info for info in model.graph.input if info.name not in initial]
    for i, info in enumerate(inputs):
        shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
        count = int(np.prod(shape))
        ramp = (np.arange(count).reshape(shape) / count).astype(np.float32)
        write(folder / "test_data_set_0" / f"input_{i}.pb", numpy_helper.from_array(ramp, info.name))
    expected = model_path.with_name(model_path.stem + "_output_0.pb")
    shutil.copy(expected, folder / "test_data_set_0" / "output_0.pb")


def main(target):
    shutil.rmtree(target, ignore_errors=True)
    cases = []
    for case in load_model_tests(kind="node"):
        folder = target / "node" / case.name
        write_node_case(case, folder)
        cases.append((folder, case.rtol, case.atol))
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        for source in sorted(path.parent for path in (SHIPPED / kind).glob("*/model.onnx")):
            folder = target / kind / source.name
            shutil.copytree(source, folder)
            cases.append((folder, 1e-3, 1e-7))
    for source in sorted((SHIPPED / "real").glob("*/data.json")):
        description = json.loads(source.read_text())
        folder = target / "light" / description["model_name"]
        write_light_case(description, folder)
        cases.append((folder, description["rtol"], description["atol"]))
    lines = [f"{folder.relative_to(target)} {rtol:g} {atol:g}\n" for folder, rtol, atol in cases]
    (target / "manifest.txt").write_text("".join(lines))  # last: it says that the folder is whole
    print(f"onnx {onnx.__version__}: {len(cases)} backend tests in {target}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]))
