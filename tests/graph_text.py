"""Graphs as `onnx2c inspect --ir` prints them."""
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
