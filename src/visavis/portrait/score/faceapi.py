"""Two networks of the package `@vladmandic/face-api`, carried over to ONNX: one names emotions, one tells people apart.

The package keeps its weights as bytes with a scale and a least value, and its layers in code; both are read here,
layer by layer after `faceExpressionNet`, `faceFeatureExtractor` and `faceRecognitionNet` of its sources. The second is
dlib's: King, "Dlib-ml: A Machine Learning Toolkit", JMLR 10, 2009, `dlib_face_recognition_resnet_model_v1`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from visavis.assets import AssetStore
from visavis.portrait.score.network import Graph, Weights, open_session, read_package
from visavis.portrait.topology import EYES, IBUG_68, LIP_OUTER_LOWER, LIP_OUTER_UPPER
from visavis.types import Emotion, Float32, Image

__all__ = ["FaceApiEmbedding", "FaceApiJudge", "expression_network", "recognition_network"]

#: The networks take pixels less the mean colour of VGGFace, over 255.
_MEAN_RGB: Final = (122.782, 117.001, 104.298)


class FaceApiJudge:
    """Names emotions, from 112 x 112 pixels around the face; trained by its author on photographs from the web.

    Args:
        assets: where the model comes from.

    Raises (at the first face):
        AssetError, ModelError: the model cannot be had or used.
    """

    name = "faceapi"
    _LABELS: Final = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")
    _PIXELS: Final = 112

    def __init__(self, assets: AssetStore) -> None:
        self._assets = assets
        self._session: Any = None

    def load(self) -> None:
        """Open the model now rather than at the first face; raises as the class says."""
        self._session = self._session or open_session(
            expression_network(_weights(self._assets, "face_expression_model"))
        )

    def judge(self, image: Image, landmarks: Float32) -> Emotion:
        """The emotion of a face in (H, W, 3) uint8 RGB, whose resting landmarks (478, 2) are given."""
        self.load()
        scores = self._session.run(None, {"pixels": _prepared(_boxed(image, landmarks, self._PIXELS))})[0][0]
        return Emotion.from_mapping(dict(zip(self._LABELS, scores.tolist(), strict=True)))


class FaceApiEmbedding:
    """dlib's face recognition: 128 numbers from 150 x 150 pixels, aligned by the eyes and the mouth.

    Args:
        assets: where the model comes from.

    Raises (at the first face):
        AssetError, ModelError: the model cannot be had or used.
    """

    name = "dlib"
    #: Mean cosine of two different sitters, over the 1,128 pairs of 48 old-master portraits at rest (.83 to .95).
    strangers = 0.889
    _PIXELS: Final = 150

    def __init__(self, assets: AssetStore) -> None:
        self._assets = assets
        self._session: Any = None

    def load(self) -> None:
        """Open the model now rather than at the first face; raises as the class says."""
        self._session = self._session or open_session(
            recognition_network(_weights(self._assets, "face_recognition_model"))
        )

    def embed(self, image: Image, landmarks: Float32) -> Float32:
        """(128,) float32 of a face in (H, W, 3) uint8 RGB, whose resting landmarks (478, 2) are given."""
        self.load()
        return np.asarray(
            self._session.run(None, {"pixels": _prepared(_aligned(image, landmarks, self._PIXELS))})[0][0]
        )


def _boxed(image: Image, landmarks: Float32, pixels: int) -> Image:
    """The box of the 68 points and a fifth more, in the middle of a black square, as face-api cuts a face out."""
    import cv2

    points = landmarks[list(IBUG_68), :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = pixels / (1.2 * float((high - low).max()))
    shift = pixels / 2 - scale * (low + high) / 2
    if scale < 0.5:  # several pixels fall into one: average them first
        image = cv2.GaussianBlur(image, (0, 0), 0.25 / scale)
    square: Image = cv2.warpAffine(
        image, np.column_stack([scale * np.eye(2), shift]), (pixels, pixels), borderMode=cv2.BORDER_REPLICATE
    )
    half = np.rint(0.6 * scale * (high - low)).astype(int)
    for axis in (0, 1):
        edge = np.ones(pixels, bool)
        edge[max(pixels // 2 - half[1 - axis], 0) : pixels // 2 + half[1 - axis]] = False
        square[edge if axis == 0 else (slice(None), edge)] = 0
    return square


def _aligned(image: Image, landmarks: Float32, pixels: int) -> Image:
    """The face upright, eyes to mouth 0.45 of the side, their middle at (0.5, 0.43): face-api's `alignDlib`."""
    import cv2

    points = landmarks[:, :2].astype(np.float64)
    right, left = (points[[EYES[side][0][0], EYES[side][0][-1]]].mean(axis=0) for side in ("Right", "Left"))
    mouth = points[[LIP_OUTER_UPPER[0], LIP_OUTER_UPPER[-1], LIP_OUTER_UPPER[5], LIP_OUTER_LOWER[5]]].mean(axis=0)
    across = (left - right) / np.linalg.norm(left - right)
    side = float(np.linalg.norm(left - mouth) + np.linalg.norm(right - mouth)) / 2 / 0.45
    scale = pixels / side
    turn = scale * np.array([[across[0], across[1]], [-across[1], across[0]]])
    shift = np.array([0.5, 0.43]) * pixels - turn @ ((left + right + mouth) / 3)
    if scale < 0.5:  # several pixels fall into one: average them first
        image = cv2.GaussianBlur(image, (0, 0), 0.25 / scale)
    aligned: Image = cv2.warpAffine(
        image, np.column_stack([turn, shift]), (pixels, pixels), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return aligned


def _prepared(face: Image) -> Float32:
    """(1, 3, H, W) float32, as the networks take it."""
    return np.ascontiguousarray(((face.astype(np.float32) - _MEAN_RGB) / 255).transpose(2, 0, 1)[None], np.float32)


def _weights(assets: AssetStore, model: str) -> Weights:
    """The weights of one model of the package, by name, as float32."""
    model = f"package/model/{model}"
    return read_package(assets.path("judge-faceapi"), f"{model}-weights_manifest.json", f"{model}.bin")[1]


def expression_network(weights: Weights) -> Any:
    """face-api's expression network as an ONNX model: four dense blocks of four convolutions, pooled, seven labels."""
    graph = Graph(FaceApiJudge._PIXELS)

    def separable(x: str, name: str, stride: int = 1) -> str:
        x = graph.convolve_depth(x, weights[f"{name}/depthwise_filter"], stride=stride)
        return graph.convolve(x, weights[f"{name}/pointwise_filter"], weights[f"{name}/bias"])

    x = "pixels"
    for block in range(4):
        name = f"dense{block}"
        if block == 0:
            x = graph.convolve(x, weights[f"{name}/conv0/filters"], weights[f"{name}/conv0/bias"], stride=2)
        else:
            x = separable(x, f"{name}/conv0", stride=2)
        x = graph.add("Relu", x)
        # Each convolution takes the sum of all before it.
        total, latest = x, x
        for layer in (1, 2, 3):
            added = separable(latest, f"{name}/conv{layer}")
            total = graph.add("Add", total, added)
            latest = graph.add("Relu", total)
        x = latest
    x = graph.add("AveragePool", x, kernel_shape=[7, 7], strides=[2, 2])
    x = graph.add("Flatten", x)
    x = graph.add("Gemm", x, weights["fc/weights"], weights["fc/bias"])
    return graph.model(graph.add("Softmax", x, axis=1))


def recognition_network(weights: Weights) -> Any:
    """dlib's 29-layer residual network as an ONNX model: 150 x 150 pixels to 128 numbers."""
    graph = Graph(FaceApiEmbedding._PIXELS)

    def layer(x: str, name: str, *, stride: int = 1, same: bool = True, relu: bool = True) -> str:
        # The scale after the convolution is folded into it.
        gain = weights[f"{name}/scale/weights"]
        bias = weights[f"{name}/conv/bias"] * gain + weights[f"{name}/scale/biases"]
        x = graph.convolve(x, weights[f"{name}/conv/filters"] * gain, bias, stride=stride, same=same)
        return graph.add("Relu", x) if relu else x

    def residual(x: str, name: str) -> str:
        out = layer(layer(x, f"{name}/conv1"), f"{name}/conv2", relu=False)
        return graph.add("Relu", graph.add("Add", out, x))

    def halved(x: str, name: str, size: int, channels: int) -> tuple[str, int, int]:
        """A residual block of half the size; what does not fit is filled with zeros, in space and in channels."""
        out = layer(layer(x, f"{name}/conv1", stride=2, same=False), f"{name}/conv2", relu=False)
        pooled, pooled_size, out_size = (
            graph.add("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]),
            size // 2,
            (size - 1) // 2,
        )
        out_channels = weights[f"{name}/conv2/conv/filters"].shape[3]
        if out_size != pooled_size:
            out = graph.add("Pad", out, np.array([0, 0, 0, 0, 0, 0, 1, 1], np.int64))
        if out_channels != channels:
            pooled = graph.add("Pad", pooled, np.array([0, 0, 0, 0, 0, out_channels - channels, 0, 0], np.int64))
        return graph.add("Relu", graph.add("Add", pooled, out)), pooled_size, out_channels

    x = layer("pixels", "conv32_down", stride=2, same=False)
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2])
    size, channels = 35, 32  # 150 -> 72 -> 35
    for name in ("conv32_1", "conv32_2", "conv32_3"):
        x = residual(x, name)
    for stage in (64, 128, 256):
        x, size, channels = halved(x, f"conv{stage}_down", size, channels)
        for block in range(1, 4 if stage == 64 else 3):
            x = residual(x, f"conv{stage}_{block}")
    x, _, _ = halved(x, "conv256_down_out", size, channels)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    return graph.model(graph.add("MatMul", x, weights["fc"]))
