from __future__ import annotations

import itertools

import numpy as np
import pytest

from visavis.errors import InputError
from visavis.lab import metrics
from visavis.lab.gap import gap_between


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


def test_a_rising_line_mends_what_a_temperature_cannot_and_keeps_every_rank() -> None:
    dice = np.random.default_rng(2)
    truth = dice.random(6000)
    labels = (dice.random(6000) < truth).astype(np.uint8)
    told = np.where(truth < 0.5, truth**3, 1 - (1 - truth) ** 0.3)  # timid below, bold above: no temperature does this
    fit, held = slice(0, 3000), slice(3000, 6000)
    line = metrics.fit_isotonic(labels[fit], told[fit])
    mended = metrics.with_isotonic(told[held], line)
    straight = metrics.with_temperature(told[held], *metrics.fit_temperature(labels[fit], told[fit]))
    errors = [metrics.expected_calibration_error(labels[held], p) for p in (told[held], straight, mended)]
    assert errors[2] < 0.7 * errors[1] < 0.7 * errors[0]
    assert metrics.roc_auc(labels[held], mended) == pytest.approx(metrics.roc_auc(labels[held], told[held]), abs=1e-6)
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in itertools.pairwise(line))
    assert metrics.with_isotonic(told, ()) is told


def test_a_line_through_one_kind_alone_is_a_line() -> None:
    for labels in (np.zeros(5), np.ones(5)):
        line = metrics.fit_isotonic(labels, np.linspace(0.1, 0.9, 5))
        assert (line[0], line[-1]) == ((0.0, 0.0), (1.0, 1.0))
        assert np.isfinite(metrics.with_isotonic(np.linspace(0, 1, 7), line)).all()


def test_precision_at_another_rate_is_that_of_a_set_of_that_rate() -> None:
    labels, scores = _sample(6000)
    positive, negative = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    kept = np.concatenate([positive[::3], negative])  # a set with a third of the positives
    rate = float(labels[kept].mean())
    told = metrics.average_precision(labels, scores, rate=rate)
    assert told == pytest.approx(metrics.average_precision(labels[kept], scores[kept]), abs=0.02)
    assert told < metrics.average_precision(labels, scores) - 0.1
    own = float(labels.mean())
    assert metrics.average_precision(labels, scores, rate=own) == pytest.approx(
        metrics.average_precision(labels, scores)
    )


def test_a_gap_that_is_only_one_of_rates_vanishes_at_equal_rates() -> None:
    labels, scores = _sample(8000)
    rare = np.concatenate([np.flatnonzero(labels)[::4], np.flatnonzero(labels == 0)])
    worse = scores[rare] + np.random.default_rng(1).normal(0, 1, len(rare))
    gap = gap_between(
        (labels[:, None], scores[:, None]), (labels[rare][:, None], worse[:, None]), scores[rare][:, None]
    )
    assert gap.lost_framing > 0.1
    assert gap.framed_auc == pytest.approx(gap.aligned_auc, abs=0.02)
    gap = gap_between(
        (labels[:, None], scores[:, None]), (labels[rare][:, None], scores[rare][:, None]), scores[rare][:, None]
    )
    assert gap.lost_framing == 0
    assert gap.lost > 0.1
    assert abs(gap.lost_matched) < 0.03
    assert gap.aligned_auc == pytest.approx(gap.wild_auc, abs=0.02)
    nothing = np.zeros((5, 1), np.float32)
    with pytest.raises(InputError, match="no gap to tell"):
        gap_between((labels[:, None], scores[:, None]), (nothing.astype(np.uint8), nothing), nothing)
