#!/usr/bin/env python3
"""Records what PyTorch makes of small networks in a few steps of training, for check_recorded.py to repeat.

    record.py          writes NAME.onnx and NAME.json beside itself; needs torch, onnx, onnxscript

A record has the model with its first weights, the inputs and targets, the options of `onnx2c train`, the losses before each
step, and the weights after the last.
"""
import copy
import io
import json
import logging
import pathlib
import warnings

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).resolve().parent
STEPS = 8
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def numbers(tensor):
    """A tensor as JSON, in the shortest digits that give it back."""
    array = tensor.detach().numpy()
    return {"type": str(array.dtype), "shape": list(array.shape),
            "data": [float(f"{v:.9g}") if array.dtype.kind == "f" else int(v) for v in array.reshape(-1)]}


def export(name, net, x):
    """The network as the dynamo exporter writes it, without the paths it puts into metadata."""
    for parameter in net.parameters():  # equal initialisers would become one
        with torch.no_grad():
            parameter.add_(0.01 * torch.randn_like(parameter))
    program = torch.onnx.export(net, (x,), dynamo=True, opset_version=18, input_names=["x"], output_names=["y"], optimize=False,
                                verbose=False)
    buffer = io.BytesIO()
    program.save(buffer)
    model = onnx.load_from_string(buffer.getvalue())
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del value.metadata_props[:]
    del model.graph.metadata_props[:], model.metadata_props[:]
    model.producer_version = ""
    onnx.save(model, HERE / f"{name}.onnx")


def train(net, x, target, loss, optimizer):
    """The losses before each step and the weights after the last."""
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        value = loss(net(x), target)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


def record(name, net, x, target, loss, runs, mask=None):
    """Writes the model, and for each run (options of onnx2c, PyTorch's optimizer) what becomes of it."""
    torch.manual_seed(1)
    export(name, net, x)
    first = copy.deepcopy(net.state_dict())
    result = {"x": numbers(x), "target": numbers(target), "runs": []}
    if mask is not None:
        result["mask"] = numbers(mask)
    for options, make in runs:
        net.load_state_dict(copy.deepcopy(first))
        losses = train(net, x, target, loss, make(net.parameters()))
        final = {key: numbers(value) for key, value in net.named_parameters()}
        final |= {key: numbers(value) for key, value in net.named_buffers() if value.dtype.is_floating_point}
        result["runs"].append({"options": options.split(), "losses": losses, "final": final})
    (HERE / f"{name}.json").write_text(json.dumps(result) + "\n")
    print(f"{name}: {[round(run['losses'][0], 4) for run in result['runs']][:1]} -> {[round(run['losses'][-1], 4) for run in result['runs']]}")


# ---- optimizers and losses, on two layers ----
def two_layers(outputs=2, last=None):
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, outputs), *([last] if last else []))


SGD = [("--optimizer sgd --lr 0.1", lambda p: torch.optim.SGD(p, 0.1))]


def optimizers():
    o = torch.optim
    runs = [
        ("--optimizer sgd --lr 0.1", lambda p: o.SGD(p, 0.1)),
        ("--optimizer sgd --lr 0.1 --set weight_decay=0.2", lambda p: o.SGD(p, 0.1, weight_decay=0.2)),
        ("--optimizer momentum --lr 0.05", lambda p: o.SGD(p, 0.05, momentum=0.9)),
        ("--optimizer momentum --lr 0.05 --set momentum=0.5 --set weight_decay=0.1",
         lambda p: o.SGD(p, 0.05, momentum=0.5, weight_decay=0.1)),
        ("--optimizer nesterov --lr 0.05", lambda p: o.SGD(p, 0.05, momentum=0.9, nesterov=True)),
        ("--optimizer adam --lr 0.05", lambda p: o.Adam(p, 0.05)),
        ("--optimizer adam --lr 0.05 --set beta1=0.8 --set beta2=0.95 --set epsilon=1e-4 --set weight_decay=0.1",
         lambda p: o.Adam(p, 0.05, (0.8, 0.95), 1e-4, weight_decay=0.1)),
        ("--optimizer adamw --lr 0.05", lambda p: o.AdamW(p, 0.05)),
        ("--optimizer adamw --lr 0.05 --set weight_decay=0.3", lambda p: o.AdamW(p, 0.05, weight_decay=0.3)),
        ("--optimizer adagrad --lr 0.1", lambda p: o.Adagrad(p, 0.1)),
        ("--optimizer adagrad --lr 0.1 --set lr_decay=0.1 --set weight_decay=0.1", lambda p: o.Adagrad(p, 0.1, 0.1, 0.1)),
    ]
    return [("--loss mse " + options, make) for options, make in runs]


