"""How good probabilities of one choice among several are: (N, K) rows that sum to 1, against (N,) true classes.

Balanced accuracy is the mean over classes of the share of their rows told rightly, so that rare classes count as much
as frequent ones; by chance it is 1 / K.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visavis.lab.metrics import Floats, Interval

__all__ = ["balanced_recall", "choice_error", "choice_figures", "confusion", "interval", "told_without"]

Classes = NDArray[np.int64]


def confusion(truth: Classes, scores: Floats) -> NDArray[np.int64]:
    """(K, K) counts: a row a true class, a column what was told."""
    kinds = scores.shape[1]
    return np.bincount(truth * kinds + scores.argmax(axis=1), minlength=kinds**2).reshape(kinds, kinds)


def balanced_recall(truth: Classes, scores: Floats) -> float:
    """Balanced accuracy over the classes that there are."""
    counts = confusion(truth, scores)
    there = counts.sum(axis=1) > 0
    return float((np.diag(counts)[there] / counts.sum(axis=1)[there]).mean())


def choice_error(truth: Classes, scores: Floats, *, bins: int = 15) -> float:
    """Expected calibration error of the likeliest class (Guo et al., arXiv:1706.04599, equation 3)."""
    told, right = scores.max(axis=1), scores.argmax(axis=1) == truth
    place = np.clip((told * bins).astype(np.int64), 0, bins - 1)
    gap = np.bincount(place, weights=told - right, minlength=bins)
    return float(np.abs(gap).sum() / len(truth))


def told_without(truth: Classes, scores: Floats, *, unsure_below: float) -> tuple[float, float, float]:
    """Share of rows that are unsure, accuracy of the others, and accuracy of the unsure ones (nan where none is)."""
    unsure, right = scores.max(axis=1) < unsure_below, scores.argmax(axis=1) == truth
    among = float(right[unsure].mean()) if unsure.any() else float("nan")
    return float(unsure.mean()), float(right[~unsure].mean()) if (~unsure).any() else float("nan"), among


def interval(
    figure: Callable[[Classes, Floats], float], truth: Classes, scores: Floats, *, draws: int = 500, seed: int = 0
) -> Interval:
    """A figure with the range of 95 % of its values over resamples, each class resampled on its own."""
    dice = np.random.default_rng(seed)
    classes = [np.flatnonzero(truth == kind) for kind in np.unique(truth)]
    values = []
    for _ in range(draws):
        rows = np.concatenate([dice.choice(rows, len(rows)) for rows in classes])
        values.append(figure(truth[rows], scores[rows]))
    value = float(figure(truth, scores))
    low, high = np.percentile(values, [2.5, 97.5]) if draws else (value, value)
    return Interval(value, float(low), float(high))


def choice_figures(truth: Classes, scores: Floats, *, unsure_below: float = 0.0, draws: int = 500) -> dict[str, Any]:
    """All figures of one set of rows, as plain numbers."""
    balanced = interval(balanced_recall, truth, scores, draws=draws)
    unsure, sure, among = told_without(truth, scores, unsure_below=unsure_below)
    return {
        "rows": len(truth),
        "balanced_accuracy": balanced.value,
        "balanced_accuracy_interval": [balanced.low, balanced.high],
        "accuracy": float((scores.argmax(axis=1) == truth).mean()),
        "calibration_error": choice_error(truth, scores),
        "loss": float(-np.log(np.clip(scores[np.arange(len(truth)), truth], 1e-7, 1)).mean()),
        "unsure": unsure,
        "accuracy_sure": sure,
        "accuracy_unsure": among,
        "confusion": confusion(truth, scores).tolist(),
    }
