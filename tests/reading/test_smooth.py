"""Steadiness depends on the time that passes, not on how often it is asked."""

from __future__ import annotations

import math

import numpy as np
import pytest

from visavis.reading import OneEuro, SteadyEmotion
from visavis.types import Emotion, Float32


def _array(*values: float) -> Float32:
    return np.array(values, np.float32)


def _emotion(**weights: float) -> Emotion:
    return Emotion.from_mapping(weights)


def test_the_first_value_passes_unchanged() -> None:
    assert OneEuro().step(_array(0.3, 0.7), 0.0).tolist() == _array(0.3, 0.7).tolist()


def test_one_step_is_that_of_the_paper() -> None:
    # x from 0 to 1 in dt = 0.1 s, f_min = 1 Hz, beta = 0.5, f_d = 1 Hz, by hand after equations 1 to 5.
    def alpha(cutoff: float) -> float:
        return 1 / (1 + 1 / (2 * math.pi * cutoff * 0.1))

    speed = alpha(1.0) * (1 / 0.1)
    wanted = alpha(1.0 + 0.5 * speed) * 1.0
    smooth = OneEuro(min_cutoff_hz=1.0, beta=0.5, derivative_cutoff_hz=1.0)
    smooth.step(_array(0.0), 0.0)
    assert smooth.step(_array(1.0), 0.1)[0] == pytest.approx(wanted, rel=1e-5)


def test_noise_at_rest_is_calmed_and_a_fast_move_is_followed() -> None:
    random = np.random.default_rng(0)
    smooth = OneEuro()
    noisy = [smooth.step(_array(0.5 + float(random.normal(0, 0.02))), 1 / 30)[0] for _ in range(300)]
    assert np.std(noisy[60:]) < 0.02 * 0.6
    after = [smooth.step(_array(1.0), 1 / 30)[0] for _ in range(5)]
    assert after[-1] > 0.9, "five frames after a jump"


def test_elements_are_filtered_apart() -> None:
    smooth = OneEuro()
    smooth.step(_array(0.0, 0.0), 0.0)
    moved = smooth.step(_array(1.0, 0.0), 1 / 30)
    assert moved[0] > 0
    assert moved[1] == 0


def test_the_outcome_hardly_depends_on_the_rate() -> None:
    ends = []
    for rate in (15, 30, 120):
        smooth = OneEuro(beta=0.0)
        smooth.step(_array(0.0), 0.0)
        for _ in range(rate // 5):
            value = smooth.step(_array(1.0), 1 / rate)
        ends.append(float(value[0]))
    # The paper's alpha is a backward Euler step, so a little remains.
    assert np.ptp(ends) < 0.08, ends


def test_no_time_no_change_and_reset_forgets() -> None:
    smooth = OneEuro()
    smooth.step(_array(0.2), 0.0)
    assert smooth.step(_array(0.9), 0.0)[0] == pytest.approx(0.2)
    assert smooth.step(_array(0.9), -1.0)[0] == pytest.approx(0.2)
    smooth.reset()
    assert smooth.step(_array(0.9), 0.1)[0] == pytest.approx(0.9)


def test_a_filter_gives_away_no_memory() -> None:
    smooth = OneEuro()
    smooth.step(_array(0.0), 0.0)[:] = 5.0
    assert smooth.step(_array(0.0), 0.1)[0] == 0.0


def test_wrong_parameters_are_refused() -> None:
    for bad in ({"min_cutoff_hz": 0.0}, {"beta": -1.0}, {"derivative_cutoff_hz": 0.0}):
        with pytest.raises(ValueError, match="cutoffs"):
            OneEuro(**bad)
    for bad in ({"time_constant_s": -1.0}, {"hold_odds": 0.5}, {"min_dwell_s": -1.0}):
        with pytest.raises(ValueError, match="hold_odds"):
            SteadyEmotion(**bad)


@pytest.mark.parametrize("rate", [25, 30, 60])
def test_a_single_frame_changes_nothing(rate: int) -> None:
    steady = SteadyEmotion()
    for _ in range(rate):
        steady.step(_emotion(joy=1.0), 1 / rate)
    assert steady.step(_emotion(anger=1.0), 1 / rate).dominant == "joy"
    assert steady.held == "joy"


def test_evidence_that_lasts_takes_over_within_a_second() -> None:
    steady = SteadyEmotion()
    for _ in range(60):
        steady.step(_emotion(joy=1.0), 1 / 30)
    labels = [steady.step(_emotion(sadness=0.8, joy=0.2), 1 / 30).dominant for _ in range(30)]
    assert labels[0] == "joy"
    assert labels[-1] == "sadness"
    assert labels == sorted(labels, key=["joy", "sadness"].index), "one change, no flicker"


def test_near_ties_do_not_flicker() -> None:
    random = np.random.default_rng(1)
    steady = SteadyEmotion()
    labels = []
    for _ in range(600):
        share = float(np.clip(0.5 + random.normal(0, 0.08), 0.01, 0.99))
        labels.append(steady.step(_emotion(joy=share, neutral=1 - share), 1 / 30).dominant)
    assert len(set(labels)) == 1


def test_an_emotion_is_held_for_its_dwell() -> None:
    steady = SteadyEmotion(time_constant_s=0.0, hold_odds=1.0, min_dwell_s=0.5)
    steady.step(_emotion(joy=1.0), 0.0)
    changes = []
    for step in range(1, 40):
        wanted = _emotion(**{("anger" if step % 2 else "joy"): 1.0})
        changes.append(steady.step(wanted, 0.1).dominant)
    runs = [
        len(run) for run in "".join(label[0] for label in changes).replace("ja", "j a").replace("aj", "a j").split()
    ]
    assert min(runs[1:-1]) >= 5, changes


def test_the_result_is_a_distribution_whose_dominant_is_held() -> None:
    random = np.random.default_rng(2)
    steady = SteadyEmotion()
    for _ in range(300):
        raw = Emotion(random.dirichlet(np.ones(7) * 0.3).astype(np.float32))
        steadied = steady.step(raw, float(random.uniform(0, 0.2)))
        assert steadied.probabilities.sum() == pytest.approx(1, abs=1e-4)
        assert steadied.dominant == steady.held
