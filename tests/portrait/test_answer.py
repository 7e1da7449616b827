"""Answers: the table, the three modes, and their behaviour in time."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from visavis.errors import ConfigError
from visavis.portrait.answer import MODES, Answerer, load_answers
from visavis.types import EMOTIONS, Emotion, Expression, Face, Reading

#: One blendshape an emotion, so that what is played can be told apart.
MARKS = {
    "joy": "mouthSmileLeft",
    "surprise": "jawOpen",
    "sadness": "mouthFrownLeft",
    "anger": "browDownLeft",
    "fear": "eyeWideLeft",
    "disgust": "noseSneerLeft",
}
PRESETS = {"neutral": Expression()} | {label: Expression.from_mapping({mark: 1.0}) for label, mark in MARKS.items()}


def reading(emotion: str | None, probability: float = 0.95, *, smile: float = 0.3) -> Reading:
    face = Face(np.array([0, 0, 10, 10], np.float32))
    expression = Expression.from_mapping({"mouthSmileLeft": smile}, gaze=(0.4, 0.0), sway=(5.0, 0.0, 0.0))
    if emotion is None:
        return Reading(face, expression)
    rest = (1 - probability) / 6
    emotions = {label: probability if label == emotion else rest for label in EMOTIONS}
    return Reading(face, expression, Emotion.from_mapping(emotions))


def settled(answerer: Answerer, what: Reading | None, *, look: tuple[float, float] | None = None) -> Expression:
    for _ in range(300):
        expression = answerer.step(what, 1 / 30, look=look)
    return expression


@pytest.mark.parametrize("mode", ["answer", "contrary"])
@pytest.mark.parametrize("emotion", EMOTIONS)
def test_each_emotion_is_answered_by_the_table(mode: str, emotion: str) -> None:
    rows = load_answers().answer if mode == "answer" else load_answers().contrary
    expression = settled(Answerer(PRESETS, mode=mode), reading(emotion))
    row = rows[emotion]
    expected = {MARKS[row.plays]: row.strength} if row.plays in MARKS and row.strength else {}
    assert {name: round(weight, 3) for name, weight in expression.as_dict().items() if weight} == expected


def test_contrary_plays_another_emotion_than_the_spectators_and_than_the_answer() -> None:
    table = load_answers()
    for emotion in MARKS:
        assert table.contrary[emotion].plays not in (emotion, table.answer[emotion].plays)


@pytest.mark.parametrize(("share", "yaw"), [(0.0, 0.0), (0.4, 2.0), (1.0, 5.0)])
def test_mirror_passes_weights_and_gaze_through_and_as_much_of_the_heads_turn_as_asked(
    share: float, yaw: float
) -> None:
    answerer = Answerer(PRESETS, mode="mirror", sway=share)
    expression = settled(answerer, reading("anger", smile=0.42), look=(-0.7, 0.7))
    assert expression["mouthSmileLeft"] == pytest.approx(0.42, abs=1e-3)
    assert expression["browDownLeft"] == 0
    np.testing.assert_allclose(expression.gaze, (0.4, 0.0), atol=1e-3)
    np.testing.assert_allclose(expression.sway, (yaw, 0.0, 0.0), atol=1e-2)


def test_a_mirror_turns_to_both_sides_alike() -> None:
    left, right = Answerer(PRESETS, mode="mirror", sway=1.0), Answerer(PRESETS, mode="mirror", sway=1.0)
    face = Face(np.array([0, 0, 10, 10], np.float32))
    for gaze, sway in (((0.5, 0.3), (8.0, -3.0, 2.0)), ((0.1, 0.0), (1.0, 0.0, 0.0)), ((-0.4, 0.2), (-5.0, 1.0, 0.0))):
        there = Reading(face, Expression.from_mapping({}, gaze=gaze, sway=sway))
        back = Reading(
            face,
            Expression.from_mapping({}, gaze=(-gaze[0], -gaze[1]), sway=(-sway[0], -sway[1], -sway[2])),
        )
        for _ in range(5):
            one, other = left.step(there, 1 / 30), right.step(back, 1 / 30)
            np.testing.assert_allclose(one.gaze, -other.gaze, atol=1e-6)
            np.testing.assert_allclose(one.sway, -other.sway, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_a_reading_without_emotion_is_mirrored_in_every_mode(mode: str) -> None:
    expression = settled(Answerer(PRESETS, mode=mode), reading(None, smile=0.6))
    assert expression["mouthSmileLeft"] == pytest.approx(0.6, abs=1e-3)


def test_the_eyes_follow_the_spectator_and_come_back_when_nobody_is_there() -> None:
    answerer = Answerer(PRESETS)
    np.testing.assert_allclose(settled(answerer, reading("joy"), look=(-0.5, 0.2)).gaze, (-0.5, 0.2), atol=1e-3)
    assert settled(answerer, None, look=(-0.5, 0.2)).is_neutral


def test_rest_is_reached_exactly_so_that_the_painting_is_itself_again() -> None:
    answerer = Answerer(PRESETS)
    settled(answerer, reading("joy"))
    assert not settled(answerer, None).weights.any()


@pytest.mark.parametrize("rate", [12, 30, 61])
def test_the_outcome_does_not_depend_on_the_frame_rate(rate: int) -> None:
    def after(rate: int, seconds: float) -> float:
        answerer = Answerer(PRESETS)
        for _ in range(round(rate * seconds)):
            expression = answerer.step(reading("joy"), seconds / round(rate * seconds))
        return expression["mouthSmileLeft"]

    assert after(rate, 0.25) == pytest.approx(after(1000, 0.25), abs=1e-4)


def test_a_smile_arrives_in_the_time_of_its_row_and_fades_slower() -> None:
    row = load_answers().answer["joy"]
    answerer = Answerer(PRESETS)

    def time_until(what: Reading | None, is_reached: float, *, rising: bool) -> float:
        elapsed = 0.0
        while True:
            value = answerer.step(what, 0.01)["mouthSmileLeft"]
            elapsed += 0.01
            if (value >= is_reached) if rising else (value <= is_reached):
                return elapsed

    rise = time_until(reading("joy"), 0.9, rising=True)
    settled(answerer, reading("joy"))
    fall = time_until(reading("neutral"), 0.1, rising=False)
    assert rise == pytest.approx(row.pace.attack_s, abs=0.03)
    assert fall > 1.5 * rise


@pytest.mark.parametrize(
    ("emotion", "soonest", "latest"), [("joy", 0.4, 0.65), ("surprise", 0.15, 0.25), ("sadness", 0.6, 1.2)]
)
def test_an_emotion_comes_in_its_own_time_and_goes_slower(emotion: str, soonest: float, latest: float) -> None:
    answerer, mark = Answerer(PRESETS), MARKS[emotion]
    strength = load_answers().answer[emotion].strength
    rise = fall = 0.0
    while answerer.step(reading(emotion), 0.005)[mark] < 0.9 * strength:
        rise += 0.005
    settled(answerer, reading(emotion))
    while answerer.step(reading("neutral"), 0.005)[mark] > 0.1 * strength:
        fall += 0.005
    assert soonest <= rise <= latest
    assert fall == pytest.approx(load_answers().pace[emotion].release_s, abs=0.05)
    assert fall > 1.5 * rise


@pytest.mark.parametrize("rate", [15, 30, 120])
def test_a_weight_never_goes_beyond_a_target_that_came_nearer(rate: int) -> None:
    for turned_s in (0.05, 0.1, 0.15, 0.3):
        answerer = Answerer(PRESETS)
        for _ in range(round(turned_s * rate)):
            last = answerer.step(reading("surprise"), 1 / rate)["jawOpen"]
        goal = 0.5 * (1 + last)  # on the way to 1, it is asked to stop a little further on
        faint = reading("surprise", 0.3 + 0.4 * goal)
        for _ in range(2 * rate):
            value = answerer.step(faint, 1 / rate)["jawOpen"]
            assert value <= goal + 1e-3
        assert value == pytest.approx(goal, abs=5e-3)


def test_the_head_turns_to_the_spectator_as_far_as_asked_and_back() -> None:
    answerer = Answerer(PRESETS, turn=6.0)
    np.testing.assert_allclose(settled(answerer, reading("joy"), look=(0.5, -0.5)).sway, (3.0, -1.8, 0), atol=1e-2)
    assert settled(answerer, None).is_neutral
    assert not settled(Answerer(PRESETS), reading("joy"), look=(0.5, -0.5)).sway.any()


def test_a_row_may_have_a_time_of_its_own(tmp_path: Path) -> None:
    text = (resources.files("visavis.portrait") / "answers.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text.replace("[answer.joy]", "[answer.joy]\nattack_s = 2.5", 1), encoding="utf-8")
    pace = load_answers(path).answer["joy"].pace
    assert (pace.attack_s, pace.release_s) == (2.5, load_answers().pace["joy"].release_s)


def test_nothing_jumps_when_the_spectator_leaves_or_turns_from_joy_to_anger() -> None:
    answerer = Answerer(PRESETS)
    last = Expression()
    for what in (reading("joy"), reading("anger"), None, reading("joy")):
        for _ in range(20):
            expression = answerer.step(what, 1 / 30)
            assert np.abs(expression.weights - last.weights).max() < 0.2
            last = expression


def test_a_faint_emotion_is_not_answered_and_a_clearer_one_more() -> None:
    def strength(probability: float) -> float:
        return settled(Answerer(PRESETS), reading("joy", probability))["mouthSmileLeft"]

    assert strength(0.25) == 0
    assert 0 < strength(0.45) < strength(0.6) < strength(0.75)


def test_what_is_heard_is_what_is_answered() -> None:
    answerer = Answerer(PRESETS)
    starts = load_answers().threshold.starts
    for what, heard in (
        (reading("joy"), "joy"),
        (reading("joy", starts - 0.02), "neutral"),
        (reading("joy", starts + 0.02), "joy"),
        (reading(None), "neutral"),
        (reading("anger"), "anger"),
        (None, "neutral"),
    ):
        answerer.step(what, 1 / 30)
        assert answerer.heard == heard
    mirror = Answerer(PRESETS, mode="mirror")
    mirror.step(reading("joy"), 1 / 30)
    assert mirror.heard == "neutral"


def test_two_emotions_that_are_nearly_equal_do_not_make_it_flicker() -> None:
    answerer = Answerer(PRESETS)
    heard = []
    for turn in range(40):
        lead = 0.02 if turn % 2 else -0.02
        emotion = Emotion.from_mapping({"joy": 0.45 + lead, "surprise": 0.45 - lead, "neutral": 0.1})
        answerer.step(Reading(reading("joy").face, Expression(), emotion), 1 / 30)
        heard.append(answerer.heard)
    assert len(set(heard)) == 1


def test_forgetting_begins_at_rest() -> None:
    answerer = Answerer(PRESETS)
    settled(answerer, reading("joy"))
    answerer.forget()
    assert answerer.step(None, 0.0).is_neutral


def test_a_clock_that_stands_still_or_jumps_does_no_harm() -> None:
    answerer = Answerer(PRESETS)
    assert answerer.step(reading("joy"), 0.0).is_neutral
    assert answerer.step(reading("joy"), -5.0).is_neutral
    assert answerer.step(reading("joy"), 1e9)["mouthSmileLeft"] <= 1


def test_unknown_modes_and_missing_presets_are_refused() -> None:
    with pytest.raises(ConfigError, match="mirror, answer, contrary"):
        Answerer(PRESETS, mode="oppose")
    with pytest.raises(ConfigError, match="disgust"):
        Answerer({label: PRESETS[label] for label in EMOTIONS if label != "disgust"})


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[answer.joy]", "[answer.glee]", "answer.glee"),
        ('plays = "joy"', 'plays = "glee"', "'glee'"),
        ("strength = 1.0", "strength = 1.5", "from 0 to 1"),
        ("attack_s = 0.05", "attack_s = -1", "mirror.attack_s"),
        ("margin = 0.08", "margin = 0.08\ncolour = 3", "threshold.colour"),
        ("starts = 0.30", "starts = 0.90", "below threshold.full"),
        ("margin = 0.08", "margin = true", "threshold.margin"),
        ("[threshold]", "[threshold", "cannot be read"),
    ],
)
def test_a_wrong_table_is_refused_with_the_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (resources.files("visavis.portrait") / "answers.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")) as caught:
        load_answers(path)
    assert "mine.toml" in str(caught.value)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_answers(tmp_path / "none.toml")
