"""A life: the same for the same seed, with the rhythms of people, and without a jump."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from visavis.portrait.answer import Answerer
from visavis.portrait.gallery import OpenPortrait
from visavis.portrait.life import CHAPTER_S, Life, Signs, animate, blink
from visavis.portrait.passage import Key, Passage, emotion_passage
from visavis.portrait.presence import Lived, Presence
from visavis.portrait.presets import emotion_presets
from visavis.portrait.render import MeshRenderer
from visavis.types import EMOTIONS, Emotion, Expression, Face, Reading

RATE = 100.0
FACE = Face(np.array([0, 0, 10, 10], np.float32))
SOMEBODY = Reading(FACE, Expression(), Emotion.from_mapping({"neutral": 1.0}))
PRESETS = emotion_presets()


def lived(life: Life, start_s: float, end_s: float) -> list[Signs]:
    return [life.at(time_s) for time_s in np.arange(start_s, end_s, 1 / RATE)]


def series(signs: list[Signs], name: str) -> np.ndarray:
    return np.array([getattr(sign, name) for sign in signs])


@pytest.fixture(scope="module")
def signs() -> list[Signs]:
    """Two minutes and a bit, over two borders of chapters."""
    return lived(Life(seed=5), 0, 130)


def test_the_same_seed_lives_the_same_life_in_any_order() -> None:
    times = [3.0, 4000.0, 59.99, 60.01, 3.0, 1e7]
    forwards = [Life(seed=9).at(time_s) for time_s in times]
    backwards = [Life(seed=9).at(time_s) for time_s in reversed(times)]
    assert forwards == backwards[::-1]
    assert forwards[0] == forwards[4]
    assert Life(seed=9).at(33.3) != Life(seed=10).at(33.3)


def test_it_begins_with_the_painting_itself() -> None:
    for time_s in (-1.0, 0.0):
        assert animate(Expression(), Life(seed=2).at(time_s), solitude=1.0, moods=PRESETS).is_neutral


def test_a_seed_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        Life(seed=-1)


def test_blinks_come_as_peoples_do() -> None:
    chapters = [Life(seed=1).chapter(index).blinks for index in range(150)]
    starts = np.concatenate([blinks[:, 0] + index * CHAPTER_S for index, blinks in enumerate(chapters)])
    gaps = np.diff(starts)
    # Skewed, as measured: 5.2 +- 3.1 s, with doubles.
    assert 3.2 < np.median(gaps) < 4.6
    assert np.median(gaps) < gaps.mean() < 5.5
    assert gaps.std() / gaps.mean() > 0.5
    assert 0.03 < (gaps < 0.8).mean() < 0.15
    _, closing, shut, opening, depth = np.concatenate(chapters).T
    assert 0.1 <= closing.min() <= closing.max() <= 0.15
    assert (opening > closing).all()
    assert (closing + shut + opening).max() < 0.5
    assert depth.max() == 1
    assert depth.min() > 0.6
    assert 0.1 < (depth < 1).mean() < 0.4


def test_lids_close_and_open_again_without_a_jump(signs: list[Signs]) -> None:
    lids = series(signs, "lids")
    assert lids.max() > 0.99
    assert (lids == 0).mean() > 0.85
    # At most 1.9 times the way in a tenth of a second, which is the fastest blink at its fastest.
    assert np.abs(np.diff(lids)).max() <= 1.9 / 0.1 / RATE


def test_a_blink_closes_faster_than_it_opens_and_is_told_once() -> None:
    times = np.linspace(0, 0.5, 501)
    lids = np.asarray(blink(times, closing_s=0.1, shut_s=0.05, opening_s=0.2))
    assert lids[0] == lids[350:].max() == 0
    assert (lids[100:151] == 1).all()
    assert np.argmax(lids > 0.5) * 0.001 == pytest.approx(0.05, abs=0.002)
    passage = Passage((Key(0.0, Expression()),), 1.0, blinks_s=(0.5,))
    played = [passage.at(time_s)["eyeBlinkLeft"] for time_s in 0.5 + times]
    np.testing.assert_allclose(played, blink(times), atol=1e-6)


def test_breaths_are_slow_and_uneven(signs: list[Signs]) -> None:
    breath = series(signs, "breath")
    full = [index for index in range(1, len(breath) - 1) if breath[index - 1] < breath[index] >= breath[index + 1]]
    minutes = len(signs) / RATE / 60
    assert 12 <= len(full) / minutes <= 16
    lengths = np.diff(full) / RATE
    assert lengths.std() / lengths.mean() > 0.05
    assert 0.6 < breath[full].min() < breath[full].max() <= 1
    assert breath.min() == 0
    assert np.abs(np.diff(breath)).max() < 0.02


def test_eyes_stay_with_somebody_and_look_about_when_alone(signs: list[Signs]) -> None:
    attending, roaming = series(signs, "attending"), series(signs, "roaming")
    assert np.abs(attending).max() < 0.2
    assert attending.std() > 0.01
    assert np.abs(roaming[:, 0]).max() > 0.3
    assert np.abs(roaming).max() <= 1
    # They rest most of the time, and are often back in the middle.
    for gaze in (attending, roaming):
        assert (np.abs(np.diff(gaze, axis=0)).max(axis=1) == 0).mean() > 0.8
    assert (np.abs(roaming).max(axis=1) < 0.02).mean() > 0.2


def test_saccades_last_as_long_as_their_size_asks() -> None:
    life = Life(seed=4)
    looks = life.chapter(0).roaming
    steps = np.linalg.norm(np.diff(looks.places, axis=0, prepend=[[0.0, 0.0]]), axis=1)
    largest = int(np.argmax(steps))
    start, lasting = looks.starts[largest], 0.021 + 0.0022 * steps[largest]
    before, after, end = (life.at(start + delay).roaming for delay in (0.0, lasting + 0.001, lasting + 0.01))
    assert before != after
    assert after == pytest.approx(end, abs=1e-6)
    assert life.at(start + lasting / 2).roaming not in (before, after)


def test_nothing_but_the_eyes_is_fast(signs: list[Signs]) -> None:
    # Degrees in a second, and weight in a second.
    for name, fastest, most in (("drift", 1.0, 0.4), ("turn", 15.0, 4.0), ("mood_strength", 0.7, 0.3)):
        values = series(signs, name)
        assert np.abs(np.diff(values, axis=0)).max() * RATE < fastest, name
        assert 0 < np.abs(values).max() < most, name


def test_where_chapters_meet_nothing_jumps() -> None:
    for border in (CHAPTER_S, 7 * CHAPTER_S):
        signs = lived(Life(seed=11), border - 0.05, border + 0.05)
        for name in ("attending", "roaming", "turn", "breath", "mood_strength", "lids"):
            values = series(signs, name)
            assert np.abs(np.diff(values, axis=0)).max() < 0.01, name


def test_a_blink_closes_whatever_the_face_does_and_moods_are_for_the_lonely() -> None:
    shut = Signs(1.0, (0.1, 0.0), (0.5, 0.2), (0.1, 0.0, 0.0), (2.0, 0.0, 0.0), 0.7, "joy", 0.25)
    smile = Expression.from_mapping({"mouthSmileLeft": 0.4}, gaze=(-0.3, 0.0), sway=(1.0, 0.0, 0.0))
    here = animate(smile, shut, moods=PRESETS)
    assert here["eyeBlinkLeft"] == here["eyeBlinkRight"] == 1
    assert here["mouthSmileLeft"] == pytest.approx(0.4)
    np.testing.assert_allclose(here.gaze, (-0.2, 0.0), atol=1e-6)
    np.testing.assert_allclose(here.sway, (1.1, 0.0, 0.0), atol=1e-6)
    assert here.breath == pytest.approx(0.7)
    alone = animate(smile, shut, solitude=1.0, moods=PRESETS)
    assert alone["mouthSmileRight"] == pytest.approx(0.25 * PRESETS["joy"]["mouthSmileRight"], abs=1e-6)
    np.testing.assert_allclose(alone.gaze, (0.6, 0.2), atol=1e-6)
    wide = animate(Expression.from_mapping({"eyeWideLeft": 0.6}), shut)
    assert wide["eyeBlinkLeft"] == wide["eyeBlinkRight"] == 0
    mirrored = animate(smile, shut, mirrored=1.0)
    assert mirrored["eyeBlinkLeft"] == 0
    np.testing.assert_allclose(mirrored.gaze, smile.gaze)
    assert mirrored.breath == here.breath


def played(presence: Presence, parts: list[tuple[Reading | None, float]], rate: float = 30.0) -> list[Expression]:
    return [
        presence.step(Expression(), reading, 1 / rate)
        for reading, seconds in parts
        for _ in range(round(seconds * rate))
    ]


def test_alone_for_some_time_it_lives_by_itself_and_comes_back_at_once() -> None:
    presence = Presence(Life(seed=3), attract_after_s=4.0, moods=PRESETS)
    attracts = []
    for reading, seconds in ((SOMEBODY, 20.0), (None, 3.9), (None, 0.2)):
        alone = played(presence, [(reading, seconds)])
        attracts.append(presence.attract)
    assert attracts == [False, False, True]
    alone += played(presence, [(None, 50.0)])
    assert np.abs([item.gaze[0] for item in alone]).max() > 0.25
    assert np.abs([item.sway[0] for item in alone]).max() > 0.8
    assert max(item.weights[10:].max() for item in alone) > 0.05
    back = played(presence, [(SOMEBODY, 1.0)])
    assert not presence.attract
    assert np.abs(back[-1].gaze).max() < 0.2
    assert np.abs(back[-1].sway).max() < 0.5


def test_it_is_not_attracting_when_told_not_to() -> None:
    presence = Presence(Life(seed=3), attract_after_s=0.0, moods=PRESETS)
    alone = played(presence, [(None, 60.0)])
    assert not presence.attract
    assert np.abs([item.gaze for item in alone]).max() < 0.2
    assert max(item["eyeBlinkLeft"] for item in alone) > 0.9


@pytest.mark.parametrize("mode", ["answer", "mirror"])
def test_comings_and_goings_do_not_flicker(mode: str) -> None:
    presence = Presence(Life(seed=8), attract_after_s=1.0, moods=PRESETS, mode=mode)
    company: list[tuple[Reading | None, float]] = [
        (None, 3.3),
        (SOMEBODY, 0.1),
        (None, 0.2),
        (SOMEBODY, 2.0),
        (None, 6.0),
    ]
    items = played(presence, company * 3, rate=60.0)
    for before, after in itertools.pairwise(items):
        # But for a blink (0.1 s) nothing of the face goes faster than a quarter of its way in a frame.
        assert np.abs(after.weights - before.weights).max() < 0.4
        assert np.abs(after.sway - before.sway).max() < 0.5
        assert abs(after.breath - before.breath) < 0.04


def test_in_mirror_mode_the_spectators_own_blinks_are_enough() -> None:
    presence = Presence(Life(seed=3), mode="mirror")
    items = played(presence, [(SOMEBODY, 61.0)])[60:]
    assert max(item["eyeBlinkLeft"] for item in items) == 0
    assert max(item.breath for item in items) > 0.5
    unnamed = played(Presence(Life(seed=3)), [(Reading(FACE, Expression(), None), 61.0)])[60:]
    assert max(item["eyeBlinkLeft"] for item in unnamed) == 0


def test_a_film_of_a_life_starts_at_the_painting_and_keeps_its_length() -> None:
    film = Lived(Life(seed=1), 10.0, moods=PRESETS)
    assert len(film.frame_times(25)) == 250
    assert film.at(0.0).is_neutral
    assert any(film.at(float(time_s))["eyeBlinkLeft"] > 0.5 for time_s in film.frame_times(25))
    smile = emotion_passage(PRESETS["joy"], duration_s=6.0)
    playing = Lived(Life(seed=1), 6.0, smile)
    assert playing.at(3.0)["mouthSmileLeft"] == pytest.approx(smile.at(3.0)["mouthSmileLeft"])


def test_moods_are_emotions() -> None:
    for index in range(10):
        assert {label for label, _ in Life(seed=1).chapter(index).mood_names} <= set(EMOTIONS)


def test_no_answer_jumps_from_one_frame_to_the_next(madonna: OpenPortrait) -> None:
    """At 30 frames a second, alive, the mean change inside the face stays below 12 of 255, however sudden it is."""
    renderer, rig = MeshRenderer(madonna.rig), madonna.rig
    (x0, y0), (x1, y1) = rig.landmarks.min(axis=0).astype(int), rig.landmarks.max(axis=0).astype(int)
    for label in ("surprise", "joy", "fear"):
        answerer, presence = Answerer(PRESETS), Presence(Life(seed=2))
        seen = Reading(FACE, Expression(), Emotion.from_mapping({label: 1.0}))
        faces = [
            renderer.render(presence.step(answerer.step(seen, 1 / 30, look=(0.4, 0.1)), seen, 1 / 30))[y0:y1, x0:x1]
            for _ in range(15)
        ]
        jumps = [float(np.abs(after.astype(np.int16) - before).mean()) for before, after in itertools.pairwise(faces)]
        assert 0.2 < max(jumps) < 12, (label, jumps)
