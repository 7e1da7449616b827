"""What the training loop reads: squares or kept features, labels, and who draws the labels of a step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from visavis.lab.pixels import PixelStore

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TrainingData", "Tutor"]


class Tutor(Protocol):
    """Says more of a step's pictures than their labels do."""

    def draw(
        self, rows: NDArray[np.int64], labels: Tensor, mixed: Tensor, *, pictures: Tensor, alpha: float, seed: int
    ) -> Tensor:
        """The labels to learn from, (B, A).

        Args:
            rows: of the pictures.
            labels: (B, A) their own.
            mixed: (B, A) the same as `losses.mix` blends them.
            pictures: (B, side, side, 3) RGB from 0 to 255, what the network is shown, changed and blended.
            alpha, seed: how it blends; 0 for not at all.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """What the loop reads.

    Attributes:
        attributes: A names, the order of the outputs.
        labels: (N, A) numbers in [0, 1]; nan where it is not known.
        train, val: row numbers of the two sides.
        store: squares to train on, as large as the network's or larger by a margin.
        exact: squares exactly as the live product cuts them; what validation sees.
        fingerprint: hash of the data set.
        choices: so many outputs, the first, are one choice among them, as emotions are; validation looks at them.
        chances: (N,) how likely a row is drawn; None takes each row of the training side once an epoch.
        tutor: draws the labels of each step towards what it says of the very pictures of that step.
    """

    attributes: tuple[str, ...]
    labels: NDArray[np.uint8] | NDArray[np.float32]
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    store: PixelStore
    exact: PixelStore
    fingerprint: str
    choices: int = 0
    chances: NDArray[np.float64] | None = None
    tutor: Tutor | None = None

    def order(self, seed: list[int]) -> NDArray[np.int64]:
        """The rows of one epoch: as many as the training side has, in an order that `seed` tells."""
        dice = np.random.default_rng(seed)
        if self.chances is None:
            return dice.permutation(self.train)
        chances = self.chances[self.train]
        return dice.choice(self.train, len(self.train), p=chances / chances.sum())
