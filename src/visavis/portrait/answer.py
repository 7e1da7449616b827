"""What the portrait answers: a Reading and the time that went by become an Expression.

Three modes: `mirror` lets the spectator's expression through; `answer` plays the emotion that a table gives for the
spectator's own; `contrary` plays its opposite. The table (`answers.toml`) also says how fast an answer comes and goes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.errors import ConfigError
from visavis.types import BLENDSHAPES, EMOTIONS, Emotion, Expression, Reading

__all__ = ["MIRRORED_SWAY", "MODES", "Answer", "AnswerTable", "Answerer", "Pace", "Threshold", "load_answers"]

#: The ways to answer a spectator.
MODES: Final = ("mirror", "answer", "contrary")
#: How much of a mirrored head's turn a portrait takes on: people turn further than a painting can, which has no other
#: side to show. Of thirty degrees it follows ten.
MIRRORED_SWAY: Final = 0.35

_WEIGHTS: Final = len(BLENDSHAPES)
_GAZE: Final = slice(_WEIGHTS, _WEIGHTS + 2)
_SWAY: Final = slice(_WEIGHTS + 2, _WEIGHTS + 5)
_TIMES: Final = ["attack_s", "release_s"]
# A critically damped spring has done nine tenths of its way at omega * t = 3.8897, the root of (1 + x) exp(-x) = 0.1.
_NINE_TENTHS: Final = 3.8897
# The eyes go to a spectator faster than the face answers, and the head follows them.
_GAZE_S: Final = 0.35
_TURN_S: Final = 0.8
# What the head does of a turn to the side, it does up and down by this share.
_NOD: Final = 0.6
# After a gap this long (a laptop that slept) the portrait goes on as if a second had gone by.
_LONGEST_STEP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds nine tenths of a change take: `attack_s` away from rest, `release_s` towards it."""

    attack_s: float
    release_s: float


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which probability an emotion is answered (`starts`), from which in full, and the lead that another needs."""

    starts: float
    full: float
    margin: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of the table: the emotion that is played, at which strength in [0, 1], how fast, and why."""

    plays: str
    strength: float
    pace: Pace
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """The whole table: for `answer` and `contrary` a row for each of the seven emotions, and each one's own pace."""

    threshold: Threshold
    mirror: Pace
    rest: Pace
    pace: Mapping[str, Pace]
    answer: Mapping[str, Answer]
    contrary: Mapping[str, Answer]


def load_answers(path: Path | None = None) -> AnswerTable:
    """Read an answer table, the package's own by default.

    >>> load_answers().contrary["joy"].plays
    'sadness'

    Raises:
        ConfigError: the file cannot be read, lacks a row, names something unknown, or holds a value out of range.
    """
    name = str(path) if path else "answers.toml"
    try:
        source = path if path else resources.files("visavis.portrait") / "answers.toml"
        data = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the answer table {name} cannot be read: {error.strerror}; check the path") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the answer table {name} cannot be read: {error}") from error
    _check_keys(name, "", data, ("threshold", "mirror", "rest", "pace", "answer", "contrary"))
    threshold = _numbers(name, "threshold", data["threshold"], [item.name for item in fields(Threshold)], high=1.0)
    if threshold["starts"] >= threshold["full"]:
        raise ConfigError(f"{name}: threshold.starts must be below threshold.full")
    _check_keys(name, "pace", data["pace"], EMOTIONS)
    pace = {label: Pace(**_numbers(name, f"pace.{label}", data["pace"][label], _TIMES)) for label in EMOTIONS}
    return AnswerTable(
        threshold=Threshold(**threshold),
        mirror=Pace(**_numbers(name, "mirror", data["mirror"], _TIMES)),
        rest=Pace(**_numbers(name, "rest", data["rest"], _TIMES)),
        pace=pace,
        answer=_rows(name, "answer", data["answer"], pace),
        contrary=_rows(name, "contrary", data["contrary"], pace),
    )


