"""The graphs of the benchmark, each made once and kept as a NumPy archive.

A graph is a dictionary: x float32 [N, F], edge_index int64 [2, E] (source, target), loops int64 [2, E + N] (the same with a
loop on each vertex), edge_type int64 [E], classes (int), about (str). Everything is drawn with fixed seeds.
"""
import re
import subprocess

import numpy as np
from rows import MODELS

ARXIV = dict(vertices=169_343, edges=1_166_243, features=128, classes=40)  # ogbn-arxiv's sizes
REDDIT = dict(vertices=232_965, edges=114_615_892, features=602, classes=41)
REDDIT_SHARE = 32  # a graph with all of its edges needs more memory than a workstation has
RELATIONS = 3


def graph(x, edge_index, classes, about, edge_type=None):
    vertices, edges = len(x), edge_index.shape[1]
    loop = np.tile(np.arange(vertices, dtype=np.int64), (2, 1))
    without = edge_index[:, edge_index[0] != edge_index[1]]
    if edge_type is None:
        edge_type = np.random.default_rng(3).integers(0, RELATIONS, edges)
    degree = int(np.bincount(edge_index[1], minlength=vertices).max(initial=0))
    return {
        "x": np.ascontiguousarray(x, np.float32),
        "edge_index": np.ascontiguousarray(edge_index, np.int64),
        "loops": np.concatenate([without, loop], 1),
        "edge_type": edge_type.astype(np.int64),
        "classes": classes,
        "about": f"{about}: {vertices:,} vertices, {edges:,} edges, greatest in-degree {degree:,}",
    }


def features(vertices, count, seed=1):
    return np.random.default_rng(seed).standard_normal((vertices, count), dtype=np.float32)


def digits(shared):
    data = np.load(shared / "models" / "digits" / "digits_graph.npz")
    return graph(data["x"], data["edge_index"], 10, "digits, 10 nearest neighbours")


def cora(shared):
    data = np.load(shared / "graphs" / "cora.npz")
    return graph(data["x"], data["edge_index"], 7, f"Cora, {np.mean(data['x'] != 0):.1%} of the features not zero")


def debian(_):
    """Packages of Debian and what they depend on: an edge from package to dependency, of type 0 (Depends), 1 (another choice of
    one), 2 (Pre-Depends)."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True, errors="replace").stdout
    packages = re.findall(r"^Package: (\S+)$", text, re.M)
    number = {name: i for i, name in enumerate(dict.fromkeys(packages))}
    edges = {}
    for record in text.split("\n\n"):
        name = re.search(r"^Package: (\S+)$", record, re.M)
        for field, clauses in re.findall(r"^(Depends|Pre-Depends): (.*)$", record, re.M):
            for clause in clauses.split(","):
                for choice, wanted in enumerate(re.findall(r"(?:^|\|)\s*([a-z0-9][a-z0-9+.-]*)", clause)):
                    if wanted in number:
                        kind = 2 if field == "Pre-Depends" else min(choice, 1)
                        edges.setdefault((number[name[1]], number[wanted]), kind)
    if not edges:
        raise SystemExit("bench: apt-cache knows no packages; `apt-get update` makes it")
    return graph(features(len(number), 64), np.array(list(edges)).T, 16, "Debian packages", np.array(list(edges.values())))


def rmat(vertices, edges, features_, classes, about):
    """A recursive-matrix graph (Chakrabarti, Zhan and Faloutsos, 2004): edges without duplicates, vertices in random order."""
    random, levels = np.random.default_rng(2), int(np.ceil(np.log2(vertices)))
    keys = np.empty(0, np.int64)
    while len(keys) < edges:
        draw = random.random((levels, edges // 2), dtype=np.float32)
        weights = 1 << np.arange(levels)[:, None]
        source = ((draw >= 0.76) * weights).sum(0)  # quadrants of 57, 19, 19 and 5 per cent
        target = (((draw >= 0.57) & (draw < 0.76) | (draw >= 0.95)) * weights).sum(0)
        inside = (source < vertices) & (target < vertices) & (source != target)
        keys = np.unique(np.concatenate([keys, source[inside] * vertices + target[inside]]))
    keys = random.permutation(keys)[:edges]
    order = random.permutation(vertices)
    return graph(features(vertices, features_), order[np.stack([keys // vertices, keys % vertices])], classes, about)


def arxiv(_):
    return rmat(ARXIV["vertices"], ARXIV["edges"], ARXIV["features"], ARXIV["classes"], "R-MAT of ogbn-arxiv's size")


def reddit(_):
    edges = REDDIT["edges"] // REDDIT_SHARE
    about = f"R-MAT of Reddit's size, 1/{REDDIT_SHARE} of its edges"
    return rmat(REDDIT["vertices"], edges, REDDIT["features"], REDDIT["classes"], about)


def clouds(k, batch=8):
    """Point clouds of 1024 points, each point with its k nearest neighbours as sources."""

    def make(shared):
        points = np.load(shared / "graphs" / "pointclouds.npz")["pts"]
        random = np.random.default_rng(4)
        parts, edges = [], []
        for i in range(batch):
            part = points[i % len(points)] + 0.01 * random.standard_normal(points[0].shape)
            square = (part * part).sum(1)
            distance = square[:, None] + square[None, :] - 2 * part @ part.T
            np.fill_diagonal(distance, np.inf)
            near = np.argsort(distance, axis=1, kind="stable")[:, :k] + i * len(part)
            edges.append(np.stack([near.ravel(), np.repeat(np.arange(len(part)) + i * len(part), k)]))
            parts.append(part)
        return graph(np.concatenate(parts), np.concatenate(edges, 1), 40, f"{batch} clouds of {len(points[0])} points, k = {k}")

    return make


MAKERS = {
    "digits": digits,
    "cora": cora,
    "debian": debian,
    "arxiv": arxiv,
    "reddit": reddit,
    "clouds20": clouds(20),
    "clouds40": clouds(40),
}


def load(name, cache, shared):
    """The graph, made where the cache does not hold it."""
    folder = cache / name
    if not (folder / "made").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in MAKERS[name](shared).items():
            np.save(folder / f"{key}.npy", value)
        (folder / "made").touch()
    return {path.stem: np.load(path) for path in folder.glob("*.npy")}


def pseudo(graph):
    """Coordinates of each edge, [E, 2]: in-degree^-1/2 of source and target."""
    degree = np.bincount(graph["loops"][1], minlength=len(graph["x"])).astype(np.float32) ** -0.5
    return np.ascontiguousarray(degree[graph["loops"]].T)


def inputs_of(model, graph):
    """The arrays a model takes, in order."""
    return tuple(pseudo(graph) if key == "pseudo" else graph[key] for key in MODELS[model].takes)


def input_names(model):
    """What the exported model calls them."""
    return ["edge_index" if key == "loops" else key for key in MODELS[model].takes]
