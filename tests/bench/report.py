"""What the benchmark found: a table for people, CSV for programs, a plot."""
import csv
import math

from engines import ENGINES, OURS, PEERS

HEADLINE = ("gat", "monet", "edgeconv")  # the models of the paper (Zhang et al., MLSys 2022)


def best(record):
    """The fastest peer and how many times ours it takes; None where nothing was measured."""
    ratio = {engine: value for engine, value in record.get("ratio", {}).items() if engine in PEERS}
    return min(ratio.items(), key=lambda item: item[1]) if ratio else None


def least_memory(record):
    """The peer that takes the least memory and how many times ours it takes."""
    added = {engine: found["added"] for engine, found in record["memory"].items() if found}
    peers = {engine: bytes_ for engine, bytes_ in added.items() if engine in PEERS}
    if OURS not in added or not peers:
        return None
    engine = min(peers, key=peers.get)
    return engine, peers[engine] / max(added[OURS], 1)


def cell(record, engine):
    if engine in record.get("ratio", {}):
        return f"{record['ratio'][engine]:.2f}"
    if engine in record.get("once", {}):
        return f"~{record['once'][engine]:.0f}"
    reason = record["failed"].get(engine, "")
    return "memory" if "emory" in reason or "alloc" in reason or "died" in reason else "differs" if "differs" in reason else "-"


def share(record):
    return record["floor"] / record["median"][OURS] if "median" in record else None


def lines(records):
    head = ["row", "threads", *PEERS, "best peer", "one call", "floor", "of", "GFLOP", "MB", "IO", "memory", "plan"]
    yield head
    for record in records:
        who = best(record)
        ours = (record["memory"].get(OURS) or {}) if record["memory"] else {}
        memory = least_memory(record) if record["memory"] else None
        yield [
            record["row"],
            str(record["threads"]),
            *(cell(record, engine) for engine in PEERS),
            f"{who[1]:.2f}" if who else "failed",
            cell(record, "one call"),
            f"{share(record):.0%}" if who else "",
            record["bound"],
            f"{record['operations'] / 1e9:.3g}",
            f"{record['bytes'] / 1e6:.3g}",
            f"{record['less bytes']:.1f}",
            f"{memory[1]:.1f}" if memory else "",
            f"{ours['added'] / ours['planned']:.2f}" if ours else "",
        ]


def aligned(rows):
    rows = list(rows)
    width = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, width))) for row in rows)


def markdown(records):
    """A row of the benchmark in a line: how many times faster than the fastest peer, by mode and threads."""
    columns = list(dict.fromkeys((record["mode"], record["threads"]) for record in records))
    found = {(record["row"], record["mode"], record["threads"]): record for record in records}
    yield "| row | " + " | ".join(f"{mode}, {threads} thread{'s' * (threads > 1)}" for mode, threads in columns) + " | floor | IO | memory |"
    yield "|---" * (len(columns) + 4) + "|"
    for row in dict.fromkeys(record["row"] for record in records):
        cells, first = [], next(record for record in records if record["row"] == row)
        for column in columns:
            record = found.get((row, *column))
            who = best(record) if record else None
            cells.append(f"{who[1]:.2f} ({who[0]})" if who else "")
        memory = least_memory(first)
        floor = f"{share(first):.0%}" if best(first) else ""
        cells += [floor, f"{first['less bytes']:.1f}", f"{memory[1]:.1f}" if memory else ""]
        yield f"| {row} | " + " | ".join(cells) + " |"


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def table(records, limits):
    text = []
    for mode in dict.fromkeys(record["mode"] for record in records):
        chosen = [record for record in records if record["mode"] == mode]
        text += [f"{mode}: how many times the time of onnx2c's C the others take (above 1: it is faster)", aligned(lines(chosen)), ""]
        for threads in dict.fromkeys(record["threads"] for record in chosen):
            ratios = [best(r)[1] for r in chosen if r["threads"] == threads and r["row"].startswith(HEADLINE) and best(r)]
            if ratios:
                text.append(f"geometric mean over the GAT, MoNet and EdgeConv rows, {threads} thread(s): {geometric_mean(ratios):.2f}")
    about = dict.fromkeys(record["about"] for record in records)
    text += [
        "",
        "~ measured once: an engine far behind the fastest peer; - the engine cannot do the row. best peer: the fastest of them.",
        "one call: ours where each run is given the edges and groups them, which else happens once for a graph.",
        "floor: the least time this machine needs for the operations, bytes or gathers that the compiler counts, as a share of ours.",
        "GFLOP, MB: what the generated code computes and moves; IO: how many times as much the exported graph moves.",
        "memory: what the peer that needs least adds while it runs, in times of ours; plan: ours beside what the compiler planned.",
        *about,
        "",
        "This machine at most:",
        aligned(limit_lines(limits)),
        "",
    ]
    load = [record["load"] for record in records if "load" in record]
    if load:
        text.append(f"load of the machine meanwhile: {min(load):.1f} to {max(load):.1f}")
    failures = dict.fromkeys((r["row"], e, why) for r in records for e, why in r["failed"].items() if not why.startswith("NotYet"))
    text += [f"{row}: {engine}: {why}" for row, engine, why in failures]
    return "\n".join(text)


