"""Networks of other packages, rebuilt in ONNX, so that judging needs no framework to run."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ModelError
from visavis.types import Float32

__all__ = ["Graph", "Weights", "open_session", "read_package"]

#: Weights by name, laid out as TensorFlow does.
Weights = Mapping[str, Float32]


class Graph:
    """An ONNX graph that grows node by node; `pixels` goes in, (N, channels, side, side) float32.

    Args:
        side: of the pictures in pixels.
        channels: of the pictures.
    """

    def __init__(self, side: int, channels: int = 3) -> None:
        self._shape = ["N", channels, side, side]
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def add(self, kind: str, *inputs: str | NDArray[Any], **attributes: Any) -> str:
        """Append a node and name its output; arrays among the inputs become constants."""
        from onnx import helper, numpy_helper

        names = []
        for item in inputs:
            if isinstance(item, str):
                names.append(item)
                continue
            names.append(f"constant{len(self._constants)}")
            self._constants.append(numpy_helper.from_array(np.ascontiguousarray(item), names[-1]))
        output = f"value{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, names, [output], **attributes))
        return output

    def convolve(self, x: str, filters: Float32, bias: Float32, *, stride: int = 1, same: bool = True) -> str:
        """A convolution with (h, w, in, out) filters as TensorFlow keeps them."""
        pad = "SAME_UPPER" if same else "VALID"
        return self.add("Conv", x, filters.transpose(3, 2, 0, 1), bias, strides=[stride, stride], auto_pad=pad)

    def convolve_depth(self, x: str, filters: Float32, *, stride: int = 1) -> str:
        """A convolution of each channel by itself, with (h, w, channels, 1) filters."""
        turned, groups = filters.transpose(2, 3, 0, 1), filters.shape[2]
        return self.add("Conv", x, turned, strides=[stride, stride], auto_pad="SAME_UPPER", group=groups)

    def model(self, output: str) -> Any:
        """The finished model."""
        from onnx import TensorProto, helper

        graph = helper.make_graph(
            self._nodes,
            "judge",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, self._shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self._constants,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def open_session(model: Any) -> Any:
    """An ONNX Runtime session of a model of `Graph`, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


_STORED: Final = {"uint8": np.uint8, "uint16": np.uint16, "float16": np.float16}


def read_package(path: Path, manifest: str, data: str) -> tuple[Any, Weights]:
    """A network as TensorFlow.js keeps it within an npm package: what its JSON says, and its weights as float32.

    Args:
        path: the package, a `.tgz`.
        manifest: the member that names the weights, a list of groups or a model with a `weightsManifest`.
        data: the member that holds them.

    Raises:
        ModelError: the package does not hold them, or not as the manifest says.
    """
    try:
        with tarfile.open(path) as package:
            said, stored = json.loads(_member(package, manifest)), _member(package, data)
        groups = said["weightsManifest"] if isinstance(said, dict) else said
        weights: dict[str, Float32] = {}
        place = 0
        for entry in (entry for group in groups for entry in group["weights"]):
            packed = entry.get("quantization", {})
            kind = _STORED[packed["dtype"]] if packed else np.dtype(entry["dtype"])
            values = np.frombuffer(stored, kind, int(np.prod(entry["shape"])), place)
            place += values.nbytes
            values = values.astype(np.float32)
            if "scale" in packed:
                values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
            weights[entry["name"]] = values.reshape(entry["shape"])
        if not weights:
            raise ValueError("it names no weights")
    except (OSError, tarfile.TarError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ModelError(f"{path} holds no {manifest} that can be read ({error})") from error
    return said, weights


def _member(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()
