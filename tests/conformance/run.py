#!/usr/bin/env python3
"""Runs the ONNX backend tests with `onnx2c verify`: by the evaluator, and as generated C.

    run.py ONNX2C FOLDER REPORT [--engine evaluator|c|cuda] [--every N] [--filter REGEX] [--jobs N]

FOLDER is what generate.py wrote. Prints "evaluator: N of 2033" and "generated C: N of 2033"; REPORT gets each case that failed
with its reason, and at its end the reasons, most frequent first. A process works on a batch of cases with one tolerance; when it
dies or is silent for too long, the case it was at has failed and another process takes up the rest.
"""
import argparse
import collections
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading

BATCH = 60
SILENCE = 300  # seconds a case may take
# Cases that want NumPy's random numbers, where ONNX leaves the generator open; tests/check_dropout.py has what is asked of ours.
DRAWN = re.compile(r"node/test_(bernoulli\w*|training_dropout(_default)?(_mask)?)")
ENGINES = {
    "evaluator": ("evaluator", ["--evaluator"]),
    "c": ("generated C", ["--cflags", "-O1"]),
    "cuda": ("generated CUDA", ["--target", "cuda", "--cflags", "-O1"]),  # by $NVCC: make check-cuda emulates it
}


def read_cases(folder, pattern):
    for line in (folder / "manifest.txt").read_text().splitlines():
        name, rtol, atol = line.split()
        if re.search(pattern, name):
            yield name, (rtol, atol)


def batches(cases):
    by_tolerance = collections.defaultdict(list)
    for name, tolerance in cases:
        by_tolerance[tolerance].append(name)
    for tolerance, names in by_tolerance.items():
        for start in range(0, len(names), BATCH):
            yield tolerance, names[start : start + BATCH]


def died(process, timed_out):
    if timed_out:
        return f"no answer in {SILENCE} seconds"
    code = process.returncode
    return f"the compiler died of signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"exit status {code}"


def run_batch(command, folder, names):
    """Yields (name, reason) for each case, reason "" where it passed."""
    while names:
        process = subprocess.Popen(
            [*command, *(str(folder / name) for name in names)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        lines = queue.Queue()

        def read(stream=process.stdout, into=lines):
            for line in stream:
                into.put(line)
            into.put(None)

        threading.Thread(target=read, daemon=True).start()
        done, timed_out = 0, False
        while done < len(names):
            try:
                line = lines.get(timeout=SILENCE)
            except queue.Empty:
                timed_out = True
                os.killpg(process.pid, signal.SIGKILL)
                break
            if line is None:
                break
            if match := re.match(r"(ok  |FAIL) [^:]*: (.*)", line):
                yield names[done], "" if match[1] == "ok  " else match[2].strip() or "no reason given"
                done += 1
        process.wait()
        if done < len(names):
            yield names[done], died(process, timed_out)
            done += 1
        names = names[done:]


def run(command, folder, cases, jobs):
    """{name: reason} of all cases."""
    todo, results = queue.Queue(), {}
    for batch in batches(cases):
        todo.put(batch)

    def work():
        while True:
            try:
                (rtol, atol), names = todo.get_nowait()
            except queue.Empty:
                return
            for name, reason in run_batch([*command, "--rtol", rtol, "--atol", atol], folder, names):
                drawn = DRAWN.fullmatch(name) and " differs in " in reason
                results[name] = "it wants the numbers of NumPy's random generator; ONNX asks for none in particular" if drawn else reason

    workers = [threading.Thread(target=work) for _ in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


def kind_of_reason(reason):
    """A reason without what differs from case to case: node names, quoted names and numbers."""
    reason = re.sub(r"^node .*? \((\w+)\): ", r"\1: ", reason)
    reason = re.sub(r"'[^']*'", "'...'", reason)
    return re.sub(r"-?\b\d[\w.+-]*", "N", reason)[:150]


def report(to, title, results):
    failed = {name: reason for name, reason in sorted(results.items()) if reason}
    kinds = collections.Counter(kind_of_reason(reason) for reason in failed.values())
    to.write(f"==== {title}: {len(results) - len(failed)} of {len(results)}\n")
    for name, reason in failed.items():
        to.write(f"{name}: {reason}\n")
    to.write(f"---- {title}: reasons\n")
    for kind, count in kinds.most_common():
        to.write(f"{count:5} {kind}\n")
    to.write("\n")
    print(f"{title}: {len(results) - len(failed)} of {len(results)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx2c", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--filter", default="")
    parser.add_argument("--every", type=int, default=1, help="only every N-th case")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    cases = list(read_cases(options.folder, options.filter))[:: options.every]
    if not cases:
        sys.exit("there are no such cases")
    with options.report.open("w") as to:
        for engine in options.engine or ["evaluator", "c"]:
            title, flags = ENGINES[engine]
            report(to, title, run([options.onnx2c.resolve(), "verify", *flags], options.folder, cases, options.jobs))
            to.flush()


if __name__ == "__main__":
    main()
