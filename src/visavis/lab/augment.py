"""Changes to training pictures that leave their labels true, on a whole batch at once.

Each is drawn from a generator that is seeded by (seed, epoch, step), so a resumed run sees the same pictures. The last
two make a photo look a little like what hangs in a museum: varnish turns colours warm and flat, paint cracks, canvas
shows. Flips change no label of CelebA: none of the 40 names a side.
"""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.nn import functional

from visavis.lab.recipe import AugmentRecipe

__all__ = ["Augmenter"]

_MIN_JPEG: Final = 30


class Augmenter:
    """Turns stored crops into training pictures.

    Args:
        settings: how strongly.
        size: side of the pictures given out; stored crops may be larger, and then carry a margin at the same scale.

    >>> store = torch.zeros(2, 40, 40, 3, dtype=torch.uint8)
    >>> Augmenter(AugmentRecipe(flip=0.5), size=32)(store, seed=1).shape
    torch.Size([2, 32, 32, 3])
    """

    def __init__(self, settings: AugmentRecipe, *, size: int) -> None:
        self._settings = settings
        self._size = size

    def __call__(self, pictures: Tensor, *, seed: int) -> Tensor:
        """(N, S, S, 3) uint8 RGB -> (N, size, size, 3) float32 in 0..255, the same for the same seed."""
        settings, count = self._settings, len(pictures)
        dice = torch.Generator().manual_seed(seed)

        def chance(share: float) -> Tensor:
            return torch.rand(count, generator=dice) < share

        def spread(amount: float) -> Tensor:
            return (torch.rand(count, generator=dice) * 2 - 1) * amount

        pictures = self._compress(pictures, chance(settings.jpeg), seed)
        x = pictures.permute(0, 3, 1, 2).float()  # (N, 3, S, S), channels last in memory
        x = self._place(x, spread(settings.rotate), spread(settings.scale), spread(settings.shift),
                        spread(settings.shift), chance(settings.flip))  # fmt: skip
        x = self._blur(x, chance(settings.blur))
        if settings.coarse:
            x = self._coarsen(x, seed)
        gain = 1 + spread(settings.light).view(-1, 1, 1, 1)
        contrast = 1 + spread(settings.light).view(-1, 1, 1, 1)
        cast = 1 + (torch.rand(count, 3, 1, 1, generator=dice) * 2 - 1) * settings.colour
        mean = x.mean((1, 2, 3), keepdim=True)
        x = ((x - mean) * contrast + mean) * (gain * cast)
        grey = chance(settings.grey).view(-1, 1, 1, 1)
        if bool(grey.any()):
            x = torch.where(grey, x.mean(1, keepdim=True), x)
        x = self._paint(x, chance(settings.painting), dice)
        x = self._erase(x, chance(settings.erase), dice)
        return x.clamp_(0, 255).permute(0, 2, 3, 1)

    def _place(self, x: Tensor, turn: Tensor, scale: Tensor, dx: Tensor, dy: Tensor, flip: Tensor) -> Tensor:
        """Turn, scale, shift, mirror and cut to `size` in one bilinear sampling; beyond the border it is mirrored."""
        stored = x.shape[-1]
        ratio = self._size / stored
        turned = torch.deg2rad(turn)
        cos, sin = torch.cos(turned) * (1 + scale) * ratio, torch.sin(turned) * (1 + scale) * ratio
        side = torch.where(flip, -1.0, 1.0)
        matrix = torch.stack(
            [torch.stack([cos * side, -sin, dx * 2 * ratio], 1), torch.stack([sin * side, cos, dy * 2 * ratio], 1)], 1
        )
        grid = functional.affine_grid(matrix, [len(x), 3, self._size, self._size], align_corners=False)
        return functional.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    def _compress(self, pictures: Tensor, chosen: Tensor, seed: int) -> Tensor:
        if not bool(chosen.any()):
            return pictures
        pictures = pictures.clone()
        quality = np.random.default_rng(seed).integers(_MIN_JPEG, 91, len(pictures))
        for index in torch.nonzero(chosen).flatten().tolist():
            buffer = io.BytesIO()
            Pillow.fromarray(pictures[index].numpy()).save(buffer, "JPEG", quality=int(quality[index]))
            pictures[index] = torch.from_numpy(np.asarray(Pillow.open(buffer)).copy())
        return pictures

    def _blur(self, x: Tensor, chosen: Tensor) -> Tensor:
        """Half the resolution and back, which is what a face further from the camera loses."""
        rows = torch.nonzero(chosen).flatten()
        if len(rows):
            small = functional.avg_pool2d(x[rows], 2)
            x[rows] = functional.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return x

    def _coarsen(self, x: Tensor, seed: int) -> Tensor:
        """A third of the resolution or more, and back: faces are seen sharp and as a few pixels enlarged."""
        dice, side = torch.Generator().manual_seed(seed + 1), x.shape[-1]
        sides = torch.randint(side // 3, side, (len(x),), generator=dice)
        for index in torch.nonzero(torch.rand(len(x), generator=dice) < self._settings.coarse).flatten().tolist():
            small = functional.interpolate(x[index : index + 1], size=(int(sides[index]),) * 2, mode="area")
            x[index] = functional.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)[0]
        return x

    def _paint(self, x: Tensor, chosen: Tensor, dice: torch.Generator) -> Tensor:
        rows = torch.nonzero(chosen).flatten()
        if not len(rows):
            return x
        part, size = x[rows], x.shape[-1]

        def noise(cells: int) -> Tensor:
            coarse = torch.rand(len(rows), 1, cells, cells, generator=dice) * 2 - 1
            return functional.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=False)

        # Cracks run where a smooth random height crosses zero; a weave is a product of two waves.
        cracks = (noise(12) + 0.5 * noise(30)).abs() < 0.03
        line = torch.arange(size) * (2 * torch.pi / 3.0)
        weave = (torch.sin(line)[:, None] + torch.sin(line)[None, :]) * 3.0
        varnish = torch.tensor([1.05, 0.95, 0.72]).view(1, 3, 1, 1)
        strength = torch.rand(len(rows), 1, 1, 1, generator=dice)
        aged = part * (1 + (varnish - 1) * strength) * (1 - 0.25 * strength) + 0.12 * 90 * strength
        aged = aged + weave * strength + noise(6) * 8 * strength
        x[rows] = torch.where(cracks & (strength > 0.5), aged * 0.7, aged)
        return x

    def _erase(self, x: Tensor, chosen: Tensor, dice: torch.Generator) -> Tensor:
        size = x.shape[-1]
        numbers: Any = torch.rand(len(x), 4, generator=dice)
        for index in torch.nonzero(chosen).flatten().tolist():
            high, wide = (int(size * (0.08 + 0.17 * float(v))) for v in numbers[index, :2])
            top, left = int((size - high) * float(numbers[index, 2])), int((size - wide) * float(numbers[index, 3]))
            x[index, :, top : top + high, left : left + wide] = 114.0
        return x
