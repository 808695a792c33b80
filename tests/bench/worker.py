"""The process of one engine on one row: reads commands from standard input, a line of JSON each, and answers with one.

    worker.py ENGINE TASK        TASK: JSON, the arguments of main()

    {"do": "threads", "count": 2}                -> {"seconds": ...} of a step with so many threads
    {"do": "run", "seconds": 0.05, "warm": true} -> {"wall": ..., "cpu": ...} of a step: the mean of as many as fit
    {"do": "result", "path": ...}                -> {}, the result in a NumPy file
    {"do": "memory"}                             -> {"added": ..., "peak": ..., "planned": ...}, bytes

Whatever goes wrong is answered as {"error": ...}.
"""
import ctypes
import gc
import json
import os
import pathlib
import resource
import signal
import sys
import time

import numpy as np


def measure(step, seconds, warm):
    if warm:
        step()
    count, wall, cpu = 0, time.perf_counter(), time.process_time()
    while count == 0 or time.perf_counter() - wall < seconds:
        step()
        count += 1
    return {"wall": (time.perf_counter() - wall) / count, "cpu": (time.process_time() - cpu) / count}


def status(key):
    """A line of /proc/self/status in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return 1024 * int(line.split()[1])
    raise KeyError(key)


def memory(engine):
    """What a step takes above what the process holds with engine, model and inputs loaded."""
    if engine.WARM:
        engine.step()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = status("VmRSS")
    engine.step()
    peak = status("VmHWM")
    return {"added": peak - before, "peak": peak, "planned": engine.planned() if hasattr(engine, "planned") else None}


def answer(engine, command):
    match command["do"]:
        case "threads":
            engine.threads(command["count"])
            return {"seconds": measure(engine.step, 0, engine.WARM)["cpu"] / command["count"]}
        case "run":
            return measure(engine.step, command["seconds"], command["warm"])
        case "result":
            np.save(command["path"], engine.result())
            return {}
        case "memory":
            engine.threads(1)
            return memory(engine)
    raise ValueError(command["do"])


def main(engine, model, graph, mode, onnx, cache, work, onnx2c, options, limit):
    import engines
    import graphs

    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))  # an error here rather than the machine out of memory
    task = engines.Task(model, graphs.load(graph, pathlib.Path(cache), None), mode, pathlib.Path(onnx), pathlib.Path(work), onnx2c, options)
    made = engines.ENGINES[engine](task)
    yield {}
    for line in sys.stdin:
        yield answer(made, json.loads(line))


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a stopped process would outlive the one that asks
    out = os.fdopen(os.dup(1), "w")  # answers; what libraries print goes to the log
    os.dup2(2, 1)
    try:
        for reply in main(sys.argv[1], **json.loads(sys.argv[2])):
            print(json.dumps(reply), file=out, flush=True)
    except BaseException as error:  # the engine's, whatever it is
        import traceback

        traceback.print_exc()
        text = " ".join(str(error).split())[:200]
        print(json.dumps({"error": f"{type(error).__name__}: {text}"}), file=out, flush=True)
