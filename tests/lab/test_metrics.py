from __future__ import annotations

import numpy as np
import pytest

from visavis.lab import metrics


def _sample(count: int = 400, seed: int = 0, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    labels = (dice.random(count) < 0.3).astype(np.uint8)
    scores = np.clip(dice.normal(0.4 + 0.25 * labels, 0.2), 0.01, 0.99)
    return labels, np.round(scores, 1) if ties else scores


@pytest.mark.parametrize("ties", [False, True])
def test_rank_figures_agree_with_scikit_learn(ties: bool) -> None:
    judge = pytest.importorskip("sklearn.metrics")
    for seed in range(4):
        labels, scores = _sample(seed=seed, ties=ties)
        assert metrics.average_precision(labels, scores) == pytest.approx(judge.average_precision_score(labels, scores))
        assert metrics.roc_auc(labels, scores) == pytest.approx(judge.roc_auc_score(labels, scores))
        row = metrics.binary_metrics(labels, scores, 0.45)
        decided = scores > 0.45
        assert row["f1"] == pytest.approx(judge.f1_score(labels, decided))
        assert row["balanced_accuracy"] == pytest.approx(judge.balanced_accuracy_score(labels, decided))
        assert row["precision"] == pytest.approx(judge.precision_score(labels, decided))


def test_known_values() -> None:
    labels, scores = np.array([1, 0, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    assert metrics.average_precision(labels, scores) == pytest.approx((1 + 2 / 3) / 2)
    assert metrics.roc_auc(labels, scores) == 0.75
    assert metrics.micro_precision_recall(labels[:, None], scores[:, None], 0.75) == (0.5, 0.5)
    assert metrics.brier(labels, labels) == 0
    assert metrics.expected_calibration_error(np.array([1, 1, 0, 0]), np.full(4, 0.75)) == pytest.approx(0.25)


def test_what_does_not_exist_is_nan() -> None:
    none, scores = np.zeros(4), np.array([0.1, 0.2, 0.6, 0.7])
    row = metrics.binary_metrics(none, scores)
    assert np.isnan([row["average_precision"], row["roc_auc"], row["recall"], row["balanced_accuracy"]]).all()
    assert row["accuracy"] == 0.5


def test_the_chosen_threshold_beats_a_half_where_positives_are_rare() -> None:
    labels, scores = _sample(4000)
    scores = scores * 0.7
    chosen = metrics.best_threshold(labels[:2000], scores[:2000])
    kept, half = (metrics.balanced_accuracy(labels[2000:], scores[2000:], at) for at in (chosen, 0.5))
    assert kept > half + 0.05
    best = max(metrics.balanced_accuracy(labels[:2000], scores[:2000], at) for at in scores[:2000])
    assert metrics.balanced_accuracy(labels[:2000], scores[:2000], chosen) > best - 2e-3


def test_temperature_repairs_overconfidence_and_keeps_the_order() -> None:
    dice = np.random.default_rng(1)
    truth = dice.random(5000)
    labels = (dice.random(5000) < truth).astype(np.uint8)
    bold = metrics.with_temperature(truth, 0.4, 0.3)
    temperature, bias = metrics.fit_temperature(labels, bold)
    mended = metrics.with_temperature(bold, temperature, bias)
    assert metrics.expected_calibration_error(labels, bold) > 0.08
    assert metrics.expected_calibration_error(labels, mended) < 0.02
    assert metrics.roc_auc(labels, mended) == pytest.approx(metrics.roc_auc(labels, bold))


def test_a_fit_on_useless_scores_never_turns_the_order_round() -> None:
    labels, scores = _sample(300)
    assert metrics.fit_temperature(1 - labels, scores)[0] > 0
    assert np.isfinite(metrics.fit_temperature(labels, labels.astype(float))).all()


def test_intervals_hold_the_value_and_narrow_with_rows() -> None:
    wide = metrics.bootstrap(metrics.roc_auc, *_sample(150), draws=100)
    narrow = metrics.bootstrap(metrics.roc_auc, *_sample(3000), draws=100)
    assert wide.low < wide.value < wide.high
    assert narrow.high - narrow.low < (wide.high - wide.low) / 2