def limit_lines(limits):
    sizes = [f"{level['bytes'] >> 10} KB" for level in next(iter(limits.values()))["levels"]]
    yield ["threads", "", *sizes]
    for threads, limit in limits.items():
        yield [str(threads), "GFLOP/s", f"{limit['flops'] / 1e9:.0f}", *[""] * (len(sizes) - 1)]
        for key, name in (("triad", "triad, GB/s"), ("gather", "gathered rows, GB/s")):
            yield [str(threads), name, *(f"{level[key] / 1e9:.0f}" for level in limit["levels"])]


def write(folder, records, limits):
    (folder / "bench.txt").write_text(table(records, limits) + "\n")
    (folder / "bench.md").write_text("\n".join(markdown(records)) + "\n")
    fields = ["row", "mode", "threads", "about", "best peer", "best ratio", "floor", "bound", "operations", "bytes", "load"]
    fields += ["less flops", "less bytes", "less memory"]
    for engine in ENGINES:
        fields += [f"{engine} {what}" for what in ("seconds", "ratio", "difference", "added bytes", "peak bytes", "failure")]
    with (folder / "bench.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore")
        writer.writeheader()
        for record in records:
            writer.writerow(flat(record))
    plot(folder / "bench.svg", records)


def flat(record):
    who = best(record)
    line = {**record, "best peer": who and who[0], "best ratio": who and who[1], "floor": share(record)}
    for engine in ENGINES:
        memory = record["memory"].get(engine) or {}
        line[f"{engine} seconds"] = record.get("median", {}).get(engine)
        line[f"{engine} ratio"] = record.get("ratio", {}).get(engine) or record.get("once", {}).get(engine)
        line[f"{engine} difference"] = record.get("difference", {}).get(engine)
        line[f"{engine} added bytes"] = memory.get("added")
        line[f"{engine} peak bytes"] = memory.get("peak")
        line[f"{engine} failure"] = record["failed"].get(engine)
    return line


def plot(path, records):
    """Bars: how many times faster than the best peer, by row and threads."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    shown = [record for record in records if best(record)]
    if not shown:
        return
    labels = [f"{r['row']}, {r['mode'][:5]}, {r['threads']}T" for r in shown]
    figure, axes = plt.subplots(figsize=(8, 1 + 0.22 * len(shown)))
    values = [best(record)[1] for record in shown]
    axes.barh(labels, values, color=["#4878a8" if value >= 1 else "#b04848" for value in values])
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("times faster than the fastest peer")
    axes.invert_yaxis()
    figure.tight_layout()
    figure.savefig(path)
    plt.close(figure)
