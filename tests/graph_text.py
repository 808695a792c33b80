"""Graphs as `onnx2c inspect --ir` prints them."""
import math
import re


def _numbered(text):
    """One graph or function, its values numbered in the order in which they appear."""
    number = {}
    name = r'(?<![\w.@"])(?<!: )("[^"\n]*"|[A-Za-z_]\w*)(?![\w"]| ?[(<:\[.])'
    return re.sub(name, lambda match: f"%{number.setdefault(match[0], len(number))}", text)


def without_names(text):
    """The text of a model with the values of each graph and function numbered; operators, attributes, types stay."""
    text = re.sub(r"(?m)^ +\[[^\]]*\]|#.*", "", text)  # the names of nodes, and comments
    return "\n\n".join(_numbered(part) for part in text.split("\n\n"))  # names are those of one graph or function


NAME = r'(?:"[^"\n]*"|[A-Za-z_]\w*)'
TENSOR = r"\w+\[([^\]]*)\]"


def _main(text):
    """The main graph alone, without the functions that follow it."""
    return text.split("\n\n")[0]


def shapes(text, sizes):
    """The dimensions of every tensor of the main graph, its symbols replaced by numbers."""
    main = _main(text)
    found = dict((name, dims) for dims, name in re.findall(rf"{TENSOR} ({NAME})(?= ?[,)=<])", main))
    found.update((out, dims) for out, dims in re.findall(rf"^ *(?:\[[^\]]*\] )?({NAME}) = .*# {TENSOR}$", main, re.M))
    number = lambda dim: eval(dim.strip('"').replace("/", "//"), {"min": min, "max": max}, dict(sizes))
    return {name: [number(dim) for dim in re.findall(r'"[^"]*"|[^,]+', dims)] for name, dims in found.items()}


def projections(text, sizes):
    """(rows, inputs, outputs) of every product with a weight in the main graph: MatMul, Gemm and Conv."""
    of, main = shapes(text, sizes), _main(text)
    weights = {name for _, name in re.findall(rf"^    {TENSOR} ({NAME}) = ", main, re.M)}
    found = []
    for out, op, operands in re.findall(rf"({NAME}) = (MatMul|Gemm|Conv)(?: <[^>]*>)? \(([^)]*)\)", main):
        weight = re.findall(NAME, operands)[1]
        if weight not in weights:
            continue
        columns = of[weight][0] if op == "Conv" else of[weight][-1]
        inputs = math.prod(of[weight]) // columns
        found.append((math.prod(of[out]) // columns, inputs, columns))
    return found
