#!/usr/bin/env python3
"""The ONNX files of the benchmark: the modules of models.py as torch.onnx exports them, with any number of vertices and edges.

    export.py MODEL GRAPH MODE CACHE FILE        CACHE: the folder that holds the graphs
"""
import logging
import pathlib
import sys
import warnings

import graphs
import models

import torch
from onnxscript import optimizer

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


def keep_parameters(program, model):
    """The exporter's own clean-up, which else folds parameters into constants that training would not find."""
    names = {name for name, _ in model.named_parameters()}
    reads = lambda node: any(value is not None and value.name in names for value in node.inputs)
    optimizer.optimize_ir(program.model, should_fold=lambda node: False if reads(node) else None)


def export(name, graph, mode, path):
    model, inputs = models.build(name, graph)
    names = graphs.input_names(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial, training = path.with_suffix(".part"), mode == "training"
    options = dict(input_names=names, output_names=["y"], opset_version=18)
    if EXPORTER.get(name) == "ts":
        axes = {key: AXIS[key] for key in names} | {"y": {0: "N"}}
        options.update(dynamic_axes=axes, dynamo=False, do_constant_folding=not training)
        torch.onnx.export(model, example(names, inputs), str(partial), **options)
    else:
        shapes = tuple(AXIS[key] for key in names)
        options.update(dynamic_shapes=shapes, dynamo=True, external_data=False, verbose=False, optimize=not training)
        program = torch.onnx.export(model, example(names, inputs), **options)
        if training:
            keep_parameters(program, model)
        program.save(partial)
    partial.rename(path)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    name, graph, mode, cache, path = sys.argv[1:]
    export(name, graphs.load(graph, pathlib.Path(cache), None), mode, pathlib.Path(path))
