"""Fits how picture, movements and attributes are weighed, on what networks said of faces that they were blind to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import require
from visavis.lab.choices import Classes
from visavis.lab.metrics import Floats
from visavis.reading.calibration import EmotionCalibration
from visavis.reading.fusion import Fusion, attribute_evidence, movements, way
from visavis.types import EMOTIONS, Float32

__all__ = ["fit_linear", "fit_temperature_of", "fit_ways", "softmax"]

#: Strengths of the ridge that are tried; the best on held-out faces is taken.
_STRENGTHS: Final = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
#: A reading is unsure where its best label is less probable than in this share of held-out faces.
_UNSURE_SHARE: Final = 0.1


def softmax(logits: Floats) -> Floats:
    """(N, K) -> (N, K) probabilities."""
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def fit_temperature_of(truth: Classes, evidence: Floats, weights: Floats) -> float:
    """The temperature that makes (N, K) evidence likeliest, (N,) rows weighed (Guo et al., arXiv:1706.04599)."""
    rows = np.arange(len(truth))

    def cost(temperature: float) -> float:
        return float(-(weights * np.log(softmax(evidence / temperature)[rows, truth].clip(1e-9))).sum())

    grid = np.exp(np.linspace(np.log(0.25), np.log(4), 113))
    return float(min(grid, key=cost))


def fit_linear(
    measures: Floats, truth: Classes, part: NDArray[np.int64], *, strengths: tuple[float, ...] = _STRENGTHS
) -> tuple[Float32, Float32, Floats]:
    """Multinomial logistic regression with a ridge whose strength is chosen on held-out parts.

    Classes weigh alike, however many faces show them.

    Args:
        measures: (N, M).
        truth: (N,) classes.
        part: (N,) parts; each is held out once.
        strengths: inverse strengths of the ridge that are tried.

    Returns:
        (K, M) weights and (K,) biases for the measures as they are, and (N, K) evidence of each row by the fit that
        did not see it.
    """
    require("sklearn", extra="lab")
    from sklearn.linear_model import LogisticRegression

    spread = measures.std(axis=0) + 1e-6
    mean = measures.mean(axis=0)
    scaled = (measures - mean) / spread
    balance = 1 / np.bincount(truth, minlength=len(EMOTIONS)).clip(1)[truth]
    rows = np.arange(len(truth))
    best: tuple[float, float, Floats] | None = None

    def fitted(strength: float, chosen: NDArray[np.bool_]) -> Any:
        return LogisticRegression(C=strength, max_iter=400, class_weight="balanced").fit(scaled[chosen], truth[chosen])

    for strength in strengths:
        blind = np.zeros((len(truth), len(EMOTIONS)))
        for number in np.unique(part):
            held = part == number
            blind[held] = _all_classes(*_weights(fitted(strength, ~held)), scaled[held])
        loss = float(-(balance * np.log(softmax(blind)[rows, truth].clip(1e-9))).sum())
        if best is None or loss < best[0]:
            best = loss, strength, blind
    assert best is not None  # there is at least one strength
    weights, bias = _weights(fitted(best[1], np.ones(len(truth), np.bool_)))
    return (weights / spread).astype(np.float32), (bias - weights @ (mean / spread)).astype(np.float32), best[2]


def _weights(model: Any) -> tuple[Floats, Floats]:
    """(K, M) and (K,); a class that was not there is told never."""
    weights, bias = np.zeros((len(EMOTIONS), model.coef_.shape[1])), np.full(len(EMOTIONS), -20.0)
    coefficients, intercepts = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        coefficients, intercepts = np.vstack([-coefficients, coefficients]) / 2, np.append(-intercepts, intercepts) / 2
    weights[model.classes_], bias[model.classes_] = coefficients, intercepts
    return weights, bias


def _all_classes(weights: Floats, bias: Floats, scaled: Floats) -> Floats:
    return np.asarray(scaled @ weights.T + bias)


def fit_ways(
    logs: Float32, blendshapes: Float32, attributes: Float32, truth: Classes, part: NDArray[np.int64]
) -> Mapping[str, Fusion]:
    """Every way of weighing (`fusion.way`), calibrated.

    Args:
        logs: (N, 7) logarithms of the picture's probabilities, of networks that did not see the faces.
        blendshapes: (N, 52), nan where no face was found.
        attributes: (N, A) probabilities.
        truth: (N,) classes.
        part: (N,) parts, for choosing on held-out faces.
    """
    ways: dict[str, Fusion] = {}
    for with_movements in (False, True):
        for with_attributes in (False, True):
            parts = [np.asarray(logs, np.float64)]
            if with_movements:
                parts.append(np.asarray(movements(blendshapes), np.float64))
            if with_attributes:
                parts.append(np.asarray(attribute_evidence(attributes), np.float64))
            measures = np.concatenate(parts, axis=1)
            usable = np.isfinite(measures).all(axis=1)
            weights, bias, blind = fit_linear(measures[usable], truth[usable], part[usable])
            balance = 1 / np.bincount(truth[usable], minlength=len(EMOTIONS)).clip(1)[truth[usable]]
            temperature = fit_temperature_of(truth[usable], blind, balance)
            surest = softmax(blind / temperature).max(axis=1)
            first, second = parts[0].shape[1], parts[0].shape[1] + (parts[1].shape[1] if with_movements else 0)
            ways[way(movements=with_movements, attributes=with_attributes)] = Fusion(
                picture=weights[:, :first],
                movements=weights[:, first:second],
                attributes=weights[:, second:],
                bias=bias,
                calibration=EmotionCalibration(
                    round(temperature, 4), {}, round(float(np.quantile(surest, _UNSURE_SHARE)), 4)
                ),
            )
    return ways
