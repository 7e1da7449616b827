"""A compact network for expressions: the attribute classifier's trunk, whose upper part learns anew.

The last features of a classifier of attributes say who a face is as much as what it does. Half way up, maps still tell
brows, lids and lips apart. The part below stays as it is, so that what it gives is computed once; the stage above and a
small head learn expressions from it. Faces are seen grey and at few pixels, enlarged: so a sharp face in colour looks
like the small grey ones that carry labels, and what was learnt from these holds for it.

Import this module only where a network is built: it imports Keras.
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from visavis.errors import ConfigError
from visavis.lab.network import Network, Normalisation, TorchTrunk, keras  # first: it tells where torch is missing

import torch  # isort: skip
from torch import Tensor, nn  # isort: skip
from torch.nn import functional  # isort: skip

from visavis.lab.efficientnet import EfficientNetLite0, load_weights  # isort: skip

__all__ = ["LowerLite0", "UpperLite0", "expression_lite0"]

#: Blocks below stay as they are, blocks up to the last learn; the channels that each part ends in.
_BELOW, _LAST = 11, 15
_CHANNELS: Final = (112, 192)
#: Maps are pooled to so many cells a side, and are so many times smaller than what the trunk sees.
_CELLS, _STRIDE = 4, 16
#: How much pictures are enlarged before the trunk sees them.
_ENLARGED: Final = 2
_NORMALISE: Final = Normalisation((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


def _cells(maps: Tensor) -> Tensor:
    """(N, C, side, side) -> (N, C * cells * cells): means of squares, the side a multiple of the cells."""
    return functional.avg_pool2d(maps, maps.shape[-1] // _CELLS).flatten(1)


class LowerLite0(EfficientNetLite0):
    """The first five stages: (N, 3, S, S) pictures -> (N, 112, S / 8, S / 8) maps of the grey, enlarged picture."""

    def __init__(self) -> None:
        super().__init__()
        for number in range(_BELOW, len(self._blocks)):
            self._blocks[number] = nn.Identity()
        self._conv_head = self._bn1 = nn.Identity()

    def maps(self, x: Tensor) -> Tensor:
        """The maps."""
        x = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        x = functional.interpolate(x, scale_factor=float(_ENLARGED), mode="bilinear", align_corners=False)
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks[:_BELOW]:
            x = block(x)
        return x


class UpperLite0(EfficientNetLite0):
    """The sixth stage: (N, 112, side, side) maps -> (N, features), theirs and its own as cells, end to end.

    >>> UpperLite0()(torch.zeros(1, 112, 8, 8)).shape
    torch.Size([1, 4864])
    """

    #: Length of what it gives.
    features: int = sum(_CHANNELS) * _CELLS**2

    def __init__(self, *, drop_path: float = 0.0) -> None:
        super().__init__(drop_path=drop_path)
        for number in (*range(_BELOW), *range(_LAST, len(self._blocks))):
            self._blocks[number] = nn.Identity()
        self._conv_stem = self._bn0 = self._conv_head = self._bn1 = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Through the stage."""
        below = _cells(x)
        for block in self._blocks[_BELOW:_LAST]:
            x = block(x)
        return torch.cat([below, _cells(x)], 1)


def expression_lite0(
    resolution: int = 64,
    *,
    attributes: int = 7,
    hidden: Sequence[int] = (192,),
    drop_out: float = 0.5,
    drop_path: float = 0.0,
    weights: Path | None = None,
    frozen: bool = True,
) -> Network:
    """The network for expressions; its trunk is best filled from a run of the attribute classifier.

    Args:
        resolution: side of the pictures in pixels; the trunk sees them twice as large.
        attributes: how many outputs.
        hidden: widths of the layers between trunk and outputs, each normed.
        drop_out: share of features dropped before every layer while training.
        drop_path: stochastic depth in the upper part.
        weights: file of the asset `efficientnet-lite0`; None starts from random weights.
        frozen: the lower part does not learn.

    Raises:
        ConfigError: the resolution is no multiple of 64, so that cells would not come out even.
    """
    if resolution % 64:
        raise ConfigError(f"expression_lite0 takes pictures of 64 or 128 pixels, not {resolution}")
    lower, upper = LowerLite0(), UpperLite0(drop_path=drop_path)
    if weights is not None:
        whole = EfficientNetLite0()
        load_weights(whole, weights)
        for part in (lower, upper):
            own = part.state_dict()
            part.load_state_dict({name: tensor for name, tensor in whole.state_dict().items() if name in own})
    inputs = keras.Input((resolution, resolution, 3), name="pictures")
    ground = TorchTrunk(
        lower.to(memory_format=torch.channels_last), features=_CHANNELS[0], name="lower", maps=_STRIDE // _ENLARGED
    )
    ground.trainable = not frozen
    above = TorchTrunk(upper.to(memory_format=torch.channels_last), features=UpperLite0.features, name="upper")
    x: Any = keras.layers.BatchNormalization(name="norm")(above(ground(inputs)))
    for number, units in enumerate(hidden, start=1):
        x = keras.layers.Dropout(drop_out, name=f"drop_out_{number}")(x)
        x = keras.layers.Dense(units, use_bias=False, name=f"hidden_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.Activation("relu", name=f"relu_{number}")(x)
    x = keras.layers.Dropout(drop_out, name="drop_out")(x)
    outputs = keras.layers.Dense(attributes, activation="sigmoid", name="attributes")(x)
    model = keras.Model(inputs, outputs, name="expression_lite0")
    return Network(model, resolution, _NORMALISE, ("lower", "upper"))
