"""What a network is punished for: losses, their weights, and pictures that are blended.

All work on logits (B, A) and labels (B, A) in [0, 1], B pictures of A outputs. A label that is nan is not known, and
nothing is asked of its output. The first outputs may be one choice among them (emotions), the others are each a yes or
no (attributes).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from visavis.lab.dataset import SIX
from visavis.lab.recipe import TrainRecipe

__all__ = ["emphasis", "losses", "mean_loss", "mix"]


def emphasis(attributes: tuple[str, ...], amount: float) -> Tensor:
    """(A,) weights of mean 1."""
    weights = torch.tensor([amount if name in SIX else 1.0 for name in attributes])
    return weights / weights.mean()


def mix(inputs: Tensor, labels: Tensor, alpha: float, seed: int) -> tuple[Tensor, Tensor]:
    """Blend each picture and its labels with another of the batch (Zhang et al., arXiv:1710.09412).

    Partners are found among pictures of which the same is known.
    """
    dice = np.random.default_rng(seed)
    share = float(dice.beta(alpha, alpha))
    share = max(share, 1 - share)
    known = ~torch.isnan(labels).numpy()
    partner = np.arange(len(inputs))
    for kind in np.unique(known, axis=0):
        alike = np.flatnonzero((known == kind).all(axis=1))
        partner[alike] = dice.permutation(alike)
    other = torch.from_numpy(partner)
    return inputs * share + inputs[other] * (1 - share), labels * share + labels[other] * (1 - share)


def mean_loss(
    logits: Tensor,
    labels: Tensor,
    settings: TrainRecipe,
    *,
    weights: Tensor | None,
    emphases: Tensor,
    choices: int = 0,
    beside: float = 1.0,
) -> Tensor:
    """The loss of a batch, a single number.

    Args:
        logits, labels: (B, A).
        settings: which loss, and how far labels are pulled to the middle.
        weights: (A,) weights of positives, or None.
        emphases: (A,) weights of the outputs, of mean 1.
        choices: so many outputs, the first, are one choice: their loss is the cross-entropy of a softmax.
        beside: weight of the other outputs' loss where there are choices.
    """
    if not choices:
        return (losses(logits, labels, settings, weights) * emphases).mean()
    total = logits.new_zeros(())
    chosen = ~torch.isnan(labels[:, 0])
    if bool(chosen.any()):
        truth = labels[chosen, :choices] * (1 - settings.smoothing) + settings.smoothing / choices
        total = total - (truth * torch.log_softmax(logits[chosen, :choices], 1)).sum(1).sum() / len(labels)
    judged = ~torch.isnan(labels[:, -1])
    if labels.shape[1] > choices and bool(judged.any()):
        rest = losses(logits[judged, choices:], labels[judged, choices:], settings, weights)
        total = total + beside * (rest * emphases[choices:]).mean(1).sum() / len(labels)
    return total


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
