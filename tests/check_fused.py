#!/usr/bin/env python3
"""What fusing owes graph networks, measured on their workspace formulas and fused graphs.

    check_fused.py ONNX2C MODELS_FOLDER [SHARED_MODELS_FOLDER]

No buffer has a feature-sized row for each edge: the workspace grows by at most 12 bytes with an edge, and little more when the
network is trained; nor has it where the number of edges is known. Attention's maximum,
sum, weighting and aggregation are one loop nest, in training also what its gradient needs of the same rows: a step of attention
walks the edges by target once and by source once. SAGE on Cora aggregates rows of 16 features, not of 1433. Two exports of
one network, by different exporters, become the same graph, names aside. Of the products in EdgeConv layers, those that a
vertex can do for all its edges are done once.
"""
import functools
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from collections import Counter

import onnx
from graph_text import projections, without_names
from program import formula_bytes

LEAN = """GCNConv GCNConv_noself GCNConv_nonorm GCN_precomputed_norm GATConv GATConv_noself GAT2_selfloop_in_graph GMMConv
SAGEConv_mean SAGEConv_sum SAGEConv_max GINConv RGCNConv RGCNConv_bases EdgeConv EdgeConv_nograd EdgeConv_linear cora_gcn cora_gat cora_gat_selfloops_as_input cora_monet
cora_sage_mean gcn gat monet sage gin edgeconv gcn_flat gat_flat monet_flat monet_mean monet_mean_flat""".split()
# Networks that both exporters wrote. Where self loops are an input for one of them, the other's twin is NAME_flat. Not those
# with a maximum over edges: the TorchScript exporter's starts from zero, which is another function.
TWINS = """GCNConv GCNConv_noself GCNConv_nonorm GCN_precomputed_norm GATConv_noself GAT2_selfloop_in_graph GMMConv SAGEConv_mean
SAGEConv_sum GINConv APPNP cora_gcn cora_gat_selfloops_as_input cora_monet cora_sage_mean cora_appnp gin sage""".split()
FLAT_TWINS = "gcn gat monet monet_mean".split()
BYTES_PER_EDGE = 12
# Training groups edges by target and by source. MoNet trains a small network on edges too: its inputs and gradients are stored.
TRAINED = {"gcn": 8, "gat": 8, "sage": 8, "gin": 8, "edgeconv": 16, "monet": 48, "monet_mean": 48}
# Bytes moved and memory by the graph as exported, run operator by operator, over those of the generated training step, at the
# size of Reddit's graph: at least so many.
REDDIT = {"N": 232965, "E": 114615892}
SAVED = {"gat": (6.89, 7.73), "edgeconv": (6.89, 7.73), "monet": (4.9, 7.73)}
EDGES, VERTICES, NEIGHBOURS = 40960, 1024, 20 # of point clouds: 40 neighbours each, 20 in the one that finds them itself
NESTED = ["gnn.SegmentMax", "gnn.SegmentSum", "gnn.SegmentSum"]


