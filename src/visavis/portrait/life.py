"""What a portrait does while it does nothing: it blinks, breathes, looks about, and is never quite still.

    life = Life(seed=7)
    expression = animate(Expression(), life.at(12.4))

A life is a pure function of its seed and of the seconds since it began: the same in every process, at any time, in any
order. It is told in chapters of a minute, each from a random generator of its own, so that no moment costs more than
another, even after months on a wall. Where chapters meet, the eyes look straight and the breath is out: nothing jumps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.easing import minimum_jerk
from visavis.types import BLENDSHAPE_INDEX, Expression, Float32

__all__ = ["CHAPTER_S", "Chapter", "Life", "Looks", "Signs", "animate", "blink"]

Array = NDArray[np.float64]

#: Seconds of one chapter.
CHAPTER_S: Final = 60.0

#: Between two blinks: log-normal, its median in seconds and the deviation of its logarithm. Intervals have a mean of
#: 5.2 and a deviation of 3.1 s, and are highly skewed ("Spontaneous interblink time distributions in patients with
#: Graves' orbitopathy and normal subjects", Investigative Ophthalmology & Visual Science 52, 2011).
_BLINK_EVERY_S: Final = (4.1, 0.55)
#: Lids come down faster than they rise again, in about 0.1 and 0.2 to 0.3 s (F. VanderWerf et al., "Eyelid movements:
#: behavioral studies of blinking in humans under different stimulus conditions", J. Neurophysiology 89, 2003).
_BLINK_CLOSE_S: Final = (0.10, 0.15)
_BLINK_SHUT_S: Final = (0.03, 0.06)
_BLINK_OPEN_S: Final = (0.18, 0.28)
#: How often a blink is followed by another at once, and how often it stops halfway: half of all do in the laboratory,
#: by a quarter and more (G. Ousler et al., "Blink patterns and lid-contact times in dry-eye and normal subjects",
#: Clinical Ophthalmology 8, 2014); here fewer, since lids of paint that stop halfway look drowsy.
_DOUBLE: Final = 0.08
_PARTIAL: Final = 0.25

#: A saccade lasts 21 ms and 2.2 ms for each degree (R. Carpenter, "Movements of the Eyes", 1988).
_SACCADE_S: Final = (0.021, 0.0022)
#: Degrees by which a gaze of 1 turns an eye: the iris shifts by 0.17 and 0.10 eye widths on an eyeball of 0.4 radius.
_DEGREES: Final = np.array([25.0, 14.5])
#: While somebody is looked at, the eyes go from place to place on the face: how long they rest (median and deviation of
#: the logarithm), and how far from the middle they stray, in degrees.
_ATTENDING_S: Final = (0.9, 0.5)
_ATTENDING_DEGREES: Final = (1.2, 0.8)
#: While nobody is there they look about: the sizes of saccades fall off exponentially with a mean of 6.9 degrees
#: (S. Lee, J. Badler, N. Badler, "Eyes Alive", SIGGRAPH 2002).
_ROAMING_S: Final = (1.5, 0.55)
_ROAMING_DEGREES: Final = 6.9
_FARTHEST_DEGREES: Final = 16.0
#: How often the next look goes back to the middle.
_HOME: Final = 0.35
#: Of a look aside, the head takes this share (yaw, pitch, roll of the yaw), over this time, a little after the eyes.
_HEAD_SHARE: Final = (0.2, 0.12, 0.02)
_HEAD_S: Final = 0.75
_HEAD_LATE_S: Final = 0.05
#: Eyes and head are back where they were this long before a chapter ends.
_SETTLED_S: Final = 1.2

#: Breaths in a minute at rest; each is drawn in, let out and paused over these shares of its time (G. Benchetrit,
#: "Breathing pattern in humans: diversity and individuality", Respiration Physiology 122, 2000, on their variability).
_BREATHS: Final = (13, 15)
_BREATH_PHASES: Final = (0.4, 0.47)
#: A head that is held upright wanders by some tenths of a degree: most in yaw, pitch and roll.
_DRIFT_DEGREES: Final = (0.35, 0.25, 0.3)
_DRIFT_S: Final = ((7.3, 11.9, 19.1), (8.9, 13.7, 23.3), (9.7, 15.1, 26.9))

#: What crosses a face that is alone, faintly: an emotion and its greatest strength.
_MOODS: Final = (("joy", 0.28), ("sadness", 0.22), ("surprise", 0.14), ("joy", 0.2))
_MOOD_ONSET_S: Final = 0.9
_MOOD_OFFSET_S: Final = 1.8

_WIDE: Final = [BLENDSHAPE_INDEX["eyeWideLeft"], BLENDSHAPE_INDEX["eyeWideRight"]]
_BLINKS: Final = [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of life at one moment.

    Attributes:
        lids: how far a blink has closed them, in [0, 1].
        attending: what is added to the gaze while somebody is looked at.
        roaming: the gaze while nobody is there.
        drift: degrees of yaw, pitch and roll by which the head wanders.
        turn: degrees by which it goes along with the roaming eyes.
        breath: how far the chest is filled, in [0, 1].
        mood: the emotion that crosses a lonely face.
        mood_strength: how much of it is seen, in [0, 1].
    """

    lids: float
    attending: tuple[float, float]
    roaming: tuple[float, float]
    drift: tuple[float, float, float]
    turn: tuple[float, float, float]
    breath: float
    mood: str
    mood_strength: float


