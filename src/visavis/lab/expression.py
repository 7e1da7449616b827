"""A compact network for expressions: the attribute classifier's trunk, tapped where it still knows where things are.

The last features of a classifier of attributes say who a face is as much as what it does. Half way up, maps still tell
brows, lids and lips apart; pooled to a few cells they are what a small head learns expressions from. Faces are seen
grey and at few pixels, enlarged: so a sharp face in colour looks like the small grey ones that carry labels, and what
was learnt from these holds for it.

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
from torch import Tensor  # isort: skip
from torch.nn import functional  # isort: skip

from visavis.lab.efficientnet import EfficientNetLite0, load_weights  # isort: skip

__all__ = ["TappedLite0", "expression_lite0"]

#: Blocks whose maps are taken, with their channels: the last of the fifth and of the sixth stage.
_TAPS: Final = {10: 112, 14: 192}
#: Maps are pooled to so many cells a side.
_CELLS: Final = 4
#: How much pictures are enlarged before the trunk sees them.
_ENLARGED: Final = 2
_NORMALISE: Final = Normalisation((127.0, 127.0, 127.0), (128.0, 128.0, 128.0))


class TappedLite0(EfficientNetLite0):
    """EfficientNet-Lite0 up to its sixth stage: (N, 3, H, W) pictures -> (N, features) of its pooled maps.

    >>> TappedLite0()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 4864])
    """

    #: Length of what it gives.
    features: int = sum(_TAPS.values()) * _CELLS**2

    def forward(self, x: Tensor) -> Tensor:
        """Grey, enlarged, through the blocks; each tap's maps as cells, end to end."""
        x = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        x = functional.interpolate(x, scale_factor=float(_ENLARGED), mode="bilinear", align_corners=False)
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        found = []
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in _TAPS:
                found.append(functional.avg_pool2d(x, x.shape[-1] // _CELLS).flatten(1))
            if number == max(_TAPS):
                break
        return torch.cat(found, 1)


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
        drop_path: stochastic depth of the trunk, where it learns.
        weights: file of the asset `efficientnet-lite0`; None starts from random weights.
        frozen: only the head learns.

    Raises:
        ConfigError: the resolution is no multiple of 64, so that cells would not come out even.
    """
    if resolution % 64:
        raise ConfigError(f"expression_lite0 takes pictures of 64 or 128 pixels, not {resolution}")
    trunk = TappedLite0(drop_path=drop_path)
    if weights is not None:
        load_weights(trunk, weights)
    trunk.to(memory_format=torch.channels_last)
    inputs = keras.Input((resolution, resolution, 3), name="pictures")
    layer = TorchTrunk(trunk, features=TappedLite0.features, name="efficientnet_lite0")
    layer.trainable = not frozen
    x: Any = keras.layers.BatchNormalization(name="norm")(layer(inputs))
    for number, units in enumerate(hidden, start=1):
        x = keras.layers.Dropout(drop_out, name=f"drop_out_{number}")(x)
        x = keras.layers.Dense(units, use_bias=False, name=f"hidden_{number}")(x)
        x = keras.layers.BatchNormalization(name=f"norm_{number}")(x)
        x = keras.layers.Activation("relu", name=f"relu_{number}")(x)
    x = keras.layers.Dropout(drop_out, name="drop_out")(x)
    outputs = keras.layers.Dense(attributes, activation="sigmoid", name="attributes")(x)
    model = keras.Model(inputs, outputs, name="expression_lite0")
    return Network(model, resolution, _NORMALISE, ("efficientnet_lite0",))
