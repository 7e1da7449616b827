"""MobileFaceNet, a network that tells people apart: what it sees of a face, for a head that reads attributes.

InsightFace's form at twice the width (Chen et al., "MobileFaceNets", arXiv:1804.07573), filled from the published file
`w600k_mbf.onnx`, in which norms are already part of the convolutions. Lips, brows and lids tell people apart, so its
last maps say more of them than a network for objects does. Whole, it teaches; seeing fewer pixels, it ships.
"""

# torch is not typed here, so its classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.errors import ModelError

__all__ = ["FACE_FEATURES", "LEAST_SIDE", "MobileFaceNet", "load_face_weights"]

#: The least side in pixels that it can see: a sixteenth of it, of maps, is three.
LEAST_SIDE: Final = 48
_CHANNELS: Final = 512
#: Means of overlapping parts of the maps, a grid of three by three.
_CELLS: Final = 3
#: Length of what the trunk gives.
FACE_FEATURES: Final = _CHANNELS * _CELLS**2


class _Bend(nn.PReLU):
    """PReLU of slopes below 1 as two convolutions by channel, which ONNX Runtime runs in three fifths of the time.

    It keeps maps in blocks of channels, and puts them back in order for what it knows no blocked form of, as PReLU.

    >>> _Bend(1)(torch.tensor([[[[-2.0, 2.0]]]])).tolist()
    [[[[-0.5, 2.0]]]]
    """

    def forward(self, input: Tensor) -> Tensor:
        """slope * x + relu((1 - slope) * x), or PReLU itself while it learns."""
        if self.training:
            return super().forward(input)
        slope, count = self.weight[:, None, None, None], self.num_parameters
        return functional.conv2d(input, slope, groups=count) + functional.relu(
            functional.conv2d(input, 1 - slope, groups=count)
        )


class _Block(nn.Module):
    """A narrow layer opened wide, looked over by channel, and closed again."""

    def __init__(self, channels_in: int, channels_out: int, *, width: int, stride: int = 1) -> None:
        super().__init__()
        self._open = nn.Conv2d(channels_in, width, 1)
        self._open_bend = _Bend(width)
        self._look = nn.Conv2d(width, width, 3, stride, 1, groups=width)
        self._look_bend = _Bend(width)
        self._close = nn.Conv2d(width, channels_out, 1)
        self._skips = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        out = self._open_bend(self._open(x))
        out = self._close(self._look_bend(self._look(out)))
        return out + x if self._skips else out


class MobileFaceNet(nn.Module):
    """The trunk: (N, 3, H, W) pictures -> (N, 4608), the last maps as overlapping cells, end to end.

    It learnt from pictures of 112 pixels whose eyes are 35 apart.

    Args:
        side: so many pixels a side are seen of whatever is given; 0 as it is.

    >>> MobileFaceNet(side=80)(torch.zeros(1, 3, 112, 112)).shape
    torch.Size([1, 4608])
    """

    def __init__(self, *, side: int = 0) -> None:
        super().__init__()
        self._side = side
        self._stem = nn.Sequential(
            nn.Conv2d(3, 128, 3, 2, 1), _Bend(128), nn.Conv2d(128, 128, 3, 1, 1, groups=64), _Bend(128)
        )
        self._blocks = nn.Sequential(
            _Block(128, 128, width=128, stride=2),
            *(_Block(128, 128, width=128) for _ in range(4)),
            _Block(128, 256, width=256, stride=2),
            *(_Block(256, 256, width=256) for _ in range(6)),
            _Block(256, 256, width=512, stride=2),
            *(_Block(256, 256, width=256) for _ in range(2)),
        )
        self._top = nn.Sequential(nn.Conv2d(256, _CHANNELS, 1), _Bend(_CHANNELS))

    def extra_repr(self) -> str:
        """What no weight tells."""
        return f"side={self._side}"

    def maps(self, x: Tensor) -> Tensor:
        """The last feature maps: (N, 512, ceil(H / 16), ceil(W / 16)) of what is seen."""
        if self._side:
            x = functional.interpolate(x, size=(self._side, self._side), mode="bilinear", align_corners=False)
        return self._top(self._blocks(self._stem(x)))

    def pool(self, maps: Tensor) -> Tensor:
        """(N, 512, h, w), both at least three -> (N, 4608)."""
        steps = [max((side - 1) // _CELLS, 1) for side in maps.shape[2:]]
        cells = [side - (_CELLS - 1) * step for side, step in zip(maps.shape[2:], steps, strict=True)]
        return functional.avg_pool2d(maps, cells, steps).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """Through all of it."""
        return self.pool(self.maps(x))


def load_face_weights(network: MobileFaceNet, path: Path) -> None:
    """Fill the trunk from a published ONNX file of the same form; its layers come in the same order.

    Raises:
        ModelError: the file is no such network.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise ModelError(f"{path} is no ONNX file ({error}); expected the asset 'face-recognition'") from error
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    layers = [node for node in graph.node if node.op_type in ("Conv", "PRelu")]
    own = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.PReLU)]
    if len(layers) < len(own):
        raise ModelError(f"{path} is another network than the asset 'face-recognition': it has {len(layers)} layers")
    with torch.no_grad():
        for layer, node in zip(own, layers, strict=False):
            tensors = [np.array(stored[name]) for name in node.input[1:]]
            wanted = [layer.weight] if isinstance(layer, nn.PReLU) else [layer.weight, layer.bias]
            for mine, theirs in zip(wanted, tensors, strict=True):
                if mine is None or mine.numel() != theirs.size:
                    raise ModelError(
                        f"{path} is another network than the asset 'face-recognition': {node.name} differs"
                    )
                mine.copy_(torch.from_numpy(theirs).reshape(mine.shape))
