#!/usr/bin/env python3
"""Generated C beside PyTorch Geometric and ONNX Runtime: `make bench-gnn`.

    bench.py ONNX2C FOLDER SHARED [--rows PATTERN...] [--modes inference,training] [--threads 1,2] [--rounds 7]
             [--engines NAME,NAME] [--memory PATTERN...] [-- BUILD OPTIONS]

Each row is a model on a graph. Every engine runs it in a process of its own on the same inputs, weights and threads; outputs are
compared before anything is timed. Then the engines take turns: a round is one turn of each, one after the other in changing
order, all others stopped, and what counts is the median over the rounds of the ratio between two engines in the same
round. With one thread the processor's time of a step is taken, which other programs do not lengthen, with more the clock's.
Memory is measured in processes of its own.

Writes FOLDER/bench.txt, the table that is printed, bench.csv with all that was measured, bench.md and bench.svg.
"""
import argparse
import json
import os
import pathlib
import random
import re
import signal
import statistics
import subprocess
import sys
import time

import graphs
import report
from engines import ENGINES, OURS, PEERS
from rows import MODELS, ROWS, select

HERE = pathlib.Path(__file__).resolve().parent
TOLERANCE = 1e-4  # of the largest absolute value
TURN = 0.05  # seconds a turn takes at least: short steps are repeated
WARM_BELOW = 0.3  # seconds of a step below which a turn begins with one that is not counted
LEFT_BEHIND = 4  # an engine whose step takes so many times the fastest peer's is not among the rounds ...
LONG = 0.5  # ... if it takes so many seconds
FEW = 3  # the rounds in which one takes part whose step takes as long and so many times ours


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    """An engine that cannot do the row; says why."""


