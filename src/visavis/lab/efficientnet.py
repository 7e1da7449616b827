"""EfficientNet-Lite0, the ground of the default classifier, with the names and shapes of its published weights.

The Lite variants drop squeeze-and-excitation and put ReLU6 in the place of Swish, which makes them quick on a CPU and
easy to quantise. Sources: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(arXiv:1905.11946), table 1, and https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite.

This module imports torch: import it only where a network is built.
"""

# torch and Keras are not typed here, so their classes and decorators are Any.
# mypy: disable-error-code="misc,untyped-decorator"

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from visavis.errors import ModelError

__all__ = ["FEATURES", "STRIDE", "EfficientNetLite0", "load_weights"]

#: Width of the feature vector that the trunk ends in.
FEATURES: Final = 1280
#: How often the last maps are smaller than the picture.
STRIDE: Final = 32

#: Repeats, kernel, stride, expansion, channels in, channels out; one row a stage.
_STAGES: Final = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


class _Depthwise(torch.autograd.Function):
    """A bfloat16 depthwise convolution whose slow gradients are taken in float32.

    oneDNN has no fast bfloat16 kernel for the input gradient of a strided depthwise convolution nor for the weight
    gradient of a 5x5 one: measured on 64 pictures of 144x32x32, 84 ms against 3 ms, and 23 ms against 9 ms. Together
    they were half of a training step.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return functional.conv2d(x, weight.to(x.dtype), None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        stride, padding, (grad,) = [ctx.stride] * 2, [ctx.padding] * 2, grads

        def gradient(g: Tensor, x: Tensor, w: Tensor, mask: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
            result: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
                g, x, w, None, stride, padding, [1, 1], False, [0, 0], len(weight), mask
            )
            return result

        wide, wide_x = grad.float(), x.float()
        to_weight = gradient(wide, wide_x, weight, [False, True, False])[1]
        if ctx.stride == 1:
            return gradient(grad, x, weight.to(x.dtype), [True, False, False])[0], to_weight, None, None
        return gradient(wide, wide_x, weight, [True, False, False])[0].to(x.dtype), to_weight, None, None


class _SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": the odd pixel goes to the right and the bottom.

    The weights were trained so; torch's symmetric padding would shift every stride-2 stage by half a pixel.
    """

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        padding = kernel // 2
        if stride > 1:
            pads = []
            for length in (input.shape[3], input.shape[2]):  # functional.pad takes the last axis first
                total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
                pads += [total // 2, total - total // 2]
            padding = pads[0]
            if len(set(pads)) > 1:
                input, padding = functional.pad(input, pads), 0
        if self.groups > 1 and input.dtype == torch.bfloat16 and torch.is_grad_enabled():
            return cast(Tensor, _Depthwise.apply(input, self.weight, stride, padding))
        return functional.conv2d(input, self.weight, self.bias, stride, padding, 1, self.groups)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class _Block(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1; the attribute names are those of the weight file."""

    def __init__(self, channels_in: int, channels_out: int, *, kernel: int, stride: int, expansion: int, drop: float):
        super().__init__()
        wide = channels_in * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = _SameConv(channels_in, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = _SameConv(wide, wide, kernel, stride=stride, groups=wide, bias=False)
        self._bn1 = _norm(wide)
        self._project_conv = _SameConv(wide, channels_out, 1, bias=False)
        self._bn2 = _norm(channels_out)
        self.skips = stride == 1 and channels_in == channels_out
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        out = x
        if self.expands:
            out = functional.relu6(self._bn0(self._expand_conv(out)))
        out = functional.relu6(self._bn1(self._depthwise_conv(out)))
        out = self._bn2(self._project_conv(out))
        if not self.skips:
            return out
        if self.training and self.drop > 0:
            # Stochastic depth (arXiv:1603.09382): drop the whole branch for some samples, scale up the rest.
            keep = torch.rand(len(x), 1, 1, 1, device=x.device) >= self.drop
            out = out * (keep / (1 - self.drop)).to(out.dtype)
        return out + x


class EfficientNetLite0(nn.Module):
    """The convolutional trunk: (N, 3, H, W) float pictures -> (N, 1280) features.

    Args:
        drop_path: rate of stochastic depth at the last block; it grows linearly from 0 at the first.

    >>> EfficientNetLite0()(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 1280])
    """

    def __init__(self, *, drop_path: float = 0.0):
        super().__init__()
        self._conv_stem = _SameConv(3, 32, 3, stride=2, bias=False)
        self._bn0 = _norm(32)
        blocks: list[_Block] = []
        count = sum(stage[0] for stage in _STAGES)
        for repeats, kernel, stride, expansion, channels_in, channels_out in _STAGES:
            for repeat in range(repeats):
                blocks.append(
                    _Block(
                        channels_in if repeat == 0 else channels_out,
                        channels_out,
                        kernel=kernel,
                        stride=stride if repeat == 0 else 1,
                        expansion=expansion,
                        drop=drop_path * len(blocks) / count,
                    )
                )
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = _SameConv(320, FEATURES, 1, bias=False)
        self._bn1 = _norm(FEATURES)

    def maps(self, x: Tensor) -> Tensor:
        """The last feature maps: (N, 1280, ceil(H / 32), ceil(W / 32))."""
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return functional.relu6(self._bn1(self._conv_head(x)))

    def pool(self, maps: Tensor) -> Tensor:
        """(N, 1280, h, w) -> (N, 1280): their mean."""
        return maps.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """Through all of it."""
        return self.pool(self.maps(x))


def load_weights(network: EfficientNetLite0, path: Path) -> tuple[Tensor, Tensor]:
    """Fill the trunk with published ImageNet weights.

    Args:
        network: the trunk to fill, in place.
        path: a torch file of named tensors (`efficientnet-lite0-57934424.pth`, Apache-2.0).

    Returns:
        The ImageNet classifier's weight (1000, 1280) and bias (1000,), which a check on known pictures can use.

    Raises:
        ModelError: the file is no such set of weights.
    """
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
        top = tensors.pop("_fc.weight"), tensors.pop("_fc.bias")
        network.load_state_dict(tensors)
    except (OSError, RuntimeError, KeyError, ValueError, EOFError, AttributeError, TypeError, UnpicklingError) as error:
        raise ModelError(
            f"{path} does not hold EfficientNet-Lite0 weights ({error}); expected the asset 'efficientnet-lite0'"
        ) from error
    return top
