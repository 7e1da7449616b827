"""The networks: the founding report's to the parameter, any of Keras's, and EfficientNet-Lite0. All are Keras models.

Every model takes (N, size, size, 3) float32 pictures, normalised as its `Network.normalise` says, and gives (N, A)
probabilities. Keras runs on its torch backend, so a model is also a `torch.nn.Module`, and `train.py` can show its
whole loop. Import this module only where a network is built: it imports Keras.
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from visavis.errors import AssetError, ConfigError
from visavis.lab.network import (  # first: it sets Keras's backend, and tells where torch is missing
    Logits,
    Network,
    Normalisation,
    TorchTrunk,
    count_parameters,
    keras,
    load_state,
    logits_of,
    named_state,
)

import torch  # isort: skip

from visavis.lab.efficientnet import FEATURES, STRIDE, EfficientNetLite0, load_weights  # isort: skip
from visavis.lab.expression import expression_lite0  # isort: skip
from visavis.lab.mobilefacenet import FACE_FEATURES, LEAST_SIDE, MobileFaceNet, load_face_weights  # isort: skip

__all__ = [
    "BACKBONES",
    "Logits",
    "Network",
    "Normalisation",
    "TorchTrunk",
    "build",
    "count_parameters",
    "efficientnet_lite0",
    "keras",
    "keras_application",
    "load_state",
    "logits_of",
    "mobilefacenet",
    "named_state",
    "report_vgg19",
]

#: Layers that the report's listing froze: all of VGG-19 before its last convolution, `block5_conv4`.
_REPORT_FROZEN: Final = 20
#: Layers of VGG-19's whole trunk.
_REPORT_TRUNK: Final = 22
_HEADS: Final = ("gap", "flatten")


#: `keras.applications`' modes: "caffe" (VGG, ResNet), "tf" (MobileNet, Xception ...), "torch" (DenseNet).
_CAFFE: Final = Normalisation((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), "BGR")
_TF: Final = Normalisation((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
_TORCH: Final = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
_LITE0: Final = Normalisation((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))
_NONE: Final = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

_CAFFE_FAMILIES: Final = ("VGG", "ResNet50", "ResNet101", "ResNet152")
_OWN_FAMILIES: Final = ("EfficientNet", "ConvNeXt", "MobileNetV3", "RegNet")  # these normalise inside the model


def _checked(path: Path, sha256: str) -> Path:
    if not path.is_file():
        raise AssetError(f"the weights {path} do not exist; give the path of a .weights.h5 file")
    if sha256:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256.lower():
            raise AssetError(f"the weights {path} have sha256 {found}, where {sha256} was expected; fetch them again")
    return path


def _application(name: str, *, size: int, weights: str | Path | None, sha256: str) -> Any:
    maker = getattr(keras.applications, name, None)
    if not name[:1].isupper() or not callable(maker):
        known = sorted(entry for entry in dir(keras.applications) if entry[0].isupper())
        raise ConfigError(f"keras.applications has no {name!r}; it has {', '.join(known)}")
    source: str | None = "imagenet" if weights == "imagenet" else None
    try:
        trunk = maker(include_top=False, weights=source, input_shape=(size, size, 3))
        if weights is not None and weights != "imagenet":
            trunk.load_weights(_checked(Path(weights), sha256))
    except AssetError:
        raise
    except Exception as error:  # Keras raises whatever its downloader and reader raise, plain Exception among them
        raise AssetError(
            f"the weights of {name} cannot be had ({' '.join(str(error).split())[:200]}); give the path of a local "
            'file, or weights = "none" to start from random ones'
        ) from error
    return trunk


def report_vgg19(
    resolution: int = 256,
    head: str = "gap",
    *,
    attributes: int = 6,
    weights: str | Path | None = "imagenet",
    sha256: str = "",
    frozen: int = _REPORT_FROZEN,
) -> Network:
    """The report's classifier: VGG-19 without its top, then 1024 and 512 ReLU, then one sigmoid an attribute.

    At 256 pixels and six attributes `head="gap"` has 21,077,574 parameters of which 3,412,998 learn, `"flatten"`
    54,107,718 of which 36,443,142 learn, as in the report. Source of the trunk: Simonyan and Zisserman,
    arXiv:1409.1556.

    Args:
        resolution: side of the pictures in pixels.
        head: `gap` (global average pooling) or `flatten`.
        attributes: how many outputs.
        weights: `imagenet` (Keras fetches them), the path of a local `.h5`, or None for random ones.
        sha256: what a local file must hash to; empty leaves it unchecked.
        frozen: how many of the trunk's layers keep their weights; 20 is the listing's, 22 the whole trunk.

    Raises:
        ConfigError: unknown head.
        AssetError: the weights are missing or have another hash.
    """
    trunk = _application("VGG19", size=resolution, weights=weights, sha256=sha256)
    for layer in trunk.layers[:frozen]:
        layer.trainable = False
    outputs = _head(trunk.output, head=head, hidden=(1024, 512), attributes=attributes)
    model = keras.Model(trunk.input, outputs, name="report_vgg19")
    return Network(model, resolution, _CAFFE, tuple(layer.name for layer in trunk.layers))


def _head(x: Any, *, head: str, hidden: Sequence[int], attributes: int, drop_out: float = 0.0) -> Any:
    if head not in _HEADS:
        raise ConfigError(f"unknown head {head!r}; known are {', '.join(_HEADS)}")
    if len(x.shape) == 4:
        pool = keras.layers.GlobalAveragePooling2D if head == "gap" else keras.layers.Flatten
        x = pool(name="pool")(x)
    for number, units in enumerate(hidden, start=1):
        x = keras.layers.Dense(units, activation="relu", name=f"hidden_{number}")(x)
    if drop_out:
        x = keras.layers.Dropout(drop_out, name="drop_out")(x)
    return keras.layers.Dense(attributes, activation="sigmoid", name="attributes")(x)


def keras_application(
    name: str,
    resolution: int = 224,
    *,
    attributes: int = 6,
    head: str = "gap",
    hidden: Sequence[int] = (),
    drop_out: float = 0.0,
    weights: str | Path | None = "imagenet",
    sha256: str = "",
    frozen: bool = False,
) -> Network:
    """Any backbone of `keras.applications` by name, with a head for attributes.

    Raises:
        ConfigError: no such backbone, or unknown head.
        AssetError: the weights are missing or have another hash.
    """
    trunk = _application(name, size=resolution, weights=weights, sha256=sha256)
    if frozen:
        for layer in trunk.layers:
            layer.trainable = False
    model = keras.Model(
        trunk.input,
        _head(trunk.output, head=head, hidden=hidden, attributes=attributes, drop_out=drop_out),
        name=f"{trunk.name}_attributes",
    )
    own, caffe = name.startswith(_OWN_FAMILIES), name in _CAFFE_FAMILIES or name.startswith("VGG")
    normalise = _NONE if own else _CAFFE if caffe else _TORCH if name.startswith("DenseNet") else _TF
    return Network(model, resolution, normalise, tuple(layer.name for layer in trunk.layers))


def efficientnet_lite0(
    resolution: int = 144,
    *,
    attributes: int = 40,
    head: str = "gap",
    hidden: Sequence[int] = (),
    drop_out: float = 0.2,
    drop_path: float = 0.1,
    weights: Path | None = None,
    frozen: bool = False,
    border: int = 0,
) -> Network:
    """EfficientNet-Lite0 with a head for attributes: 3.4 million parameters, the default classifier's form.

    Args:
        resolution: side of the pictures in pixels.
        attributes: how many outputs.
        head: `gap` (global average pooling) or `flatten`.
        hidden: widths of ReLU layers between trunk and outputs.
        drop_out: share of features dropped before the last layer while training.
        drop_path: stochastic depth at the last block.
        weights: file of the asset `efficientnet-lite0`; None starts from random weights.
        frozen: only the head learns.
        border: so many pixels at each side the network does not look at.

    Raises:
        ConfigError: unknown head, or nothing is left between the borders.
        ModelError: the file holds other weights.
    """
    if resolution - 2 * border < STRIDE:
        raise ConfigError(f"a border of {border} pixels leaves too little of {resolution}")
    trunk = EfficientNetLite0(drop_path=drop_path)
    if weights is not None:
        load_weights(trunk, weights)
    trunk.to(memory_format=torch.channels_last)
    inputs = keras.Input((resolution, resolution, 3), name="pictures")
    maps = 0 if head == "gap" else STRIDE
    layer = TorchTrunk(trunk, features=FEATURES, name="efficientnet_lite0", maps=maps, border=border)
    layer.trainable = not frozen
    features = layer(inputs)
    outputs = _head(features, head=head, hidden=hidden, attributes=attributes, drop_out=drop_out)
    model = keras.Model(inputs, outputs, name="efficientnet_lite0_attributes")
    return Network(model, resolution, _LITE0, ("efficientnet_lite0",))


def mobilefacenet(
    resolution: int = 150,
    *,
    attributes: int = 40,
    drop_out: float = 0.5,
    weights: Path | None = None,
    frozen: bool = True,
    border: int = 19,
    seen: int = 0,
) -> Network:
    """A network for recognising people with a head for attributes (see `lab.mobilefacenet`).

    Args:
        resolution: side of the pictures in pixels.
        attributes: how many outputs.
        drop_out: share of features dropped before the last layer while training.
        weights: file of the asset `face-recognition`; None starts from random weights.
        frozen: only the head learns.
        border: so many pixels at each side the network does not look at; it learnt from what 19 of 150 leave.
        seen: side in pixels at which it sees the rest; 0 as it is.

    Raises:
        ConfigError: too little is left between the borders, or seen of it.
        ModelError: the file holds another network.
    """
    least = min(resolution - 2 * border, seen or resolution)
    if least < LEAST_SIDE:
        raise ConfigError(
            f"mobilefacenet must see at least {LEAST_SIDE} pixels, not {least}; set model.resolution = 150, "
            "model.border = 19 and model.seen = 0"
        )
    trunk = MobileFaceNet(side=seen)
    if weights is not None:
        load_face_weights(trunk, weights)
    inputs = keras.Input((resolution, resolution, 3), name="pictures")
    layer = TorchTrunk(
        trunk.to(memory_format=torch.channels_last), features=FACE_FEATURES, name="mobilefacenet", border=border
    )
    layer.trainable = not frozen
    x = keras.layers.Dropout(drop_out, name="drop_out")(keras.layers.BatchNormalization(name="norm")(layer(inputs)))
    outputs = keras.layers.Dense(attributes, activation="sigmoid", name="attributes")(x)
    # It learnt from pictures less 127.5, by 127.5: nearly as EfficientNet-Lite0, so both take the same numbers.
    return Network(
        keras.Model(inputs, outputs, name="mobilefacenet_attributes"), resolution, _LITE0, ("mobilefacenet",)
    )


#: Backbones with a builder of their own; any other name is looked up in `keras.applications`.
BACKBONES: Final[Mapping[str, Any]] = {
    "report_vgg19": report_vgg19,
    "efficientnet_lite0": efficientnet_lite0,
    "expression_lite0": expression_lite0,
    "mobilefacenet": mobilefacenet,
}


def build(
    backbone: str,
    *,
    resolution: int,
    attributes: int,
    head: str = "gap",
    hidden: Sequence[int] = (),
    drop_out: float = 0.0,
    drop_path: float = 0.0,
    weights: str | Path | None = None,
    sha256: str = "",
    frozen: bool = False,
    border: int = 0,
    seen: int = 0,
) -> Network:
    """Build a network by the name of its backbone; options that a backbone has not are left out of its call.

    `frozen` leaves the whole trunk as it came; the report's network freezes what its listing froze in any case.

    Raises:
        ConfigError, AssetError, ModelError: as the backbone's own function.
    """
    if backbone == "report_vgg19":
        return report_vgg19(
            resolution, head, attributes=attributes, weights=weights, sha256=sha256,
            frozen=_REPORT_TRUNK if frozen else _REPORT_FROZEN,
        )  # fmt: skip
    if backbone == "efficientnet_lite0":
        path = None if weights is None else _checked(Path(weights), sha256)
        return efficientnet_lite0(
            resolution, attributes=attributes, head=head, hidden=hidden, drop_out=drop_out, drop_path=drop_path,
            weights=path, frozen=frozen, border=border,
        )  # fmt: skip
    if backbone == "expression_lite0":
        path = None if weights is None else _checked(Path(weights), sha256)
        return expression_lite0(
            resolution, attributes=attributes, hidden=hidden, drop_out=drop_out, drop_path=drop_path, weights=path,
            frozen=frozen,
        )  # fmt: skip
    if backbone == "mobilefacenet":
        path = None if weights is None else _checked(Path(weights), sha256)
        return mobilefacenet(
            resolution, attributes=attributes, drop_out=drop_out, weights=path, frozen=frozen, border=border,
            seen=seen,
        )  # fmt: skip
    return keras_application(
        backbone, resolution, attributes=attributes, head=head, hidden=hidden, drop_out=drop_out, weights=weights,
        sha256=sha256, frozen=frozen,
    )  # fmt: skip
