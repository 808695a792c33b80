#!/usr/bin/env python3
"""What dropout keeps, in programs for C and for CUDA (emulated): the same elements, and those that ONNX Runtime keeps.

    check_dropout.py ONNX2C WORK_FOLDER

Each network is made to train; every o2c.Dropout of the step, forward and backward, becomes an output, too. For STEPS steps both
programs and ONNX Runtime, which computes the function that the file carries, agree on the zeros of all of them, bit for bit,
while the other results are the same but for rounding. ONNX's own Dropout leaves its generator open; the two programs
draw the same bits for it.
"""
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
from check_recompute import attention
from check_train import first_state, run
from onnx import TensorProto, helper
from program import Program

STEPS, TOLERANCE = 3, dict(rtol=1e-3, atol=1e-5)
SEEDED = """
<ir_version: 10, opset_import: ["" : 22]>
g (float[N,7] x, float r) => (float[N,7] y, bool[N,7] m, float[N,7] z) <bool t = {1}> {
    y, m = Dropout <seed = 5> (x, r, t)
    z = Dropout (x, r, t)
}
"""


def image_network(path):
    """Convolution, normalisation by the batch, and dropout of features."""
    text = (pathlib.Path(__file__).parent / "train" / "drop_and_norm.onnxtxt").read_text()
    onnx.save(onnx.parser.parse_model("\n".join(line for line in text.splitlines() if not line.startswith("#"))), path)
    random = np.random.default_rng(1)
    return {"x": random.standard_normal((6, 3, 8, 8)), "target": random.standard_normal((6, 2))}, "mse"


def graph_network(path):
    return attention(path)[1][1], "ce"


def programs(onnx2c, model, folder):
    for target in "c", "cuda":
        run(onnx2c, "build", model, "-o", folder / target, "--name", folder.name, "--target", target)
        yield Program(folder / target)


def training_step(onnx2c, folder, network):
    """The model that trains, with what each dropout gives as outputs; its inputs; those outputs' names."""
    folder.mkdir(parents=True, exist_ok=True)
    given, loss = network(folder / "model.onnx")
    path = folder / "train.onnx"
    run(onnx2c, "train", folder / "model.onnx", "--loss", loss, "--optimizer", "sgd", "-o", path)
    model = onnx.load(path)
    dropped = [node.output[0] for node in model.graph.node if node.op_type == "Dropout" and node.domain == "o2c"]
    assert len(dropped) >= 2, f"{folder.name}: no dropout, forward and backward: {dropped}"
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in dropped if name not in known)
    onnx.save(model, path)
    return path, given, dropped


def check_training(onnx2c, work, network):
    folder = work / network.__name__
    path, given, dropped = training_step(onnx2c, folder, network)
    model = onnx.load(path)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    types = {value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type) for value in model.graph.input}
    follows, state = first_state(model)
    both, kept, masks = list(programs(onnx2c, path, folder)), [], set()
    for _ in range(STEPS):
        inputs = {name: np.asarray(array, types[name]) for name, array in {**given, **state}.items()}
        wanted = dict(zip([value.name for value in model.graph.output], session.run(None, inputs)))
        for got in (program.run(inputs) for program in both):
            for name in dropped:
                np.testing.assert_array_equal(got[name] != 0, wanted[name] != 0, f"{folder.name}: what {name} keeps")
            for name, array in wanted.items():
                np.testing.assert_allclose(got[name], array, err_msg=f"{folder.name}: {name}", **TOLERANCE)
        masks.add(b"".join(np.packbits(wanted[name] != 0).tobytes() for name in dropped))
        kept += [float((wanted[name] != 0).mean()) for name in dropped]
        state = {old: wanted[new] if new else state[old] for old, new in follows.items()}
    assert 0.05 < min(kept) and max(kept) < 0.95 and len(masks) == STEPS, f"{folder.name}: nothing, or the same, is dropped: {kept}"


def check_seeded(onnx2c, work):
    folder = work / "seeded"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnxtxt"
    path.write_text(SEEDED)
    both = list(programs(onnx2c, path, folder))
    for count in 0, 1, 1000:
        for ratio in 0, 0.25, 0.9:
            x = np.arange(1, 7 * count + 1, dtype=np.float32).reshape(count, 7)
            c, cuda = (program.run({"x": x, "r": np.float32(ratio)}) for program in both)
            for name in c:
                np.testing.assert_array_equal(c[name], cuda[name], f"{name} of {count} rows, {ratio} dropped")
            np.testing.assert_array_equal(c["y"], np.where(c["m"], x / (1 - np.float32(ratio)), 0))
            assert count < 1000 or abs(c["m"].mean() - 1 + ratio) < 0.02, f"{c['m'].mean()} kept of {1 - ratio}"


def main():
    onnx2c, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    checks = [lambda: check_training(onnx2c, work, graph_network), lambda: check_training(onnx2c, work, image_network),
              lambda: check_seeded(onnx2c, work)]
    failed = 0
    for check in checks:
        try:
            check()
        except (AssertionError, RuntimeError) as error:
            failed += 1
            print(f"FAIL {str(error)[:2000]}")
    print(f"dropout: {len(checks) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