def inspect(onnx2c, model, *options):
    command = [onnx2c, "inspect", str(model / "model.onnx"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def symbol(model, name, axis):
    """The name of a dimension of an input."""
    inputs = {i.name: i for i in onnx.load(model / "model.onnx").graph.input}
    return inputs[name].type.tensor_type.shape.dim[axis].dim_param


def workspace_formula(onnx2c, model, *options):
    """The workspace's bytes as an expression over sizes."""
    return json.loads(inspect(onnx2c, model, "--mem", "--json", *options))["workspace"]


def bytes_per_edge(onnx2c, model):
    """By how much the workspace grows with each edge, from its formula."""
    formula, edges = workspace_formula(onnx2c, model), symbol(model, "edge_index", 1)
    others = {name: 1000 for name in re.findall(r"[A-Za-z_]\w*", formula) if name not in ("min", "max")}
    few, many = (formula_bytes(formula, {**others, edges: e}) for e in (10**6, 2 * 10**6))
    return (many - few) / 10**6


def fused_text(onnx2c, model):
    """The fused graph, names aside."""
    return without_names(inspect(onnx2c, model, "--ir", "--stop-after", "fuse"))


def groups(text):
    """The bodies of the fused functions."""
    return re.findall(r"\ngroup_\d+.*?\n}", text, re.S)


def check_lean(onnx2c, model):
    grows = bytes_per_edge(onnx2c, model)
    assert grows <= BYTES_PER_EDGE, f"the workspace grows by {grows} bytes with each edge"


def kernels(onnx2c, model, *options):
    return len(json.loads(inspect(onnx2c, model, "--cost", "--json", *options)))


def check_fixed_edges(onnx2c, model):
    """A number of edges that is known, or that happens to be that of the vertices, is no reason to store what edges
    have; but programs of a fixed size have no strips."""
    edges, vertices = symbol(model, "edge_index", 1), symbol(model, "x", 0)
    formula, few = workspace_formula(onnx2c, model), kernels(onnx2c, model)
    for count in ({edges: 2000}, {edges: 2000, vertices: 2000}):
        options = [word for name, size in count.items() for word in ("--dim", f"{name}={size}")]
        fixed = workspace_formula(onnx2c, model, *options)
        at = {"E": 2000, "N": count.get(vertices, 1000)} # what formulas call the two sizes
        assert formula_bytes(fixed, at, strips=False) <= formula_bytes(formula, at, strips=False), f"{options}: the workspace is {fixed}, was {formula}"
        assert kernels(onnx2c, model, *options) <= few, f"{options}: {kernels(onnx2c, model, *options)} kernels, were {few}"


def check_trained(onnx2c, model, most):
    with tempfile.TemporaryDirectory() as folder:
        grows = bytes_per_edge(onnx2c, train(onnx2c, model, folder))
    assert grows <= most, f"the workspace grows by {grows} bytes with each edge"


def train(onnx2c, model, folder):
    training = pathlib.Path(folder) / "model.onnx"
    command = [onnx2c, "train", str(model / "model.onnx"), "--loss", "ce", "--mask", "--optimizer", "adam", "-o", str(training)]
    subprocess.run(command, capture_output=True, check=True, timeout=120)
    return training.parent


def check_saved(onnx2c, model, least):
    names = {"N": symbol(model, "x", 0), "E": symbol(model, "edge_index", 1)}
    at = ",".join(f"{names[size]}={value}" for size, value in REDDIT.items())
    ratios = json.loads(inspect(onnx2c, model, "--gnn", "--json", "--loss", "ce", "--mask", "--optimizer", "adam", "--at", at))["ratios"]
    got = ratios["bytes"], ratios["memory"]
    assert all(is_ >= wanted for is_, wanted in zip(got, least)), f"bytes and memory fall by factors of {got}"


def check_attention_trained(onnx2c, model):
    with tempfile.TemporaryDirectory() as folder:
        text = inspect(onnx2c, train(onnx2c, model, folder), "--ir", "--stop-after", "fuse")
    walks = [body for body in groups(text) if "gnn.Segment" in body]
    layers = len(re.findall(r"gnn\.SegmentMax ", text))
    assert len(walks) == 2 * layers, f"{len(walks)} nests walk over edges, of {layers} layers"


def check_attention(onnx2c, model):
    text = inspect(onnx2c, model, "--ir", "--stop-after", "fuse")
    segments = [re.findall(r"gnn\.Segment\w+(?= )", body) for body in groups(text)]
    assert NESTED in segments, f"no group has all of the edge softmax: {segments}"


def check_sage_width(onnx2c, model):
    text = inspect(onnx2c, model, "--ir", "--stop-after", "csr")
    widths = re.findall(r"gnn\.SegmentMean \(.*# float\[\w+,(\d+)\]", text)
    assert widths and max(map(int, widths)) == 16, f"aggregates rows of {widths}"


def operations(products):
    """Multiplications and additions."""
    return sum(2 * rows * inputs * outputs for rows, inputs, outputs in products)


def layer_products(onnx2c, model, sizes):
    """The products that reorganisation replaces, and what it replaces them by: without those that stay as they are."""
    before, after = (Counter(projections(inspect(onnx2c, model, "--ir", "--stop-after", at), sizes)) for at in ("canon", "recse"))
    return list((before - after).elements()), list((after - before).elements())


def check_edgeconv_operations(onnx2c, model):
    sizes = {symbol(model, "x", 0): VERTICES, symbol(model, "edge_index", 1): EDGES}
    before, after = layer_products(onnx2c, model, sizes)
    assert {rows for rows, _, _ in before} == {EDGES} and len(before) == 4, f"the layers are {before}"
    left = operations(after) / operations(before)
    assert left <= 1 - 0.924, f"{100 * left:.1f} % of the operations are left: {after}"


def check_dgcnn_operations(onnx2c, model):
    before, after = layer_products(onnx2c, model, {"B": 1, "P": VERTICES})
    assert {rows for rows, _, _ in before} >= {VERTICES * NEIGHBOURS}, f"the layers are {before}"
    assert {rows for rows, _, _ in after} == {VERTICES}, f"products that are left: {after}"
    assert operations(before) == NEIGHBOURS * operations(after), f"{operations(before)} became {operations(after)}"


def check_knn_memory(onnx2c, model):
    few, many = (formula_bytes(workspace_formula(onnx2c, model), {"B": 1, "P": points}) for points in (10**5, 2 * 10**5))
    assert many <= 2 * few, f"{few} bytes became {many}"


def check_twins(onnx2c, clean, dirty):
    assert fused_text(onnx2c, clean) == fused_text(onnx2c, dirty), "the fused graphs differ"


def cases(models, shared):
    """(title, check, folders) for every check whose models are there."""
    folders = {f.name: f for f in [*models.glob("*/*__*"), *(shared.glob("gnn/*__*") if shared else []),
                                   *(shared.glob("digits/*__*") if shared else [])]}
    for name, folder in sorted(folders.items()):
        layer = name.split("__")[0]
        if layer in LEAN:
            yield f"{name}: at most {BYTES_PER_EDGE} bytes of workspace an edge", check_lean, [folder]
            yield f"{name}: a known number of edges changes nothing", check_fixed_edges, [folder]
        if re.match(r"(cora_)?gat", layer, re.I):
            yield f"{name}: attention is one nest", check_attention, [folder]
        if layer.removesuffix("_init") in TRAINED and layer.endswith("_init"):
            most = TRAINED[layer.removesuffix("_init")]
            check = functools.partial(check_trained, most=most)
            yield f"{name}: training takes at most {most} bytes of workspace an edge", check, [folder]
        if layer in SAVED:
            least = SAVED[layer]
            check = functools.partial(check_saved, least=least)
            yield f"{name}: training moves {least[0]}x fewer bytes and needs {least[1]}x less memory at Reddit's size", check, [folder]
        if layer == "gat":
            yield f"{name}: a training step walks each layer's edges twice", check_attention_trained, [folder]
        if layer == "cora_sage_mean":
            yield f"{name}: aggregates 16 features", check_sage_width, [folder]
        if layer == "edgeconv4_static":
            yield f"{name}: less than 7.6 % of the operations of its layers are left", check_edgeconv_operations, [folder]
        if layer == "dgcnn_dynamic_k20":
            yield f"{name}: twice the points take twice the memory", check_knn_memory, [folder]
            yield f"{name}: an edge costs no product, a vertex what an edge did", check_dgcnn_operations, [folder]
    for a, b in [(f"{n}__dynamo", f"{n}__ts") for n in TWINS] + [(f"{n}__dynamo", f"{n}_flat__ts") for n in FLAT_TWINS]:
        if a in folders and b in folders:
            yield f"{a} and {b}: the same fused graph", check_twins, [folders[a], folders[b]]


def main():
    onnx2c, models = sys.argv[1], pathlib.Path(sys.argv[2])
    shared = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 and pathlib.Path(sys.argv[3]).is_dir() else None
    if not shared:
        print("SKIPPED fused: only the models of this repository; those of single layers are not there")
    passed = failed = 0
    for title, check, folders in cases(models, shared):
        try:
            check(onnx2c, *folders)
            passed += 1
            print(f"ok   {title}", flush=True)
        except (AssertionError, subprocess.CalledProcessError, KeyError, ValueError) as error:
            failed += 1
            print(f"FAIL {title}\n     {error}", flush=True)
    print(f"fused: {passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
