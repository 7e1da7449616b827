"""Passages in time: where they begin and end, how fast they go, and what a driver's film becomes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from visavis.portrait.answer import Pace
from visavis.portrait.driver import steadied
from visavis.portrait.passage import Key, Passage, Timeline, blended, emotion_passage, relative_to_rest, tour
from visavis.portrait.presets import emotion_preset, emotion_presets
from visavis.types import Expression

SMILE = Expression.from_mapping({"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8})


def smiles(passage: Passage, rate: float = 100.0) -> np.ndarray:
    return np.array([passage.at(time_s)["mouthSmileLeft"] for time_s in passage.frame_times(rate)])


def test_an_emotion_comes_and_goes_with_human_timing() -> None:
    passage = emotion_passage(SMILE, duration_s=4.0)
    values = smiles(passage)
    assert values[0] == 0
    assert passage.at(4.0).is_neutral
    assert values.max() == pytest.approx(0.8, abs=1e-3)
    rising = np.flatnonzero((values > 0.08) & (np.gradient(values) > 0))
    falling = np.flatnonzero((values > 0.08) & (values < 0.7) & (np.gradient(values) < 0))
    onset, offset = len(rising) / 100, len(falling) / 100
    assert 0.3 < onset < 0.6
    assert offset > 1.2 * onset


@pytest.mark.parametrize("duration", [0.1, 0.5, 1.0, 2.0, 30.0])
def test_every_duration_holds_the_whole_passage(duration: float) -> None:
    passage = emotion_passage(SMILE, duration_s=duration)
    assert passage.duration_s == duration
    assert smiles(passage, 500).max() == pytest.approx(0.8, abs=0.02)
    assert passage.at(0).is_neutral
    assert passage.at(duration).is_neutral


def test_no_frame_jumps() -> None:
    values = smiles(emotion_passage(SMILE, duration_s=4.0), 25)
    assert np.abs(np.diff(values)).max() < 0.14


def test_eyes_and_brows_go_before_the_mouth() -> None:
    passage = emotion_passage(emotion_preset("surprise"))
    times = np.linspace(0, 2, 400)
    brow = np.array([passage.at(time_s)["browInnerUp"] for time_s in times]) / emotion_preset("surprise")["browInnerUp"]
    jaw = np.array([passage.at(time_s)["jawOpen"] for time_s in times]) / emotion_preset("surprise")["jawOpen"]
    ahead = times[np.argmax(jaw > 0.5)] - times[np.argmax(brow > 0.5)]
    assert 0.04 < ahead < 0.09


def test_a_blink_closes_both_eyes_and_opens_them_again() -> None:
    passage = Passage((Key(0.0, Expression()),), 1.0, blinks_s=(0.5,))
    closed = [passage.at(time_s)["eyeBlinkLeft"] for time_s in np.linspace(0.4, 0.9, 200)]
    assert max(closed) > 0.99
    assert closed[0] == closed[-1] == 0
    assert sum(value > 0.5 for value in closed) * 0.5 / 200 < 0.2


def test_a_tour_visits_every_emotion_and_comes_home() -> None:
    presets = [expression for label, expression in emotion_presets().items() if label != "neutral"]
    passage = tour(presets, hold_s=0.4)
    frames = [passage.at(time_s) for time_s in passage.frame_times(25)]
    assert frames[0].is_neutral
    assert passage.at(passage.duration_s).is_neutral
    for preset in presets:
        upper = preset.weights.copy()
        nearest = min(float(np.abs(frame.weights - upper).max()) for frame in frames)
        assert nearest < 0.08
    steps = [float(np.abs(later.weights - earlier.weights)[25:].max()) for earlier, later in pairwise(frames)]
    assert max(steps) < 0.2


def test_frames_fill_the_duration_and_no_more() -> None:
    times = emotion_passage(SMILE, duration_s=2.0).frame_times(25)
    assert len(times) == 50
    assert times[0] == 0
    assert times[-1] == pytest.approx(2.0 - 1 / 25)


@pytest.mark.parametrize("duration", [0.0, -1.0, float("nan")])
def test_no_time_is_no_passage(duration: float) -> None:
    with pytest.raises(ValueError, match="longer than 0"):
        emotion_passage(SMILE, duration_s=duration)


def test_keys_must_rise_and_fit() -> None:
    with pytest.raises(ValueError, match="times rise"):
        Passage((Key(1.0, SMILE), Key(1.0, SMILE)), 2.0)
    with pytest.raises(ValueError, match="last to its last key"):
        Passage((Key(1.0, SMILE),), 0.5)
    with pytest.raises(ValueError, match="a tour needs"):
        tour([])


def test_what_comes_and_goes_at_once_is_a_passage_too() -> None:
    at_once = tour([SMILE, SMILE], paces=[Pace(0, 0), Pace(0, 0)], hold_s=0)
    assert max(at_once.at(time_s)["mouthSmileLeft"] for time_s in at_once.frame_times(50)) > 0.7
    short = emotion_passage(SMILE, duration_s=2.0, pace=Pace(0, 0))
    assert short.at(1.0)["mouthSmileLeft"] == pytest.approx(SMILE["mouthSmileLeft"], abs=0.1)


def test_a_blend_names_one_side_or_both() -> None:
    assert blended({"mouthSmile": 0.5})["mouthSmileRight"] == 0.5
    assert blended({"mouthLeft": 0.5})["mouthLeft"] == 0.5
    assert blended({"jawOpen": 0.2, "eyeBlink": 1.0})["eyeBlinkLeft"] == 1.0
    for wrong in ("smile", "mouth", "jaw"):
        with pytest.raises(ValueError, match="unknown blendshape"):
            blended({wrong: 0.5})
    with pytest.raises(ValueError, match=r"the weight of jawOpen must lie between 0 and 1, not 1\.5"):
        blended({"jawOpen": 1.5})


def film(values: Sequence[float | None], *, name: str = "mouthSmileLeft", rate: float = 25.0) -> Timeline:
    entries = [None if value is None else Expression.from_mapping({name: value}) for value in values]
    return Timeline(tuple(index / rate for index in range(len(entries))), tuple(entries))


def test_a_timeline_lasts_as_long_as_its_film() -> None:
    assert film([0.0] * 50).duration_s == pytest.approx(2.0)
    assert film([0.0]).duration_s > 0
    with pytest.raises(ValueError, match="expected one for each"):
        Timeline((0.0,), ())
    with pytest.raises(ValueError, match="must not fall"):
        Timeline((2.0, 1.0), (SMILE, SMILE))


def test_between_two_frames_lies_their_mixture() -> None:
    timeline = film([0.0, 0.5])
    assert timeline.at(0.02)["mouthSmileLeft"] == pytest.approx(0.25, abs=1e-6)
    assert timeline.at(-1)["mouthSmileLeft"] == 0
    assert timeline.at(9)["mouthSmileLeft"] == 0.5


def test_who_leaves_lets_the_portrait_come_to_rest() -> None:
    filled = film([0.8] * 5 + [None] * 50).filled(absence_s=1.0)
    values = [expression["mouthSmileLeft"] for expression in filled.expressions if expression is not None]
    assert len(values) == 55
    assert values[4] == pytest.approx(0.8)
    assert values[-1] == 0
    assert all(later <= earlier for earlier, later in pairwise(values[4:]))


def test_a_resting_bias_is_taken_out_and_a_full_smile_stays_full() -> None:
    timeline = relative_to_rest(film([0.2] * 30 + [1.0] * 20))
    values = [expression["mouthSmileLeft"] for expression in timeline.expressions if expression is not None]
    assert values[0] == pytest.approx(0.0, abs=1e-6)
    assert values[-1] == pytest.approx(1.0, abs=1e-6)


def test_a_smile_held_throughout_is_no_rest() -> None:
    values = [e["mouthSmileLeft"] for e in relative_to_rest(film([0.9] * 40)).expressions if e is not None]
    assert min(values) > 0.7


def test_an_empty_film_stays_empty() -> None:
    assert relative_to_rest(film([None, None])).seen == 0
    assert steadied(film([None, None])).seen == 0


def test_trembling_goes_and_the_moment_stays() -> None:
    random = np.random.default_rng(3)
    step = np.concatenate([np.full(40, 0.1), np.full(40, 0.9)])
    shaken = np.clip(step + random.normal(0, 0.03, 80), 0, 1)
    smooth = steadied(film([float(value) for value in shaken]))
    values = np.array([e["mouthSmileLeft"] for e in smooth.expressions if e is not None])
    assert values[5:35].std() < 0.6 * shaken[5:35].std()
    assert abs(int(np.argmax(values > 0.5)) - 40) <= 1
