"""What a network is punished for: losses, their weights, and pictures that are blended.

All work on logits (B, A) and labels (B, A) in [0, 1], B pictures of A attributes.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visavis.lab.dataset import SIX
from visavis.lab.recipe import TrainRecipe

__all__ = ["emphasis", "losses", "mix"]


def emphasis(attributes: tuple[str, ...], amount: float) -> Tensor:
    """(A,) weights of mean 1."""
    weights = torch.tensor([amount if name in SIX else 1.0 for name in attributes])
    return weights / weights.mean()


def mix(inputs: Tensor, labels: Tensor, alpha: float, seed: int) -> tuple[Tensor, Tensor]:
    """Blend each picture and its labels with another of the batch (Zhang et al., arXiv:1710.09412)."""
    dice = np.random.default_rng(seed)
    share = float(dice.beta(alpha, alpha))
    share = max(share, 1 - share)
    other = torch.from_numpy(dice.permutation(len(inputs)))
    return inputs * share + inputs[other] * (1 - share), labels * share + labels[other] * (1 - share)


def losses(logits: Tensor, labels: Tensor, settings: TrainRecipe, weights: Tensor | None) -> Tensor:
    """(B, A) losses."""
    labels = labels * (1 - settings.smoothing) + settings.smoothing / 2
    if settings.loss == "asymmetric":
        # Ridnik et al., arXiv:2009.14119, equations 4 to 7: gamma+ 0, gamma- 2, margin 0.05.
        p = torch.sigmoid(logits)
        shifted = (p - 0.05).clamp(min=0)
        positive = labels * torch.log(p.clamp(min=1e-8))
        negative = (1 - labels) * shifted**2 * torch.log((1 - shifted).clamp(min=1e-8))
        return -(positive + negative)
    return functional.binary_cross_entropy_with_logits(logits, labels, pos_weight=weights, reduction="none")