@dataclass(frozen=True, slots=True)
class Life:
    """A life, told by its seed.

    >>> Life(seed=3).at(100.0) == Life(seed=3).at(100.0)
    True

    Raises:
        ValueError: a seed below 0.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"the seed of a life must be 0 or more, not {self.seed}")

    def at(self, elapsed_s: float) -> Signs:
        """The signs at `elapsed_s` seconds after the life began; at 0 (and before) all are at rest."""
        elapsed_s = max(elapsed_s, 0.0)
        chapter, now = self.chapter(int(elapsed_s // CHAPTER_S)), elapsed_s % CHAPTER_S
        mood, strength = chapter.mood(now)
        return Signs(
            lids=chapter.lids(now),
            attending=chapter.attending.gaze(now),
            roaming=chapter.roaming.gaze(now),
            drift=self._drift(elapsed_s),
            turn=chapter.roaming.head(now),
            breath=chapter.breath(now),
            mood=mood,
            mood_strength=strength,
        )

    def chapter(self, index: int) -> Chapter:
        """What happens in one minute, counted from 0."""
        return _told(self.seed, index)

    def _drift(self, elapsed_s: float) -> tuple[float, float, float]:
        waves = np.sin(2 * np.pi * elapsed_s / np.array(_DRIFT_S) + _phases(self.seed)).mean(axis=1)
        # A life begins with the painting itself.
        yaw, pitch, roll = waves * _DRIFT_DEGREES * minimum_jerk(elapsed_s / 2)
        return float(yaw), float(pitch), float(roll)


def animate(
    expression: Expression,
    signs: Signs,
    *,
    solitude: float = 0.0,
    mirrored: float = 0.0,
    moods: Mapping[str, Expression] | None = None,
) -> Expression:
    """An expression with signs of life.

    Args:
        expression: what the portrait plays besides.
        signs: of one moment.
        solitude: 0 while somebody is there, 1 while nobody is; between, the one goes over into the other.
        mirrored: 1 where the expression is a spectator's own, who blinks and looks by themselves; 0 where it is not.
        moods: the Expression of each emotion, for what crosses a lonely face; None for nothing.
    """
    own = 1 - mirrored * (1 - solitude)
    weights: Float32 = expression.weights
    if moods is not None and signs.mood_strength > 0:
        weights = weights + moods[signs.mood].weights * np.float32(signs.mood_strength * solitude)
    # Who is astonished does not blink: eyes that are opened wide stay open, and shut ones open.
    lids = signs.lids * own * float(np.clip(1 - 2 * weights[_WIDE].max(), 0, 1))
    if lids > 0:
        weights = weights.copy()
        weights[_BLINKS] = np.maximum(weights[_BLINKS], lids)
    gaze = (1 - solitude) * expression.gaze + solitude * np.array(signs.roaming) + own * np.array(signs.attending)
    sway = expression.sway + np.array(signs.drift) + solitude * np.array(signs.turn)
    return Expression(
        np.clip(weights, 0, 1).astype(np.float32),
        np.clip(gaze, -1, 1).astype(np.float32),
        sway.astype(np.float32),
        max(expression.breath, signs.breath),
    )


def blink(
    since_s: Any,
    *,
    closing_s: Any = _BLINK_CLOSE_S[0],
    shut_s: Any = _BLINK_SHUT_S[0],
    opening_s: Any = _BLINK_OPEN_S[0],
) -> Any:
    """How far a blink has closed the lids, in [0, 1]; the briskest of a life's blinks unless told otherwise.

    Args:
        since_s: seconds since it began; 0 before and after.
        closing_s: how long lids take to close.
        shut_s: how long they stay shut.
        opening_s: how long they take to open.
    """
    return minimum_jerk(since_s / closing_s) - minimum_jerk((since_s - closing_s - shut_s) / opening_s)


def _moments(random: np.random.Generator, every: tuple[float, float], *, count: int) -> Array:
    """When things begin that happen at log-normal intervals, (N,) seconds within a chapter.

    The first is reached from within an interval that began in the chapter before, and longer intervals are likelier to
    be met: their logarithm has a mean larger by its variance.
    """
    median, deviation = every
    first = random.uniform() * random.lognormal(np.log(median) + deviation**2, deviation)
    return np.asarray(first + np.concatenate([[0.0], np.cumsum(random.lognormal(np.log(median), deviation, count))]))


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Where the eyes go in a chapter.

    Attributes:
        starts: (N,) seconds at which a saccade begins.
        places: (N, 2) degrees from the middle where it ends, to the sitter's left and up.
    """

    starts: Array
    places: Array

    @classmethod
    def attending(cls, random: np.random.Generator) -> Looks:
        """Small shifts on somebody's face."""
        starts = _moments(random, _ATTENDING_S, count=240)
        places = np.clip(random.normal(0, _ATTENDING_DEGREES, (len(starts), 2)), -2.5, 2.5)
        return cls._returning(random, starts, places)

    @classmethod
    def roaming(cls, random: np.random.Generator) -> Looks:
        """About the room, more to the sides than up and down, and back again and again."""
        starts = _moments(random, _ROAMING_S, count=160)
        size = np.minimum(random.exponential(_ROAMING_DEGREES, len(starts)), _FARTHEST_DEGREES)
        angle = random.uniform(0, 2 * np.pi, len(starts))
        return cls._returning(random, starts, size[:, None] * np.stack([np.cos(angle), 0.45 * np.sin(angle)], axis=1))

    @classmethod
    def _returning(cls, random: np.random.Generator, starts: Array, places: Array) -> Looks:
        places[random.uniform(size=len(starts)) < _HOME] = 0
        within = starts < CHAPTER_S - 2 * _SETTLED_S
        starts, places = starts[within], places[within]
        return cls(np.append(starts, CHAPTER_S - _SETTLED_S), np.append(places, [[0.0, 0.0]], axis=0))

    @property
    def _steps(self) -> Array:
        return np.diff(self.places, axis=0, prepend=[[0.0, 0.0]])

    def gaze(self, now: float) -> tuple[float, float]:
        """Where the eyes look."""
        steps = self._steps
        lasting = _SACCADE_S[0] + _SACCADE_S[1] * np.linalg.norm(steps, axis=1)
        x, y = minimum_jerk((now - self.starts) / lasting) @ steps / _DEGREES
        return float(x), float(y)

    def head(self, now: float) -> tuple[float, float, float]:
        """How far the head goes along, in degrees of yaw, pitch and roll."""
        x, y = minimum_jerk((now - self.starts - _HEAD_LATE_S) / _HEAD_S) @ self._steps
        return float(x * _HEAD_SHARE[0]), float(y * _HEAD_SHARE[1]), float(x * _HEAD_SHARE[2])


