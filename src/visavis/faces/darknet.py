"""Darknet to ONNX: a `.cfg` and its `.weights` become one file that ONNX Runtime runs.

OpenCV 5 no longer reads Darknet, and the founding report's detector is a Darknet network. The ONNX file carries what
decoding needs (anchors, classes, sizes) in its metadata, so it stands alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from visavis.errors import ModelError, OutputError
from visavis.faces.darknet_cfg import Layer, Network, read_cfg
from visavis.faces.darknet_weights import read_weights
from visavis.files import replacing
from visavis.types import Float32

__all__ = ["METADATA_KEY", "convert_darknet", "darknet_to_onnx", "read_cfg", "read_weights"]

#: Under this key the ONNX file's metadata holds the heads' description, as JSON.
METADATA_KEY: Final = "visavis.yolo"
_INPUT: Final = "picture"
_OPSET: Final = 17
_IR_VERSION: Final = 9


def convert_darknet(
    cfg: str | os.PathLike[str],
    weights: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    width: int | None = None,
    height: int | None = None,
) -> Network:
    """Convert a Darknet network to an ONNX file, which appears whole or not at all.

    Args:
        cfg, weights: Darknet's files.
        out: the ONNX file to write; its name ends in `.onnx`, by which detectors know it.
        width, height: size of the picture that the network takes, in pixels, in place of the cfg's own.

    >>> convert_darknet("yolov3-face.cfg", "yolov3-wider_16000.weights", "face.onnx")  # doctest: +SKIP

    Returns:
        The network's description.

    Raises:
        ModelError: as for `read_cfg` and `read_weights`.
        OutputError: `out` does not end in `.onnx`, or cannot be written.
    """
    if Path(out).suffix.lower() != ".onnx":
        raise OutputError(f"{out} does not end in .onnx; expected a name such as face.onnx")
    network = read_cfg(cfg, width=width, height=height)
    model = darknet_to_onnx(network, read_weights(weights, network))
    with replacing(out) as temporary, Path(temporary).open("wb") as file:
        file.write(model)
    return network


def darknet_to_onnx(network: Network, weights: dict[int, tuple[Float32, Float32]]) -> bytes:
    """The network as a serialised ONNX model.

    Input `picture`: (1, channels, height, width) float32, RGB in [0, 1]. Outputs `yolo_INDEX`: (1, anchors * (5 +
    classes), rows, columns) float32, one for each `[yolo]` layer, before any squashing.

    Args:
        network: what `read_cfg` gave.
        weights: what `read_weights` gave.
    """
    graph = _Graph(weights)
    for layer in network.layers:
        _WRITERS[layer.kind](graph, layer, network)
    return graph.serialised(network)


class _Graph:
    """An ONNX graph in the making."""

    def __init__(self, weights: dict[int, tuple[Float32, Float32]]) -> None:
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.outputs: dict[int, str] = {-1: _INPUT}

    def add(self, kind: str, inputs: list[str], layer: Layer, *, part: str = "", **attributes: Any) -> str:
        """Add one operator; returns its output's name."""
        from onnx import helper

        name = f"layer_{layer.index}{part}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        self.outputs[layer.index] = name
        return name

    def constant(self, name: str, values: Any) -> str:
        """Add an array; returns its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def activate(self, layer: Layer) -> None:
        """Add the layer's activation behind its output."""
        name = self.outputs[layer.index]
        kind = layer.activation
        if kind == "leaky":
            self.add("LeakyRelu", [name], layer, part="_leaky", alpha=0.1)
        elif kind == "relu":
            self.add("Relu", [name], layer, part="_relu")
        elif kind == "relu6":
            low = self.constant(f"layer_{layer.index}_low", np.float32(0))
            high = self.constant(f"layer_{layer.index}_high", np.float32(6))
            self.add("Clip", [name, low, high], layer, part="_relu6")
        elif kind == "logistic":
            self.add("Sigmoid", [name], layer, part="_logistic")
        elif kind == "swish":
            self.add("Mul", [name, self.add("Sigmoid", [name], layer, part="_gate")], layer, part="_swish")
        elif kind == "mish":
            soft = self.add("Softplus", [name], layer, part="_soft")
            self.add("Mul", [name, self.add("Tanh", [soft], layer, part="_gate")], layer, part="_mish")

    def serialised(self, network: Network) -> bytes:
        """The model as bytes, checked."""
        import onnx
        from onnx import TensorProto, helper

        picture = [1, network.channels, network.height, network.width]
        outputs = [
            helper.make_tensor_value_info(f"yolo_{head.index}", TensorProto.FLOAT, [1, *head.shape])
            for head in network.heads
        ]
        graph = helper.make_graph(
            self.nodes,
            network.name,
            [helper.make_tensor_value_info(_INPUT, TensorProto.FLOAT, picture)],
            outputs,
            self.constants,
        )
        model = helper.make_model(graph, producer_name="visavis", opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR_VERSION
        helper.set_model_props(model, {METADATA_KEY: json.dumps(_description(network))})
        if self.constants_size < 2**31 - 2**20:
            onnx.checker.check_model(model)
        else:
            raise ModelError(
                f"{network.name} has {network.parameter_count:,} numbers; at most 500 million fit one ONNX file"
            )
        return bytes(model.SerializeToString())

    @property
    def constants_size(self) -> int:
        """Bytes of all arrays."""
        return sum(len(constant.raw_data) for constant in self.constants)


def _description(network: Network) -> dict[str, Any]:
    heads = []
    for head in network.heads:
        anchors = np.array(head.numbers("anchors")).reshape(-1, 2)[list(head.integers("mask"))]
        heads.append(
            {
                "output": f"yolo_{head.index}",
                "layer": str(head),
                "anchors": anchors.tolist(),
                "classes": head.number("classes", 20),
                "scale_x_y": (head.numbers("scale_x_y") or (1.0,))[0],
            }
        )
    return {"width": network.width, "height": network.height, "heads": heads}


def _convolutional(graph: _Graph, layer: Layer, network: Network) -> None:
    kernels = layer.kernels
    assert kernels is not None  # read_cfg gives every convolution its kernels
    weight, bias = graph.weights[layer.index]
    names = [
        graph.outputs[layer.inputs[0]],
        graph.constant(f"layer_{layer.index}_weight", weight),
        graph.constant(f"layer_{layer.index}_bias", bias),
    ]
    graph.add(
        "Conv",
        names,
        layer,
        kernel_shape=[kernels.size] * 2,
        strides=[kernels.stride] * 2,
        pads=[kernels.padding] * 4,
        dilations=[kernels.dilation] * 2,
        group=kernels.groups,
    )
    graph.activate(layer)


def _shortcut(graph: _Graph, layer: Layer, network: Network) -> None:
    total = graph.outputs[layer.inputs[0]]
    for place, source in enumerate(layer.inputs[1:]):
        total = graph.add("Add", [total, graph.outputs[source]], layer, part=f"_{place}")
    graph.activate(layer)


def _route(graph: _Graph, layer: Layer, network: Network) -> None:
    groups, group = layer.number("groups", 1), layer.number("group_id", 0)
    names = [graph.outputs[source] for source in layer.inputs]
    if groups > 1:
        parts = []
        for place, source in enumerate(layer.inputs):
            share = network.layers[source].shape[0] // groups
            bounds = [
                graph.constant(f"layer_{layer.index}_{place}_{word}", np.array([value], np.int64))
                for word, value in (("start", group * share), ("end", (group + 1) * share), ("axis", 1))
            ]
            parts.append(graph.add("Slice", [names[place], *bounds], layer, part=f"_part_{place}"))
        names = parts
    if len(names) == 1:
        graph.outputs[layer.index] = names[0]
    else:
        graph.add("Concat", names, layer, axis=1)


def _multiplied(graph: _Graph, layer: Layer, network: Network) -> None:
    factors, target = (graph.outputs[source] for source in layer.inputs)
    graph.add("Mul", [target, factors], layer)
    graph.activate(layer)


def _upsample(graph: _Graph, layer: Layer, network: Network) -> None:
    stride = layer.number("stride", 2)
    scales = graph.constant(f"layer_{layer.index}_scales", np.array([1, 1, stride, stride], np.float32))
    graph.add(
        "Resize",
        [graph.outputs[layer.inputs[0]], "", scales],
        layer,
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )


def _maxpool(graph: _Graph, layer: Layer, network: Network) -> None:
    stride = layer.number("stride", 1)
    size = layer.number("size", stride)
    padding = layer.number("padding", size - 1)
    # Darknet puts the smaller half above and to the left.
    before, after = padding // 2, padding - padding // 2
    graph.add(
        "MaxPool",
        [graph.outputs[layer.inputs[0]]],
        layer,
        kernel_shape=[size] * 2,
        strides=[stride] * 2,
        pads=[before, before, after, after],
    )


def _avgpool(graph: _Graph, layer: Layer, network: Network) -> None:
    graph.add("GlobalAveragePool", [graph.outputs[layer.inputs[0]]], layer)


def _dropout(graph: _Graph, layer: Layer, network: Network) -> None:
    graph.outputs[layer.index] = graph.outputs[layer.inputs[0]]  # it acts in training only


def _yolo(graph: _Graph, layer: Layer, network: Network) -> None:
    from onnx import helper

    name = f"yolo_{layer.index}"
    graph.nodes.append(helper.make_node("Identity", [graph.outputs[layer.inputs[0]]], [name], name=name))
    graph.outputs[layer.index] = name


_WRITERS: Final = {
    "convolutional": _convolutional,
    "shortcut": _shortcut,
    "route": _route,
    "upsample": _upsample,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "dropout": _dropout,
    "scale_channels": _multiplied,
    "sam": _multiplied,
    "yolo": _yolo,
}
