"""The rows of the benchmark: which model runs on which graph."""
import fnmatch
from typing import NamedTuple


class Model(NamedTuple):
    takes: tuple  # arrays of a graph; "loops" is its edges with a loop on each vertex
    graphs: tuple


MODELS = {
    "gcn": Model(("x", "loops"), ("digits", "cora", "debian", "arxiv", "reddit")),
    "gat4": Model(("x", "loops"), ("digits", "debian", "arxiv", "reddit")),
    "gat8": Model(("x", "loops"), ("digits", "cora", "debian", "arxiv")),
    "monet": Model(("x", "loops", "pseudo"), ("digits", "debian", "arxiv", "reddit")),
    "edgeconv": Model(("x", "edge_index"), ("digits", "clouds20", "clouds40")),
    "sage": Model(("x", "edge_index"), ("digits", "debian", "arxiv", "reddit")),
    "rgcn": Model(("x", "edge_index", "edge_type"), ("digits", "debian", "arxiv")),
}
ROWS = {f"{name}-{graph}": (name, graph) for name, model in MODELS.items() for graph in model.graphs}


def select(patterns):
    """The rows whose names match one of the patterns, which are separated by commas or spaces; * stands for anything."""
    wanted = {pattern: fnmatch.filter(ROWS, pattern) for pattern in patterns.replace(",", " ").split()}
    for pattern, names in wanted.items():
        if not names:
            raise SystemExit(f"bench: no row is named '{pattern}'; there are {', '.join(ROWS)}")
    return list(dict.fromkeys(name for names in wanted.values() for name in names))