def _rows(name: str, section: str, data: Any, paces: Mapping[str, Pace]) -> dict[str, Answer]:
    _check_keys(name, section, data, EMOTIONS)
    rows: dict[str, Answer] = {}
    for label in EMOTIONS:
        where = f"{section}.{label}"
        row = data[label]
        _check_keys(name, where, row, ("plays", "strength", "reason"), optional=_TIMES)
        if row["plays"] not in EMOTIONS:
            raise ConfigError(f"{name}: {where}.plays is {row['plays']!r}; expected one of {', '.join(EMOTIONS)}")
        strength = _numbers(name, where, {"strength": row["strength"]}, ["strength"], high=1.0)["strength"]
        own = [key for key in _TIMES if key in row]
        pace = replace(paces[row["plays"]], **_numbers(name, where, {key: row[key] for key in own}, own))
        rows[label] = Answer(row["plays"], strength, pace, str(row["reason"]))
    return rows


def _check_keys(
    name: str, where: str, data: Any, keys: tuple[str, ...], *, optional: tuple[str, ...] | list[str] = ()
) -> None:
    prefix = f"{where}." if where else ""
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: {where} must be a table with {', '.join(keys)}")
    unknown = [f"{prefix}{key}" for key in data if key not in keys and key not in optional]
    missing = [f"{prefix}{key}" for key in keys if key not in data]
    if unknown or missing:
        wrong = [*(f"unknown {key}" for key in unknown), *(f"missing {key}" for key in missing)]
        raise ConfigError(f"{name}: {'; '.join(wrong)}; expected {', '.join(keys)}")