@dataclass(frozen=True, slots=True, eq=False)
class Chapter:
    """What happens in one minute of a life; times are in seconds from its beginning.

    Attributes:
        blinks: (N, 5): when a blink begins, how long lids take to close, stay shut and open, and how far they close.
        attending: where the eyes go while somebody is looked at.
        roaming: where they go while nobody is there.
        breaths: (N, 3): when a breath begins and ends, and how deep it is.
        moods: (2, 2): when a mood begins, and how long it is held.
        mood_names: which those are, with their greatest strengths.
    """

    blinks: Array
    attending: Looks
    roaming: Looks
    breaths: Array
    moods: Array
    mood_names: tuple[tuple[str, float], ...]

    def lids(self, now: float) -> float:
        """How far a blink has closed them."""
        start, closing, shut, opening, depth = self.blinks.T
        closed = blink(now - start, closing_s=closing, shut_s=shut, opening_s=opening)
        return float((closed * depth).max(initial=0.0))

    def breath(self, now: float) -> float:
        """How far the chest is filled."""
        start, end, depth = self.breaths[max(int(np.searchsorted(self.breaths[:, 0], now, side="right")) - 1, 0)]
        share = (now - start) / (end - start)
        inwards, outwards = _BREATH_PHASES
        filled = minimum_jerk(share / inwards) - minimum_jerk((share - inwards) / outwards)
        return float(np.clip(depth * filled, 0, 1))

    def mood(self, now: float) -> tuple[str, float]:
        """What crosses a lonely face, and how much of it is seen."""
        half = int(now >= CHAPTER_S / 2)
        (start, held), (label, most) = self.moods[half], self.mood_names[half]
        seen = minimum_jerk((now - start) / _MOOD_ONSET_S) - minimum_jerk((now - start - held) / _MOOD_OFFSET_S)
        return label, float(np.clip(most * seen, 0, 1))


