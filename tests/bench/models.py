"""The models of the benchmark, as modules of PyTorch Geometric."""
import torch
import torch.nn.functional as F
import torch_geometric.nn as g
from graphs import RELATIONS, inputs_of
from torch import nn


class Gcn(nn.Module):
    """Two layers, 64 wide (Kipf and Welling, 2017)."""

    def __init__(self, features, classes):
        super().__init__()
        self.first = g.GCNConv(features, 64, add_self_loops=False)
        self.second = g.GCNConv(64, classes, add_self_loops=False)

    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)


class Gat(nn.Module):
    """Two layers of attention (Velickovic et al., 2018)."""

    def __init__(self, features, classes, heads, width):
        super().__init__()
        self.first = g.GATConv(features, width, heads=heads, add_self_loops=False)
        self.second = g.GATConv(heads * width, classes, heads=1, add_self_loops=False)

    def forward(self, x, edge_index):
        return self.second(F.elu(self.first(x, edge_index)), edge_index)


class MoNet(nn.Module):
    """Two Gaussian mixture layers (Monti et al., 2017) over pseudo-coordinates that each layer makes of the degrees."""

    def __init__(self, features, classes):
        super().__init__()
        self.first = g.GMMConv(features, 16, dim=2, kernel_size=3, aggr="add")
        self.second = g.GMMConv(16, classes, dim=2, kernel_size=3, aggr="add")
        self.pseudo = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])

    def forward(self, x, edge_index, pseudo):
        x = self.first(x, edge_index, self.pseudo[0](pseudo).tanh()).relu()
        return self.second(x, edge_index, self.pseudo[1](pseudo).tanh())


class Sage(nn.Module):
    """Two layers of means, 64 wide (Hamilton et al., 2017)."""

    def __init__(self, features, classes):
        super().__init__()
        self.first = g.SAGEConv(features, 64)
        self.second = g.SAGEConv(64, classes)

    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)


class Rgcn(nn.Module):
    """Two relational layers, 16 wide (Schlichtkrull et al., 2018)."""

    def __init__(self, features, classes):
        super().__init__()
        self.first = g.RGCNConv(features, 16, RELATIONS)
        self.second = g.RGCNConv(16, classes, RELATIONS)

    def forward(self, x, edge_index, edge_type):
        return self.second(self.first(x, edge_index, edge_type).relu(), edge_index, edge_type)


class EdgeConvNet(nn.Module):
    """Four layers of one linear map and a maximum (Wang et al., 2019), the classes of each point at the end."""

    takes = ("x", "edge_index")
    WIDTHS = (64, 64, 128, 256)

    def __init__(self, features, classes):
        super().__init__()
        widths = (features, *self.WIDTHS)
        self.layers = nn.ModuleList(g.EdgeConv(nn.Linear(2 * a, b), aggr="max") for a, b in zip(widths, widths[1:]))
        self.last = nn.Linear(widths[-1], classes)

    def forward(self, x, edge_index):
        for layer in self.layers:
            x = layer(x, edge_index).relu()
        return self.last(x)


#           module, its arguments beyond features and classes
MODELS = {
    "gcn": (Gcn, ()),
    "gat4": (Gat, (4, 64)),
    "gat8": (Gat, (8, 8)),
    "monet": (MoNet, ()),
    "edgeconv": (EdgeConvNet, ()),
    "sage": (Sage, ()),
    "rgcn": (Rgcn, ()),
}


def build(name, graph):
    """The module with weights drawn from a fixed seed, and its inputs."""
    torch.manual_seed(0)
    module, arguments = MODELS[name]
    model = module(graph["x"].shape[1], int(graph["classes"]), *arguments).eval()
    for parameter in model.parameters():  # exporters would make one weight of two that are zeros
        if not parameter.any():
            nn.init.uniform_(parameter, -0.1, 0.1)
    return model, tuple(torch.from_numpy(array) for array in inputs_of(name, graph))