def _numbers(name: str, where: str, data: Any, keys: list[str], *, high: float = 60.0) -> dict[str, float]:
    _check_keys(name, where, data, tuple(keys))
    for key in keys:
        value = data[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
            raise ConfigError(f"{name}: {where}.{key} is {value!r}; expected a number from 0 to {high:g}")
    return {key: float(data[key]) for key in keys}


class Answerer:
    """Answers one spectator after another, in the time that goes by.

    Each weight follows its target on a critically damped spring, stepped exactly (A. Witkin and D. Baraff, or any text
    on the damped oscillator: x = target + (d + (v + w d) t) exp(-w t)), so that the outcome does not depend on how
    often it is asked.

    Args:
        presets: the Expression of each of the seven emotions, at full strength.
        mode: `mirror`, `answer` or `contrary`.
        table: the answer table; the package's own by default.
        sway: how much of a mirrored head's turn the portrait takes on, in [0, 1]; a painting can turn a few degrees.
        turn: how many degrees the head turns to a spectator at the edge of what is seen, when it does not mirror.

    >>> smile = Expression.from_mapping({"mouthSmileLeft": 1.0})
    >>> answerer = Answerer({label: smile if label == "joy" else Expression() for label in EMOTIONS}, mode="answer")
    >>> answerer.step(None, 0.1).is_neutral
    True

    Raises:
        ConfigError: an unknown mode, or an emotion that has no preset.
    """

    def __init__(
        self,
        presets: Mapping[str, Expression],
        *,
        mode: str = "answer",
        table: AnswerTable | None = None,
        sway: float = 0.0,
        turn: float = 0.0,
    ) -> None:
        if mode not in MODES:
            raise ConfigError(f"unknown mode {mode!r}; expected one of {', '.join(MODES)}")
        absent = [label for label in EMOTIONS if label not in presets]
        if absent:
            raise ConfigError(f"no expression is given for {', '.join(absent)}")
        self.mode = mode
        self.table = table or load_answers()
        self._presets = dict(presets)
        self._sway = min(max(sway, 0.0), 1.0)
        self._turn = turn
        self.forget()

    def forget(self) -> None:
        """Begin anew, at rest: nothing is remembered of earlier spectators."""
        self._value: NDArray[np.float64] = np.zeros(_WEIGHTS + 5)
        self._speed: NDArray[np.float64] = np.zeros(_WEIGHTS + 5)
        self._chosen = "neutral"
        self._heard = "neutral"
        self._fading = self.table.pace["neutral"].release_s

    @property
    def heard(self) -> str:
        """The spectator's emotion that is being answered; `neutral` when none is."""
        return self._heard

    def step(self, reading: Reading | None, dt: float, *, look: tuple[float, float] | None = None) -> Expression:
        """Move on by `dt` seconds, in answer to `reading` (None: nobody is there).

        `look` is where the spectator stands, as a gaze in [-1, 1]; None leaves the eyes as painted. It is not used in
        mirror mode, which passes the spectator's own gaze on, nor when nobody is there.

        A reading without an emotion (the attributes-only mode) is mirrored, whatever the mode.
        """
        dt = min(max(dt, 0.0), _LONGEST_STEP_S)
        emotion = self._answerable(reading)
        target, pace = self._target(reading, emotion, look)
        # Gaze and sway have signs: to look left is to rise as well.
        rising = np.abs(target) > np.abs(self._value)
        times = np.where(rising, pace.attack_s, pace.release_s)
        if emotion is not None:
            times[_GAZE], times[_SWAY] = _GAZE_S, _TURN_S
        self._follow(target, times, dt)
        values = self._value.astype(np.float32)
        return Expression(
            np.clip(values[:_WEIGHTS], 0, 1), np.clip(values[_GAZE], -1, 1), np.ascontiguousarray(values[_SWAY])
        )

    def _answerable(self, reading: Reading | None) -> Emotion | None:
        """The emotion that a reading asks to be answered; None when it is mirrored, or nobody is there."""
        return None if reading is None or self.mode == "mirror" else reading.emotion

    def _target(
        self, reading: Reading | None, emotion: Emotion | None, look: tuple[float, float] | None
    ) -> tuple[NDArray[np.float64], Pace]:
        self._heard = "neutral"
        if reading is None:
            self._chosen = "neutral"
            return np.zeros(_WEIGHTS + 5), self.table.rest
        if emotion is None:
            mirrored = _flat(reading.expression)
            mirrored[_SWAY] *= self._sway
            return mirrored, self.table.mirror
        probability = self._listen(emotion)
        rows = self.table.answer if self.mode == "answer" else self.table.contrary
        row = rows[self._chosen]
        pace = row.pace
        if row.strength > 0:
            self._fading = pace.release_s
        else:
            # What was played goes as it goes, whatever came after it.
            pace = replace(pace, release_s=self._fading)
        limits = self.table.threshold
        loudness = min(max((probability - limits.starts) / (limits.full - limits.starts), 0.0), 1.0)
        if loudness > 0:
            self._heard = self._chosen
        target = _flat(self._presets[row.plays]) * (row.strength * loudness)
        if look is not None:
            target[_GAZE] = np.clip(look, -1, 1)
            target[_SWAY] = (self._turn * look[0], _NOD * self._turn * look[1], 0.0)
        return target, pace

    def _listen(self, emotion: Emotion) -> float:
        """Choose the emotion to answer, changing only for a clear lead, and return its probability."""
        probabilities = emotion.probabilities
        best = int(np.argmax(probabilities))
        current = EMOTIONS.index(self._chosen)
        if best != current and probabilities[best] > probabilities[current] + self.table.threshold.margin:
            self._chosen = EMOTIONS[best]
            current = best
        return float(probabilities[current])

    def _follow(self, target: NDArray[np.float64], times: NDArray[np.float64], dt: float) -> None:
        omega = _NINE_TENTHS / np.maximum(times, 1e-3)
        distance = self._value - target
        # A target that came nearer while a weight was on its way would be overshot: it brakes as hard as it must. At
        # omega = |v| / |d| the spring comes in along an exponential, which reaches the target and never crosses it.
        approaching = self._speed * distance < 0
        needed = np.abs(self._speed) / np.maximum(np.abs(distance), 1e-9)
        omega = np.where(approaching, np.maximum(omega, needed), omega)
        self._speed[distance == 0] = 0.0
        decay = np.exp(-omega * dt)
        push = (self._speed + omega * distance) * dt
        self._value = target + (distance + push) * decay
        self._speed = (self._speed - omega * push) * decay
        # A target that turned back lets a weight go on for a moment: it has ends, and stands still at them.
        weights = self._value[:_WEIGHTS]
        beyond = (weights < 0) | (weights > 1)
        self._speed[:_WEIGHTS][beyond] = 0.0
        np.clip(weights, 0.0, 1.0, out=weights)
        # Rest is the painting itself, bit for bit: what is too small to see is gone.
        settled = (np.abs(self._value) < 5e-4) & (target == 0)
        self._value[settled] = 0.0
        self._speed[settled] = 0.0


def _flat(expression: Expression) -> NDArray[np.float64]:
    return np.concatenate((expression.weights, expression.gaze, expression.sway)).astype(np.float64)
