"""The domain gap: what a classifier loses between aligned pictures and photos that go through the detector.

The two sets show other people with other shares of positives, and average precision falls with that share alone. So the
loss is told three times: as it is; with the aligned set's figures computed at the photos' rates, attribute by
attribute; and on the photos themselves, framed as the aligned set is and as the detector cuts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import InputError
from visavis.lab import metrics
from visavis.lab.dataset import SIX

__all__ = ["Gap", "domain_gap", "gap_between"]

_SIDES: Final = ("test", "wild")


@dataclass(frozen=True, slots=True)
class Gap:
    """Mean average precision over the report's six (over all where none is known), and ROC AUC beside it.

    Attributes:
        aligned: on the aligned test set.
        matched: on the aligned test set, were its shares of positives those of the photos.
        wild: on the photos.
        framed: on the same photos, framed as the aligned pictures are.
        aligned_auc, wild_auc, framed_auc: mean area under the ROC curve, which no share of positives moves.
    """

    aligned: float
    matched: float
    wild: float
    framed: float
    aligned_auc: float
    wild_auc: float
    framed_auc: float

    @property
    def lost(self) -> float:
        """What is lost, rates and all."""
        return self.aligned - self.wild

    @property
    def lost_matched(self) -> float:
        """What is lost at equal rates."""
        return self.matched - self.wild

    @property
    def lost_framing(self) -> float:
        """What is lost on the very same photos by the detector's crop."""
        return self.framed - self.wild


def gap_between(
    aligned: tuple[NDArray[np.uint8], NDArray[np.float32]],
    wild: tuple[NDArray[np.uint8], NDArray[np.float32]],
    framed: NDArray[np.float32],
) -> Gap:
    """The gap between two sets, each of (N, A) labels and scores; attributes that one lacks positives of count not.

    Args:
        aligned: the aligned test set.
        wild: the photos.
        framed: scores of the photos framed as the aligned set.

    Raises:
        InputError: no attribute has positives and negatives in both.
    """
    (labels, scores), (other_labels, other_scores) = aligned, wild
    rows = []
    for column in range(labels.shape[1]):
        truth, other = labels[:, column], other_labels[:, column]
        if not 0 < truth.mean() < 1 or not 0 < other.mean() < 1:
            continue
        mine, theirs, again = scores[:, column], other_scores[:, column], framed[:, column]
        rows.append(
            (
                metrics.average_precision(truth, mine),
                metrics.average_precision(truth, mine, rate=float(other.mean())),
                metrics.average_precision(other, theirs),
                metrics.average_precision(other, again),
                metrics.roc_auc(truth, mine),
                metrics.roc_auc(other, theirs),
                metrics.roc_auc(other, again),
            )
        )
    if not rows:
        raise InputError("no attribute has positives and negatives in both sets, so there is no gap to tell")
    return Gap(*(float(value) for value in np.mean(rows, axis=0)))


def domain_gap(run: Path) -> Gap:
    """The gap of a run that was evaluated on un-aligned photos too.

    Raises:
        InputError: it was not.
    """
    try:
        with np.load(run / "scores.npz") as file:
            arrays = {name: file[name] for name in file.files}
    except OSError as error:
        raise InputError(f"{run} has not been evaluated ({error}); run first: visavis lab evaluate {run}") from error
    if "wild_aligned_scores" not in arrays:
        raise InputError(f"{run} was not judged on whole photos; run: visavis lab evaluate {run} --wild FOLDER")
    names = [str(name) for name in arrays["attributes"]]
    chosen = [names.index(name) for name in SIX if name in names] or list(range(len(names)))
    aligned, wild = ((arrays[f"{side}_labels"][:, chosen], arrays[f"{side}_scores"][:, chosen]) for side in _SIDES)
    return gap_between(aligned, wild, arrays["wild_aligned_scores"][:, chosen])
