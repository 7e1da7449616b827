"""How good probabilities are, in numpy alone. Arrays are (N,) for one attribute or (N, A) for many.

Accuracy flatters where one answer is rare, so balanced accuracy, F1 and average precision stand beside it. Rows of
probability are scored against 0/1 labels; a number that does not exist (no positive in the sample) is nan, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Interval",
    "average_precision",
    "balanced_accuracy",
    "best_threshold",
    "binary_metrics",
    "bootstrap",
    "brier",
    "cross_entropy",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_temperature",
    "known_mean",
    "logit",
    "mean_average_precision",
    "micro_precision_recall",
    "precision_recall_curve",
    "reliability",
    "roc_auc",
    "table_mean",
    "with_isotonic",
    "with_temperature",
]

Floats = NDArray[Any]
_TINY = 1e-7


def precision_recall_curve(labels: Floats, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and threshold at each distinct score, from the highest down; equal scores count together."""
    order = np.argsort(-scores, kind="stable")
    ranked, positives = scores[order], np.cumsum(labels[order] > 0)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    hits = positives[last].astype(np.float64)
    return hits / (last + 1), hits / max(positives[-1], 1), ranked[last]


def average_precision(labels: Floats, scores: Floats, *, rate: float | None = None) -> float:
    """Area under precision against recall by steps: sum of (R_n - R_n-1) P_n; nan without a positive.

    Args:
        labels: (N,) 0/1.
        scores: (N,).
        rate: tell what it were if this share of the rows, in (0, 1), were positive: precision at a threshold is then
            rate TPR / (rate TPR + (1 - rate) FPR). Sets of different rates can so be compared.
    """
    if not (labels > 0).any():
        return float("nan")
    precision, recall, _ = precision_recall_curve(labels, scores)
    own = float((labels > 0).mean())
    if rate is not None and own < 1:
        # precision = own TPR / (own TPR + (1 - own) FPR), so the odds of a hit scale as the odds of a positive.
        odds = (rate / (1 - rate)) / (own / (1 - own))
        precision = precision * odds / (precision * odds + 1 - precision)
    return float((np.diff(recall, prepend=0.0) * precision).sum())


def roc_auc(labels: Floats, scores: Floats) -> float:
    """Chance that a positive scores above a negative, ties half (Mann-Whitney U); nan with one class only."""
    positive = labels > 0
    wins, losses = int(positive.sum()), int((~positive).sum())
    if not wins or not losses:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[positive].sum() - wins * (wins + 1) / 2) / (wins * losses))


