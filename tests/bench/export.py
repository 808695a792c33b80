#!/usr/bin/env python3
"""The ONNX files of the benchmark: the modules of models.py as torch.onnx exports them, with any number of vertices and edges.

    export.py MODEL GRAPH CACHE FILE        CACHE: the folder that holds the graphs
"""
import logging
import pathlib
import sys
import warnings

import graphs
import models

import torch
from rows import MODELS

EXPORTER = {"rgcn": "ts"}  # torch.export cannot follow how RGCNConv picks a relation's edges; all else goes by dynamo
AXIS = {"x": {0: "N"}, "edge_index": {1: "E"}, "pseudo": {0: "E"}, "edge_type": {0: "E"}}


def example(names, inputs):
    """Inputs of ten vertices and 24 edges, of which the exporters learn what varies."""
    small = {
        "x": torch.randn(10, inputs[0].shape[1]),
        "edge_index": torch.randint(0, 10, (2, 24)),
        "pseudo": torch.rand(24, 2),
        "edge_type": torch.randint(0, 3, (24,)),
    }
    return tuple(small[name] for name in names)


def export(name, graph, path):
    model, inputs = models.build(name, graph)
    names = ["edge_index" if key == "loops" else key for key in MODELS[name].takes]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    options = dict(input_names=names, output_names=["y"], opset_version=18)
    if EXPORTER.get(name) == "ts":
        axes = {key: AXIS[key] for key in names} | {"y": {0: "N"}}
        torch.onnx.export(model, example(names, inputs), str(partial), dynamic_axes=axes, dynamo=False, **options)
    else:
        shapes = tuple(AXIS[key] for key in names)
        torch.onnx.export(
            model, example(names, inputs), dynamic_shapes=shapes, dynamo=True, external_data=False, verbose=False, **options
        ).save(partial)
    partial.rename(path)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    name, graph, cache, path = sys.argv[1:]
    export(name, graphs.load(graph, pathlib.Path(cache), None), pathlib.Path(path))