# Only remembers what the seed tells again at any time: a film asks for the same chapter thirty times a second.
@lru_cache(maxsize=4)
def _told(seed: int, index: int) -> Chapter:
    random = np.random.default_rng((seed, index))
    chosen = random.permutation(len(_MOODS))[:2]
    return Chapter(
        blinks=_blinks(random),
        attending=Looks.attending(random),
        roaming=Looks.roaming(random),
        breaths=_breaths(random),
        moods=np.stack(
            [np.array([0.0, CHAPTER_S / 2]) + random.uniform(4, 14, 2), random.uniform(2.5, 5.0, 2)], axis=1
        ),
        mood_names=tuple(_MOODS[index] for index in chosen),
    )


@lru_cache(maxsize=4)
def _phases(seed: int) -> Array:
    return np.random.default_rng((seed, 0, 0)).uniform(0, 2 * np.pi, (3, 3))


def _blinks(random: np.random.Generator) -> Array:
    starts = _moments(random, _BLINK_EVERY_S, count=64)
    twice = random.uniform(size=len(starts)) < _DOUBLE
    starts = np.concatenate([starts, starts[twice] + random.uniform(0.42, 0.6, twice.sum())])
    count = len(starts)
    depth = np.where(random.uniform(size=count) < _PARTIAL, random.uniform(0.65, 0.95, count), 1.0)
    phases = [random.uniform(*span, count) for span in (_BLINK_CLOSE_S, _BLINK_SHUT_S, _BLINK_OPEN_S)]
    blinks = np.stack([starts, *phases, depth], axis=1)[np.argsort(starts)]
    return np.asarray(blinks[blinks[:, 0] < CHAPTER_S - 0.6])


def _breaths(random: np.random.Generator) -> Array:
    """Whole breaths fill a chapter, each of its own length and depth."""
    count = int(random.integers(_BREATHS[0], _BREATHS[1], endpoint=True))
    lengths = random.lognormal(0, 0.13, count)
    ends = np.cumsum(lengths) * (CHAPTER_S / lengths.sum())
    return np.stack([np.append(0.0, ends[:-1]), ends, random.uniform(0.7, 1.0, count)], axis=1)