class Worker:
    """The process of an engine. It runs only while it answers."""

    def __init__(self, engine, task, log, environment=None):
        self.engine = engine
        log.parent.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py", engine, json.dumps(task)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env={**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(log.parent / "compiled"), **(environment or {})},
        )

    def wait(self):
        line = self.process.stdout.readline()
        self.process.send_signal(signal.SIGSTOP)
        reply = json.loads(line) if line else {"error": "the process died"}
        if "error" in reply:
            raise Failed(reply["error"])
        return reply

    def ask(self, **command):
        self.process.send_signal(signal.SIGCONT)
        print(json.dumps(command), file=self.process.stdin, flush=True)
        return self.wait()

    def end(self):
        self.process.kill()
        self.process.wait()


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.cache = arguments.folder / "graphs"
        self.limits = {}
        self.measure_limits()

    def measure_limits(self):
        """What the machine can do, the best that was seen: other programs slow it down, nothing makes it faster."""
        for threads in self.arguments.threads:
            now = json.loads(subprocess.check_output([self.arguments.folder / "limits", str(threads)]))
            best = self.limits.setdefault(threads, now)
            best["flops"] = max(best["flops"], now["flops"])
            for level, other in zip(best["levels"], now["levels"]):
                level.update({key: max(level[key], other[key]) for key in ("triad", "gather")})

    def task(self, row, mode):
        model, graph = ROWS[row]
        free = int(next(line for line in open("/proc/meminfo") if line.startswith("MemAvailable")).split()[1]) * 1024
        return dict(
            model=model,
            graph=graph,
            mode=mode,
            onnx=str(self.arguments.folder / "onnx" / f"{row}_{mode}.onnx"),
            cache=str(self.cache),
            work=str(self.arguments.folder / "rows" / row),
            onnx2c=str(self.arguments.onnx2c),
            options=self.arguments.options,
            limit=free * 6 // 10,
        )

    def worker(self, engine, row, mode, purpose, environment=None):
        log = self.arguments.folder / "rows" / row / f"{engine.replace(' ', '_')}_{mode}_{purpose}.log"
        return Worker(engine, self.task(row, mode), log, environment)

    def prepare(self, row, mode):
        """Makes graph and ONNX file, what of them is missing; what the graph is, and its sizes."""
        model, graph = ROWS[row]
        onnx, data = pathlib.Path(self.task(row, mode)["onnx"]), graphs.load(graph, self.cache, self.arguments.shared)
        if not onnx.exists():
            log = self.arguments.folder / "rows" / row / "export.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, HERE / "export.py", model, graph, mode, self.cache, onnx]
            if subprocess.run(command, stdout=log.open("w"), stderr=subprocess.STDOUT).returncode:
                sys.exit(f"bench: {row} could not be exported; see {log}")
        edges = data["loops" if "loops" in MODELS[model].takes else "edge_index"].shape[1]
        return str(data["about"]), {"N": data["x"].shape[0], "E": edges}

    def able(self, row, mode):
        """The engines that have something to run."""
        return [name for name in self.arguments.engines if ENGINES[name].can(*ROWS[row], mode)]

    def memory(self, row, mode):
        """{engine: what memory() of worker.py says}, each in a process of its own that gives back what it frees."""
        settings = {"MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
        workers, found = {engine: self.worker(engine, row, mode, "memory", settings) for engine in self.able(row, mode)}, {}
        for engine, worker in workers.items():
            try:
                worker.wait()
                found[engine] = worker.ask(do="memory")
            except Failed:
                found[engine] = None  # the timed process says why
            worker.end()
        return found

    def row(self, row, mode):
        """A record for each number of threads."""
        about, sizes = self.prepare(row, mode)
        say(f"{row}: {about}")
        self.measure_limits()
        common = dict(row=row, mode=mode, about=about, failed={}, memory={})
        if row in select(self.arguments.memory):
            common["memory"] = self.memory(row, mode)
        workers, records = {engine: self.worker(engine, row, mode, "time") for engine in self.able(row, mode)}, []
        for engine in list(workers):
            attempt(workers, common["failed"], engine, workers[engine].wait)
        for threads in self.arguments.threads:
            record = dict(common, threads=threads, failed=dict(common["failed"]), load=os.getloadavg()[0])
            if OURS in workers:
                record.update(self.compete(row, workers, record["failed"], threads))
            record.update(self.floor(row, mode, sizes, threads))
            records.append(record)
        for worker in workers.values():
            worker.end()
        return records

    def compete(self, row, workers, failed, threads):
        """First steps, comparison of results, then the rounds."""
        first, difference = {}, {}
        for engine in list(workers):
            say(f"{row}: {threads} thread{'s' * (threads > 1)}: {engine}")
            reply = attempt(workers, failed, engine, lambda: workers[engine].ask(do="threads", count=threads))
            if reply:
                once = reply["seconds"]
                if once < LONG * 10:
                    again = attempt(workers, failed, engine, lambda: workers[engine].ask(do="run", seconds=0, warm=False))
                    once = again["cpu"] / threads if again else once
                first[engine] = once
        if OURS not in workers:
            return {}
        difference = self.compare(row, workers, failed)
        first = {engine: seconds for engine, seconds in first.items() if engine in workers}
        quickest = min((first[engine] for engine in PEERS if engine in first), default=0)
        running = [engine for engine in first if engine not in PEERS or first[engine] <= max(LONG, LEFT_BEHIND * quickest)]
        slow = [engine for engine in running if first[engine] > max(LONG, LEFT_BEHIND * first[OURS])]
        rounds = []
        for number in range(self.arguments.rounds):
            order = random.Random(number).sample(running, len(running))
            order = [engine for engine in order if number < FEW or engine not in slow]
            if order == [OURS] and len(running) > 1:
                break
            say(f"{row}: {threads} thread{'s' * (threads > 1)}: round {number + 1} of {self.arguments.rounds}")
            taken = {e: workers[e].ask(do="run", seconds=TURN, warm=first[e] < WARM_BELOW) for e in order}
            rounds.append({engine: reply["cpu" if threads == 1 else "wall"] for engine, reply in taken.items()})
        median = {engine: statistics.median(turn[engine] for turn in rounds if engine in turn) for engine in running}
        ratio = {e: statistics.median(turn[e] / turn[OURS] for turn in rounds if e in turn) for e in running if e != OURS}
        once = {engine: first[engine] / median[OURS] for engine in first if engine not in running}
        return dict(median=median, ratio=ratio, once=once, difference=difference)

    def compare(self, row, workers, failed):
        """The largest difference of each engine's result from ours; an engine that differs is out."""
        import numpy as np

        path = self.arguments.folder / "rows" / row / "result.npy"
        workers[OURS].ask(do="result", path=str(path))
        ours, difference = np.load(path), {}
        for engine in [engine for engine in workers if engine != OURS]:
            if attempt(workers, failed, engine, lambda: workers[engine].ask(do="result", path=str(path))) is None:
                continue
            theirs = np.load(path)
            difference[engine] = float(np.abs(theirs - ours).max() / np.abs(theirs).max())
            if not difference[engine] <= TOLERANCE:
                failed[engine] = f"its result differs by {difference[engine]:.2g}"
                workers.pop(engine).end()
        return difference

    def floor(self, row, mode, sizes, threads):
        """The least time that what the compiler counts can take on this machine: operations over the peak, the tensors that
        each kernel reads and writes over the bandwidth, rows gathered along edges over the rate of gathers."""
        task = self.task(row, mode)
        model = task["onnx"] if mode == "inference" else pathlib.Path(task["work"]) / "train.onnx"
        inspect = [self.arguments.onnx2c, "inspect", model, "--json", *self.arguments.options]
        stages = json.loads(subprocess.check_output([*inspect, "--gnn"]))["stages"]
        slots = json.loads(subprocess.check_output([*inspect, "--mem"]))["slots"]
        count = {s["stage"]: {key: evaluate(value["formula"], sizes) for key, value in s["all"].items()} for s in stages}
        ours, exported, limits = count["fused"], count["exported"], self.limits[threads]
        at = lambda size: next((level for level in limits["levels"] if level["bytes"] >= size), limits["levels"][-1])
        table = max((evaluate(slot["largest"], sizes) for slot in slots), default=0)  # rows are gathered from a buffer
        seconds = {
            "operations": ours["flops"] / limits["flops"],
            "bytes": (ours["bytes"] - ours["gathered"]) / at(ours["memory"])["triad"],
            "gathers": ours["gathered"] / at(table)["gather"],
        }
        bound = max(seconds, key=seconds.get)
        saved = {f"less {key}": exported[key] / ours[key] for key in ("flops", "bytes", "memory")}
        return dict(operations=ours["flops"], bytes=ours["bytes"], floor=seconds[bound], bound=bound, **saved)


def attempt(workers, failed, engine, action):
    """What the action returns; None where the engine failed, which then is out."""
    try:
        return action()
    except Failed as error:
        failed[engine] = str(error)
        say(f"{engine} is out: {error}")
        workers.pop(engine).end()
        return None


def evaluate(formula, sizes):
    """A formula of `onnx2c inspect`; a size known only at run time is taken to be a relation's edges, on average."""
    names = re.findall(r"[A-Za-z_]\w*", formula)
    known = {name: sizes.get(name.split("_")[0], sizes["E"] // graphs.RELATIONS) for name in names}
    return eval(formula, {"__builtins__": {}}, {**known, "max": max, "min": min})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("onnx2c", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("folder", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("shared", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--rows", default="*")
    parser.add_argument("--modes", type=lambda text: text.split(","), default=["inference"])
    parser.add_argument("--threads", type=lambda text: [int(word) for word in text.split(",")], default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--engines", type=lambda text: text.split(","), default=list(ENGINES), help="in place of all")
    parser.add_argument("--memory", default="*", help="rows of which memory is measured too")
    parser.add_argument("options", nargs="*", help="options of `onnx2c build`")
    arguments = parser.parse_args()
    names, begin = select(arguments.rows), time.time()
    bench, records = Bench(arguments), []
    for mode in arguments.modes:
        for i, row in enumerate(names):
            say(f"row {i + 1} of {len(names)}, {(time.time() - begin) / 60:.0f} min so far")
            records += bench.row(row, mode)
            report.write(arguments.folder, records, bench.limits)
    print(report.table(records, bench.limits))


if __name__ == "__main__":
    main()
