"""The emotion network of the package `@vladmandic/human`: big-Xception, trained on FER-2013.

Arriaga, Valdenegro-Toro & Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender Classification",
2017, arXiv:1710.07557; of other layers than mini-Xception, and of another training. Its batch normalisations
are folded into the convolutions before them.
"""

from __future__ import annotations

from typing import Any

from visavis.errors import ModelError
from visavis.portrait.score.fer import FerJudge
from visavis.portrait.score.network import Graph, Weights, open_session, read_package

__all__ = ["HumanJudge", "human_network"]

_LAYERS = "StatefulPartitionedCall/model_1"
#: Filters of the depthwise convolutions, which the converter of the file gave no name.
_DEPTHWISE = {1: "unknown_9", 2: "unknown_15", 3: "unknown_26", 4: "unknown_32"}


class HumanJudge(FerJudge):
    """Names emotions, from the same crops and by the same labels as `FerJudge`.

    Args:
        assets: where the model comes from.

    Raises (at the first face):
        AssetError, ModelError: the model cannot be had or used.
    """

    name = "human"

    def load(self) -> None:
        """Open the model now rather than at the first face; raises as the class says."""
        if self._session is None:
            model = "package/models/emotion"
            _, weights = read_package(self._assets.path("judge-human"), f"{model}.json", f"{model}.bin")
            self._session = open_session(human_network(weights))


def human_network(weights: Weights) -> Any:
    """big-Xception as an ONNX model: two convolutions, two blocks with a shortcut, seven maps, their means.

    Raises:
        ModelError: a layer is missing.
    """
    graph = Graph(FerJudge._PIXELS, channels=1)

    def plain(x: str, number: int, *, stride: int = 1, same: bool = True) -> str:
        layer = f"{_LAYERS}/conv2d_{number}/Conv2D"
        return graph.convolve(x, weights[f"{layer}_weights"], weights[f"{layer}_bn_offset"], stride=stride, same=same)

    def separable(x: str, number: int) -> str:
        layer = f"{_LAYERS}/separable_conv2d_{number}/separable_conv2d"
        x = graph.convolve_depth(x, weights[_DEPTHWISE[number]])
        return graph.convolve(x, weights[f"{layer}_weights"], weights[f"{layer}_bn_offset"])

    try:
        x = graph.add("Relu", plain("pixels", 1, stride=2, same=False))
        x = graph.add("Relu", plain(x, 2, same=False))
        for block in range(2):
            shortcut = plain(x, block + 3, stride=2)
            # The second block begins with an activation of its own, which its shortcut goes round.
            x = graph.add("Relu", x) if block else x
            x = graph.add("Relu", separable(x, 2 * block + 1))
            x = separable(x, 2 * block + 2)
            x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
            x = graph.add("Add", x, shortcut)
        x = graph.convolve(x, weights["unknown_43"], weights["unknown_44"])
    except KeyError as error:
        raise ModelError(f"the package human has no {error} in its emotion network; expected big-Xception") from error
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    return graph.model(graph.add("Softmax", x, axis=1))
