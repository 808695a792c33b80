#!/usr/bin/env python3
"""Runs the command over a corpus of malformed models and compares with what its manifest expects.

    run.py CORPUS WORK_FOLDER ONNX2C [SANITIZED_ONNX2C...] [-k NAME_PART]

`check` and `build` run on every case, the first command under limits of 2 s of processor time and 2 GiB of memory; those
built with sanitizers only have to agree with it and to stay silent. What must be refused leaves nothing behind. What is
built compiles without a warning and puts no symbol without its prefix into the object; where the manifest says runtime,
it runs on hostile inputs under sanitizers. Prints what went wrong and "malformed: N passed, N failed".
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import raw

SECONDS, MEMORY = 2, 2 << 30
PATIENCE = 60  # seconds of wall clock after which anything counts as hanging
REFUSED, BUILT = ("reject", "limit"), ("accept", "runtime")
WARNINGS = "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror".split()
SANITIZERS = "-g -O1 -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all".split()
SANITIZER_SPOKE = re.compile(r"runtime error:|Sanitizer")
SIZE = 3  # what a size without a number is taken to be


class Failed(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failed(what)


def limits():
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def run(command, limited=False, **options):
    """Exit status (negative: the signal) and what was said."""
    try:
        result = subprocess.run([str(word) for word in command], capture_output=True, timeout=PATIENCE, errors="replace",
                                preexec_fn=limits if limited else None, **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[1] if len(command) > 1 else command[0]} hangs") from None
    return result.returncode, result.stdout + result.stderr


def refuse_or_accept(onnx2c, verb, model, expected, limited, *more):
    """Runs a verb; its exit status after the checks that hold for every case."""
    status, said = run([onnx2c, verb, model, *more], limited)
    require(status in (0, 1), f"{verb} ends with {status}: {said[-300:]}")
    require(not SANITIZER_SPOKE.search(said), f"{verb}: {said[:300]}")
    require(status == 0 or "error" in said, f"{verb} refuses without a message")
    require(not (status == 1 and expected in BUILT), f"{verb} refuses: {said[:300]}")
    require(not (status == 0 and expected in REFUSED), f"{verb} accepts")
    return status


def check_symbols(object_file):
    _, listing = run(["nm", "-g", "--defined-only", object_file])
    for line in listing.splitlines():
        symbol = line.split()[-1]
        require(symbol.startswith("odd_"), f"the object defines {symbol}")


def compile_library(out):
    for source in sorted(out.glob("*.c")):
        if not source.stem.endswith(("_test", "_driver")):
            object_file = out / "library.o"
            status, said = run(["gcc", *WARNINGS, "-c", source, "-o", object_file], cwd=out)
            require(status == 0, f"the program does not compile: {said[:300]}")
            check_symbols(object_file)


def unpleasant(dtype):
    """Pairs of numbers of a type that programs tend to stumble over."""
    if dtype.kind == "f":
        return [(0.0, -1.0), (np.nan, np.inf), (-np.inf, 1e30)]
    if dtype.kind == "b":
        return [(False, True)] * 3
    limit = np.iinfo(dtype)
    return [(0, limit.max), (limit.min, limit.max if limit.min == 0 else -1), (7, min(2**33, limit.max))]


def hostile_arrays(model):
    """Lists of input arrays, each of one or both numbers of a pair; the pairs of the inputs meet in every combination of
    places."""
    for pair in range(3):
        for pattern in ((0,), (1,), (0, 1), (1, 1, 0)):
            arrays = []
            for i, info in enumerate(model.graph.input):
                dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
                shape = [d.dim_value if d.HasField("dim_value") else SIZE for d in info.type.tensor_type.shape.dim]
                numbers = np.array(unpleasant(dtype)[pair], dtype)
                arrays.append(numbers[np.resize(np.roll(pattern, i), shape)])
            yield arrays


def run_on_hostile_inputs(out, path):
    model = onnx.load(path)
    program = out / "hostile"
    sources = [source for source in sorted(out.glob("*.c")) if not source.stem.endswith("_test")]
    status, said = run(["gcc", "-std=c99", *SANITIZERS, *sources, "-o", program, "-lm"], cwd=out)
    require(status == 0, f"the driver does not compile: {said[:300]}")
    may_run_long = any(n.op_type == "Loop" for n in model.graph.node)  # as long as the model says
    for i, arrays in enumerate(hostile_arrays(model)):
        folder = out / f"data_{i}"
        folder.mkdir()
        for k, array in enumerate(arrays):
            raw.write(folder / f"input_{k}.raw", array)
        try:
            result = subprocess.run([program, folder], cwd=out, capture_output=True, text=True, timeout=2 if may_run_long else PATIENCE)
        except subprocess.TimeoutExpired:
            require(may_run_long, f"hangs on inputs {i}")
            continue
        require(result.returncode == 0 and not SANITIZER_SPOKE.search(result.stderr), f"on inputs {i}: {result.stderr[:300]}")


def run_case(onnx2c, sanitized, corpus, name, expected):
    model = corpus / name / "model.onnx"
    with tempfile.TemporaryDirectory(prefix="case_", dir=work) as folder:
        folder = pathlib.Path(folder)
        for i, command in enumerate([onnx2c, *sanitized]):
            here = folder / str(i)
            here.mkdir()
            checked = refuse_or_accept(command, "check", model, expected, i == 0)
            built = refuse_or_accept(command, "build", model, expected, i == 0, "-o", here / "out", "--name", "odd", "--driver")
            require(checked <= built, "check refuses what build builds")
            require(built == 0 or not list(here.iterdir()), f"files are left: {[p.name for p in here.iterdir()]}")
            status = built if i == 0 else status
            require(built == status, "a build with sanitizers answers otherwise")
        if status == 0:
            compile_library(folder / "0" / "out")
            if expected == "runtime":
                run_on_hostile_inputs(folder / "0" / "out", model)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("command", nargs="+", type=pathlib.Path)
    parser.add_argument("-k", default="", help="only cases with this in their names")
    options = parser.parse_args()
    global work
    work = options.work.resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    onnx2c, *sanitized = [path.resolve() for path in options.command]
    manifest = [line.split("\t") for line in (options.corpus / "manifest.tsv").read_text().splitlines()]
    chosen = [(name, expected, why) for name, expected, why in manifest if options.k in name]

    def outcome(case):
        name, expected, why = case
        try:
            run_case(onnx2c, sanitized, options.corpus.resolve(), name, expected)
            return None
        except Failed as failure:
            return f"FAIL {name} ({expected}{': ' + why if why else ''}): {failure}"

    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for said in pool.map(outcome, chosen):
            if said:
                failed += 1
                print(said, flush=True)
    print(f"malformed: {len(chosen) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
