"""Graphs as `onnx2c inspect --ir` prints them."""
import re


def without_names(text):
    """The text of a graph with its values numbered in the order in which they appear; operators, attributes, types stay."""
    number = {}
    text = re.sub(r"(?m)^ +\[[^\]]*\]|#.*", "", text)  # the names of nodes, and comments
    name = r'(?<![\w.@"])(?<!: )("[^"\n]*"|[A-Za-z_]\w*)(?![\w"]| ?[(<:\[.])'
    return re.sub(name, lambda match: f"%{number.setdefault(match[0], len(number))}", text)
