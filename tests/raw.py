"""Tensors as the files NAME_driver reads and writes: int64 rank, int64 dimensions, then the elements as they lie in memory."""
import pathlib

import numpy as np
import onnx
from onnx import numpy_helper


def load(path):
    """The array in a TensorProto file."""
    tensor = onnx.TensorProto()
    tensor.ParseFromString(pathlib.Path(path).read_bytes())
    return numpy_helper.to_array(tensor)


def inputs(data_set):
    """The input arrays of a data set, in order."""
    paths = sorted(pathlib.Path(data_set).glob("input_*.pb"), key=lambda p: int(p.stem.split("_")[1]))
    return [load(path) for path in paths]


def write(path, array):
    """Writes an array as a .raw file."""
    header = np.array([array.ndim, *array.shape], np.int64)
    pathlib.Path(path).write_bytes(header.tobytes() + np.ascontiguousarray(array).tobytes())


def read(path, dtype):
    """Reads a .raw file whose elements are of the given type."""
    data = pathlib.Path(path).read_bytes()
    rank = int(np.frombuffer(data, np.int64, 1)[0])
    shape = np.frombuffer(data, np.int64, rank, 8)
    return np.frombuffer(data, dtype, offset=8 * (rank + 1)).reshape(shape)