def losses():
    torch.manual_seed(0)
    x, classes = torch.randn(8, 3), torch.randint(0, 3, (8,))
    mask = torch.arange(8) % 3 != 1
    runs = lambda loss: [(f"--loss {loss} {options}", make) for options, make in SGD]
    record("optimizers", two_layers(), x, torch.randn(8, 2), F.mse_loss, optimizers())
    record("ce", two_layers(3), x, classes, F.cross_entropy, runs("ce"))
    record("ce_of_softmax", two_layers(3, nn.Softmax(1)), x, classes, lambda y, t: F.nll_loss(y.log(), t), runs("ce"))
    record("nll", two_layers(3, nn.LogSoftmax(1)), x, classes, F.nll_loss, runs("nll"))
    record("bce", two_layers(2), x, torch.randint(0, 2, (8, 2)).float(), F.binary_cross_entropy_with_logits, runs("bce"))
    record("bce_of_sigmoid", two_layers(2, nn.Sigmoid()), x, torch.rand(8, 2), F.binary_cross_entropy, runs("bce"))
    record("hinge", two_layers(1), x, torch.randint(0, 2, (8, 1)) * 2.0 - 1, lambda y, t: F.relu(1 - t * y).mean(), runs("hinge"))
    outside = torch.where(mask, classes, -100)  # targets outside the mask may be anything
    record("ce_masked", two_layers(3), x, outside, lambda y, t: F.cross_entropy(y[mask], t[mask]), runs("ce --mask"), mask)
    record("mse_masked", two_layers(2), x, torch.where(mask[:, None], torch.randn(8, 2), torch.nan),
           lambda y, t: F.mse_loss(y[mask], t[mask]), runs("mse --mask"), mask)


# ---- networks ----
class Pixels(nn.Module):
    """Classes for each pixel."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ELU(), nn.Conv2d(4, 3, 1))

    def forward(self, x):
        return self.body(x)


class Attention(nn.Module):
    """One block of a transformer."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.project(self.norm1(x)).view(n, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = torch.softmax(q @ k.transpose(-2, -1) / (c // self.heads) ** 0.5, -1)
        x = x + self.out((a @ v).transpose(1, 2).reshape(n, t, c))
        return x + self.mlp(self.norm2(x))


class Inception(nn.Module):
    """Branches that are joined: convolutions of three sizes, a pool; groups and dilation."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.one, self.three = nn.Conv2d(4, 2, 1), nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2)
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.deep = nn.Conv2d(10, 10, 3, padding=1, groups=10, bias=False)
        self.last = nn.Linear(10, 3)

    def forward(self, x):
        x = F.relu6(self.stem(x))
        x = torch.cat([self.one(x), F.leaky_relu(self.three(x), 0.1), self.pool(x)], 1)
        x = F.hardswish(self.deep(x)) + x
        return self.last(x.mean((2, 3)))


def networks():
    torch.manual_seed(0)
    images, classes = torch.randn(4, 3, 8, 8), torch.randint(0, 3, (4,))
    runs = lambda loss: [(f"--loss {loss} --optimizer momentum --lr 0.05", lambda p: torch.optim.SGD(p, 0.05, momentum=0.9))]
    cnn = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, stride=2),
                        nn.SiLU(), nn.Flatten(), nn.Linear(6, 3))
    record("cnn", cnn.eval(), images, classes, F.cross_entropy, runs("ce"))
    record("inception", Inception(), images, classes, F.cross_entropy, runs("ce"))
    record("pixels", Pixels(), torch.randn(2, 2, 5, 4), torch.randint(0, 3, (2, 5, 4)), F.cross_entropy, runs("ce"))
    auto = nn.Sequential(nn.Conv1d(2, 4, 3, stride=2, padding=1), nn.GroupNorm(2, 4), nn.Mish(),
                         nn.ConvTranspose1d(4, 2, 4, stride=2, padding=1), nn.InstanceNorm1d(2, affine=True))
    signal = torch.randn(3, 2, 8)
    record("autoencoder", auto, signal, signal, F.mse_loss, runs("mse"))
    record("attention", Attention(8, 2), torch.randn(2, 5, 8), torch.randn(2, 5, 8), F.mse_loss, runs("mse"))
    words = torch.randint(0, 6, (4, 5))
    bag = nn.Sequential(nn.Embedding(6, 4), nn.Flatten(), nn.Linear(20, 3), nn.PReLU(), nn.Linear(3, 3), nn.LogSoftmax(1))
    record("embedding", bag, words, classes, F.nll_loss, runs("nll"))
    upsample = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(4, 2, 3, padding=1),
                             nn.LocalResponseNorm(3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    record("upsample", upsample, images, torch.randn(4, 2), F.mse_loss, runs("mse"))


if __name__ == "__main__":
    losses()
    networks()
