"""Reading a Darknet network's description, a `.cfg`: every layer with its references resolved and its shape checked.

The format is that of Redmon's Darknet and of Bochkovskiy's fork, whose layers the small face nets use.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from visavis.errors import ModelError

__all__ = ["ACTIVATIONS", "Kernels", "Layer", "Network", "Shape", "read_cfg"]

#: Channels, height and width.
Shape = tuple[int, int, int]

#: Activations that can be written as ONNX.
ACTIVATIONS: Final = ("linear", "leaky", "relu", "relu6", "logistic", "swish", "mish")
#: Options that would change what a layer computes, in a way that is not carried over. Training's own are passed by.
_REFUSED: Final = {
    "convolutional": ("binary", "xnor", "antialiasing", "deform", "assisted_excitation", "share_index", "reverse"),
    "shortcut": ("weights_type",),
    "maxpool": ("maxpool_depth", "antialiasing"),
    "route": ("stream",),
    "scale_channels": ("scale_wh",),
    "yolo": ("new_coords",),
}


@dataclass(frozen=True, slots=True)
class Kernels:
    """The shape of a convolution.

    Attributes:
        filters, channels: outputs and inputs.
        size, stride, padding, groups, dilation: as usual, in pixels.
        normalized: whether it carries scales, means and variances.
    """

    filters: int
    channels: int
    size: int
    stride: int
    padding: int
    groups: int
    dilation: int
    normalized: bool

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(filters, channels of a group, size, size)."""
        return self.filters, self.channels // self.groups, self.size, self.size

    @property
    def count(self) -> int:
        """How many numbers the weights file holds for it."""
        return int(np.prod(self.weight_shape)) + self.filters * (4 if self.normalized else 1)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, its references resolved and its output's shape known.

    Attributes:
        index: number among the layers, from 0 (the `[net]` section does not count), as in Darknet's own listing.
        kind: the section's name.
        line: where the section begins in the file.
        options: all of the section's `key=value`.
        shape: channels, height and width of the output.
        inputs: indices of the layers that it reads; -1 is the picture.
        activation: one of `ACTIVATIONS`.
        kernels: of a convolution, else None.
    """

    index: int
    kind: str
    line: int
    options: dict[str, str]
    shape: Shape
    inputs: tuple[int, ...]
    activation: str = "linear"
    kernels: Kernels | None = None

    def __str__(self) -> str:
        return f"layer {self.index} ([{self.kind}], line {self.line})"

    def number(self, key: str, default: int) -> int:
        """An option that is a whole number.

        Raises:
            ModelError: it is something else.
        """
        text = self.options.get(key)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            raise ModelError(f"{self}: {key}={text} was read, a whole number was expected") from None

    def numbers(self, key: str) -> tuple[float, ...]:
        """An option that is a list of numbers, () where it is missing.

        Raises:
            ModelError: it is something else.
        """
        text = self.options.get(key, "")
        try:
            return tuple(float(part) for part in text.split(",") if part.strip())
        except ValueError:
            raise ModelError(f"{self}: {key}={text} was read, numbers with commas between were expected") from None

    def integers(self, key: str) -> tuple[int, ...]:
        """An option that is a list of whole numbers, () where it is missing.

        Raises:
            ModelError: it is something else.
        """
        values = self.numbers(key)
        if any(value != int(value) for value in values):
            raise ModelError(f"{self}: {key}={self.options[key]} was read, whole numbers were expected")
        return tuple(int(value) for value in values)


@dataclass(frozen=True, slots=True)
class Network:
    """A description that was read and checked.

    Attributes:
        channels, height, width: of the picture that it takes.
        layers: in the order of the file.
        name: of the file, for errors.
    """

    channels: int
    height: int
    width: int
    layers: tuple[Layer, ...]
    name: str = field(default="network")

    @property
    def parameter_count(self) -> int:
        """How many numbers a weights file for this network holds."""
        return sum(layer.kernels.count for layer in self.layers if layer.kernels)

    @property
    def heads(self) -> tuple[Layer, ...]:
        """The `[yolo]` layers."""
        return tuple(layer for layer in self.layers if layer.kind == "yolo")


@dataclass(slots=True)
class _Section:
    kind: str
    line: int
    options: dict[str, str]


def read_cfg(path: str | os.PathLike[str], *, width: int | None = None, height: int | None = None) -> Network:
    """Read and check a `.cfg`.

    Args:
        path: the file.
        width, height: size of the picture in pixels, in place of the file's own.

    >>> read_cfg("yolov3-face.cfg").parameter_count               # doctest: +SKIP
    61576342

    Raises:
        ModelError: the file cannot be read; a section, option or activation is unknown; or shapes do not fit. The
            message names the layer and what was expected.
    """
    name = Path(path).name
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}; expected a Darknet .cfg") from error
    sections = _sections(text, name)
    if not sections or sections[0].kind not in ("net", "network"):
        raise ModelError(f"{name} is no Darknet description: expected [net] as its first section")
    net = Layer(-1, "net", sections[0].line, sections[0].options, (0, 0, 0), ())
    size = net.number("channels", 3), height or net.number("height", 0), width or net.number("width", 0)
    if min(size) < 1:
        raise ModelError(f"{name}: [net] says {size} channels, height and width; expected positive numbers")
    layers: list[Layer] = []
    for section in sections[1:]:
        layers.append(_resolve(section, layers, size))
    network = Network(*size, tuple(layers), name)
    if not network.heads:
        raise ModelError(f"{name} has no [yolo] layer; expected a detector of the YOLOv3 family")
    return network


def _sections(text: str, name: str) -> list[_Section]:
    sections: list[_Section] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.split("#", 1)[0].split(";", 1)[0].strip()
        if not line:
            continue
        if line.startswith("["):
            sections.append(_Section(line.strip("[] \t").lower(), number, {}))
        elif "=" in line and sections:
            key, _, value = line.partition("=")
            sections[-1].options[key.strip()] = value.strip()
        else:
            raise ModelError(f"{name}, line {number}: {raw.strip()[:60]!r} was read; expected [section] or key=value")
    return sections


def _resolve(section: _Section, before: list[Layer], picture: Shape) -> Layer:
    layer = Layer(len(before), section.kind, section.line, section.options, (0, 0, 0), (len(before) - 1,))
    resolver = _RESOLVERS.get(section.kind)
    if resolver is None:
        raise ModelError(
            f"{layer} is of an unknown kind; expected one of {', '.join(f'[{kind}]' for kind in _RESOLVERS)}"
        )
    for option in _REFUSED.get(section.kind, ()):
        if section.options.get(option, "0") not in ("0", "none"):
            raise ModelError(f"{layer}: {option}={section.options[option]} is not supported; expected it to be absent")
    shapes = [*(earlier.shape for earlier in before), picture]  # -1, before the first layer, is the picture
    layer = resolver(layer, shapes)
    if min(layer.shape) < 1:
        raise ModelError(f"{layer} would give an output of {layer.shape}; expected a larger picture or smaller strides")
    if layer.activation not in ACTIVATIONS:
        raise ModelError(f"{layer}: activation={layer.activation} is unknown; expected one of {', '.join(ACTIVATIONS)}")
    return layer


def _with(
    layer: Layer,
    shape: Shape,
    inputs: tuple[int, ...],
    *,
    activation: str = "linear",
    kernels: Kernels | None = None,
) -> Layer:
    return Layer(layer.index, layer.kind, layer.line, layer.options, shape, inputs, activation, kernels)


def _sources(layer: Layer, key: str, shapes: list[Shape]) -> tuple[int, ...]:
    """The layers that an option refers to: negative numbers count back from here."""
    listed = layer.integers(key)
    if not listed:
        raise ModelError(f"{layer} has no {key}=; expected the number of an earlier layer")
    found = tuple(layer.index + number if number < 0 else number for number in listed)
    for number, source in zip(listed, found, strict=True):
        if not 0 <= source < layer.index:
            raise ModelError(f"{layer}: {key}={number} points to layer {source}; expected one before {layer.index}")
    return found


def _convolutional(layer: Layer, shapes: list[Shape]) -> Layer:
    channels, height, width = shapes[layer.index - 1]
    size = layer.number("size", 1)
    stride = layer.number("stride", 1)
    if layer.number("stride_x", stride) != stride or layer.number("stride_y", stride) != stride:
        raise ModelError(f"{layer} has different strides across and down; expected one stride")
    kernels = Kernels(
        filters=layer.number("filters", 1),
        channels=channels,
        size=size,
        stride=stride,
        padding=size // 2 if layer.number("pad", 0) else layer.number("padding", 0),
        groups=layer.number("groups", 1),
        dilation=layer.number("dilation", 1),
        normalized=bool(layer.number("batch_normalize", 0)),
    )
    if min(kernels.filters, size, stride, kernels.groups, kernels.dilation) < 1 or kernels.padding < 0:
        raise ModelError(f"{layer} has a size, stride, groups or filters below 1; expected positive numbers")
    if channels % kernels.groups or kernels.filters % kernels.groups:
        raise ModelError(
            f"{layer}: {kernels.groups} groups were read; expected a divisor of its {channels} inputs and "
            f"{kernels.filters} filters"
        )
    reach = kernels.dilation * (size - 1) + 1
    shape = (
        kernels.filters,
        (height + 2 * kernels.padding - reach) // stride + 1,
        (width + 2 * kernels.padding - reach) // stride + 1,
    )
    activation = layer.options.get("activation", "logistic")  # Darknet's own default
    return _with(layer, shape, layer.inputs, activation=activation, kernels=kernels)


def _shortcut(layer: Layer, shapes: list[Shape]) -> Layer:
    sources = _sources(layer, "from", shapes)
    shape = shapes[layer.index - 1]
    for source in sources:
        if shapes[source] != shape:
            raise ModelError(
                f"{layer} adds layer {source} of shape {shapes[source]} to {shape}; expected the same channels, height "
                "and width"
            )
    return _with(layer, shape, (*layer.inputs, *sources), activation=layer.options.get("activation", "linear"))


def _route(layer: Layer, shapes: list[Shape]) -> Layer:
    sources = _sources(layer, "layers", shapes)
    groups, group = layer.number("groups", 1), layer.number("group_id", 0)
    _, height, width = shapes[sources[0]]
    for source in sources:
        if shapes[source][1:] != (height, width):
            raise ModelError(
                f"{layer} joins layers {sources} of shapes {[shapes[s] for s in sources]}; expected one size"
            )
        if groups < 1 or not 0 <= group < groups or shapes[source][0] % groups:
            raise ModelError(
                f"{layer}: group {group} of {groups} was read; expected a group of the {shapes[source][0]} channels"
            )
    return _with(layer, (sum(shapes[source][0] for source in sources) // groups, height, width), sources)


def _multiplied(layer: Layer, shapes: list[Shape]) -> Layer:
    """`scale_channels` (one factor a channel) and `sam` (one factor a value)."""
    (source, *more) = _sources(layer, "from", shapes)
    factors, target = shapes[layer.index - 1], shapes[source]
    wanted = target if layer.kind == "sam" else (target[0], 1, 1)
    if more or factors != wanted:
        raise ModelError(f"{layer} multiplies layer {source} of {target} by {factors}; expected factors of {wanted}")
    inputs = (*layer.inputs, source)
    return _with(layer, target, inputs, activation=layer.options.get("activation", "linear"))


def _upsample(layer: Layer, shapes: list[Shape]) -> Layer:
    channels, height, width = shapes[layer.index - 1]
    stride = layer.number("stride", 2)
    if stride < 1 or layer.numbers("scale") not in ((), (1.0,)):
        raise ModelError(
            f"{layer} has stride {stride}, scale {layer.numbers('scale')}; expected 1 or more, and 1 or none"
        )
    return _with(layer, (channels, height * stride, width * stride), layer.inputs)


def _maxpool(layer: Layer, shapes: list[Shape]) -> Layer:
    channels, height, width = shapes[layer.index - 1]
    stride = layer.number("stride", 1)
    size = layer.number("size", stride)
    padding = layer.number("padding", size - 1)
    if min(size, stride) < 1 or padding < 0:
        raise ModelError(f"{layer} has size {size}, stride {stride} and padding {padding}; expected positive numbers")
    shape = channels, (height + padding - size) // stride + 1, (width + padding - size) // stride + 1
    return _with(layer, shape, layer.inputs)


def _avgpool(layer: Layer, shapes: list[Shape]) -> Layer:
    return _with(layer, (shapes[layer.index - 1][0], 1, 1), layer.inputs)


def _same(layer: Layer, shapes: list[Shape]) -> Layer:
    return _with(layer, shapes[layer.index - 1], layer.inputs)


def _yolo(layer: Layer, shapes: list[Shape]) -> Layer:
    shape = shapes[layer.index - 1]
    mask = layer.integers("mask")
    anchors = layer.numbers("anchors")
    wanted = len(mask) * (5 + layer.number("classes", 20))
    if not mask or len(anchors) % 2 or max(mask) * 2 + 1 >= len(anchors) or min(mask) < 0:
        raise ModelError(
            f"{layer} has mask {mask} and {len(anchors)} anchor numbers; expected a pair for each in the mask"
        )
    if shape[0] != wanted:
        raise ModelError(
            f"{layer} has {shape[0]} input channels; expected {wanted}: {len(mask)} anchors times 4 + 1 + "
            f"{layer.number('classes', 20)} classes"
        )
    return _with(layer, shape, layer.inputs)


_RESOLVERS: Final[dict[str, Callable[[Layer, list[Shape]], Layer]]] = {
    "convolutional": _convolutional,
    "shortcut": _shortcut,
    "route": _route,
    "upsample": _upsample,
    "maxpool": _maxpool,
    "avgpool": _avgpool,
    "dropout": _same,
    "scale_channels": _multiplied,
    "sam": _multiplied,
    "yolo": _yolo,
}