def _counts(labels: Floats, decided: Floats) -> tuple[int, int, int, int]:
    truth = labels > 0
    return (
        int((decided & truth).sum()),
        int((decided & ~truth).sum()),
        int((~decided & truth).sum()),
        int((~decided & ~truth).sum()),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def balanced_accuracy(labels: Floats, scores: Floats, threshold: float = 0.5) -> float:
    """Mean of the shares of positives and of negatives told rightly; nan with one class only."""
    tp, fp, fn, tn = _counts(labels, scores > threshold)
    return (_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2


def binary_metrics(labels: Floats, scores: Floats, threshold: float = 0.5) -> dict[str, float]:
    """What is told of one attribute: (N,) 0/1 labels, (N,) probabilities, positive above the threshold."""
    tp, fp, fn, tn = _counts(labels, scores > threshold)
    rate = float((labels > 0).mean())
    return {
        "positive_rate": rate,
        "accuracy": _ratio(tp + tn, len(labels)),
        "majority_accuracy": max(rate, 1 - rate),
        "balanced_accuracy": (_ratio(tp, tp + fn) + _ratio(tn, tn + fp)) / 2,
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "average_precision": average_precision(labels, scores),
        "roc_auc": roc_auc(labels, scores),
        "calibration_error": expected_calibration_error(labels, scores),
        "brier": brier(labels, scores),
    }


def micro_precision_recall(labels: Floats, scores: Floats, threshold: float | Floats = 0.5) -> tuple[float, float]:
    """Precision and recall over all attributes' decisions together, which is what Keras's `Precision` metric counts.

    Args:
        labels: (N, A) 0/1.
        scores: (N, A) probabilities.
        threshold: one number, or one an attribute.
    """
    tp, fp, fn, _ = _counts(labels, scores > threshold)
    return _ratio(tp, tp + fp), _ratio(tp, tp + fn)


def mean_average_precision(labels: Floats, scores: Floats) -> float:
    """Mean of average precision over the (N, A) columns that have a positive."""
    values = [average_precision(labels[:, column], scores[:, column]) for column in range(labels.shape[1])]
    return known_mean(values)


def known_mean(values: Sequence[float]) -> float:
    """Mean of the numbers that exist; nan where none does."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def cross_entropy(labels: Floats, scores: Floats) -> float:
    """Mean binary cross-entropy in nats."""
    p = np.clip(scores, _TINY, 1 - _TINY)
    return float(-np.where(labels > 0, np.log(p), np.log1p(-p)).mean())


def brier(labels: Floats, scores: Floats) -> float:
    """Mean squared distance of probability and truth."""
    return float(np.mean((np.asarray(scores, np.float64) - (labels > 0)) ** 2))


def reliability(labels: Floats, scores: Floats, *, bins: int = 15) -> tuple[Floats, Floats, Floats]:
    """Mean probability, share of positives and count in equal bins of probability; empty bins are left out."""
    place = np.clip((scores * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    kept = counts > 0
    told = np.bincount(place, weights=scores, minlength=bins)[kept] / counts[kept]
    true = np.bincount(place, weights=labels > 0, minlength=bins)[kept] / counts[kept]
    return told, true, counts[kept]


def expected_calibration_error(labels: Floats, scores: Floats, *, bins: int = 15) -> float:
    """Mean distance between what is told and what is true, by bin (Guo et al., arXiv:1706.04599, equation 3)."""
    told, true, counts = reliability(labels, scores, bins=bins)
    return float((np.abs(told - true) * counts).sum() / counts.sum())


def logit(scores: Floats) -> Floats:
    """Log-odds of probabilities, finite also at 0 and 1."""
    p = np.clip(np.asarray(scores, np.float64), _TINY, 1 - _TINY)
    return np.asarray(np.log(p) - np.log1p(-p))


def with_temperature(scores: Floats, temperature: float | Floats, bias: float | Floats = 0.0) -> Floats:
    """Probabilities whose logits are divided by the temperature and shifted by the bias."""
    return np.asarray(0.5 * (1 + np.tanh((logit(scores) / temperature + bias) / 2)))


def fit_temperature(labels: Floats, scores: Floats, *, steps: int = 50) -> tuple[float, float]:
    """Temperature and bias that make (N,) probabilities likeliest (Platt scaling), by Newton's method.

    A little pull towards (1, 0) keeps the fit finite when the classes are parted perfectly. A fit whose slope is not
    positive would turn the order round; then the probabilities are left as they are.
    """
    z, y = logit(scores), (labels > 0).astype(np.float64)
    weight = np.array([1.0, 0.0])
    pull = 1e-3 * len(y)
    design = np.column_stack([z, np.ones_like(z)])

    def cost(w: Floats) -> float:
        reach = design @ w
        return float((np.logaddexp(0, reach) - y * reach).sum() + pull / 2 * ((w - (1.0, 0.0)) ** 2).sum())

    for _ in range(steps):
        p = 0.5 * (1 + np.tanh(design @ weight / 2))  # the sigmoid, which so cannot overflow
        gradient = design.T @ (p - y) + pull * (weight - (1.0, 0.0))
        hessian = (design * (p * (1 - p))[:, None]).T @ design + pull * np.eye(2)
        change = np.linalg.solve(hessian, gradient)
        while cost(weight - change) > cost(weight) and np.abs(change).max() > 1e-9:
            change = change / 2
        weight = weight - change
        if np.abs(change).max() < 1e-9:
            break
    return (float(1 / weight[0]), float(weight[1])) if weight[0] > 0.05 else (1.0, 0.0)


def fit_isotonic(labels: Floats, scores: Floats) -> tuple[tuple[float, float], ...]:
    """Points of a rising line from (N,) probabilities to the shares of positives found there, for `with_isotonic`.

    Neighbours that fall are pooled (Ayer et al., 1955, doi:10.1214/aoms/1177728423). The line joins the pools' means,
    so that, unlike with steps, no two scores become equal and no rank is lost.
    """
    order = np.argsort(scores, kind="stable")
    count = len(order)
    pools: list[list[float]] = []  # mean score, share of positives, rows
    for score, truth in zip(np.asarray(scores, np.float64)[order], labels[order] > 0, strict=True):
        pools.append([float(score), float(truth), 1.0])
        while len(pools) > 1 and (pools[-2][1] >= pools[-1][1] or pools[-1][0] - pools[-2][0] < _TINY):
            score_2, share_2, rows_2 = pools.pop()
            score_1, share_1, rows_1 = pools.pop()
            rows = rows_1 + rows_2
            pools.append(
                [(score_1 * rows_1 + score_2 * rows_2) / rows, (share_1 * rows_1 + share_2 * rows_2) / rows, rows]
            )
    # A pool of one kind alone does not prove certainty: half a row of the other kind is added to it.
    inside = [(score, (share * rows + 0.5) / (rows + 1)) for score, share, rows in pools if 0 < score < 1 and count]
    rising = [(0.0, 0.0)]
    for score, share in inside:
        if share > rising[-1][1]:
            rising.append((score, share))
    return (*rising, (1.0, 1.0))


def with_isotonic(scores: Floats, points: Sequence[Sequence[float]]) -> Floats:
    """Probabilities along the line through (x, y) points; unchanged where there are none."""
    if not len(points):
        return np.asarray(scores)
    x, y = np.asarray(points, np.float64).T
    return np.asarray(np.interp(scores, x, y))


def best_threshold(labels: Floats, scores: Floats) -> float:
    """The threshold of highest balanced accuracy on these rows, midway between the scores around it; 0.5 if one class.

    Choose it on validation, use it on test.
    """
    positive = labels > 0
    if positive.all() or not positive.any():
        return 0.5
    order = np.argsort(scores, kind="stable")
    ranked, truth = np.asarray(scores, np.float64)[order], positive[order]
    # Cutting above rank k: negatives up to k are right, positives after it are.
    gain = np.cumsum(~truth) / (~truth).sum() + 1 - np.cumsum(truth) / truth.sum()
    gain[np.append(np.diff(ranked) == 0, True)] = -1
    # The mean of the best tenth of a percent: one row more or less should not move it far.
    near = np.flatnonzero(gain >= gain.max() - 1e-3)
    cut = int(near[len(near) // 2])
    return float((ranked[cut] + ranked[cut + 1]) / 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the range that 95 % of resamples fall into."""

    value: float
    low: float
    high: float


def bootstrap(
    metric: Callable[[Floats, Floats], float], labels: Floats, scores: Floats, *, draws: int = 200, seed: int = 0
) -> Interval:
    """A metric on all rows, with a percentile interval over resamples of rows; those without a value are left out."""
    dice = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        rows = dice.integers(0, len(labels), len(labels))
        values.append(metric(labels[rows], scores[rows]))
    low, high = np.nanpercentile(values, [2.5, 97.5]) if np.isfinite(values).any() else (np.nan, np.nan)
    return Interval(float(metric(labels, scores)), float(low), float(high))


def table_mean(rows: Mapping[str, Mapping[str, float]], metric: str) -> float:
    """Mean of one metric over attributes, leaving out those that have none."""
    return known_mean([row[metric] for row in rows.values()])
