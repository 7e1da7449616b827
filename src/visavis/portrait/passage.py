"""Timed passages between expressions: what the portrait does at each moment of a film.

    passage = emotion_passage(emotion_preset("joy"), duration_s=4.0)
    frames = [renderer.render(passage.at(time_s)) for time_s in passage.frame_times(25)]

A face does not go from one expression to the next along a straight line. It starts and stops gently, rises faster than
it falls, moves the eyes and brows a little before the mouth, and blinks on the way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from visavis.portrait.answer import Pace
from visavis.portrait.easing import minimum_jerk, smooth_step
from visavis.portrait.life import blink
from visavis.types import BLENDSHAPE_INDEX, BLENDSHAPES, Expression, Float32

__all__ = [
    "ABSENCE_S",
    "Key",
    "Passage",
    "Timeline",
    "blended",
    "emotion_passage",
    "frame_times",
    "relative_to_rest",
    "tour",
]

#: Seconds after which somebody who is not seen any more counts as gone.
ABSENCE_S: Final = 1.0

#: Seconds that an expression takes to rise and to fade where nothing else is said, as a felt smile does: onsets last
#: 0.4 to 0.7 s, offsets are slower (K. Schmidt, J. Cohn, Y. Tian, "Signal characteristics of spontaneous facial
#: expressions", Biological Psychology 65, 2003). Each emotion's own times are in `answers.toml`.
_PACE: Final = Pace(0.55, 1.2)
#: By how much eyes and brows go before the rest, in seconds.
_LEAD_S: Final = 0.06
#: The shortest time that anything takes, a frame of a film.
_MOMENT_S: Final = 0.04
_BLINKS: Final = [BLENDSHAPE_INDEX["eyeBlinkLeft"], BLENDSHAPE_INDEX["eyeBlinkRight"]]
_UPPER_FACE: Final = np.array([name.startswith(("brow", "eye")) for name in BLENDSHAPES])


@dataclass(frozen=True, slots=True, eq=False)
class Key:
    """An expression that is reached at `time_s` seconds."""

    time_s: float
    expression: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """Expressions reached one after the other.

    Between two keys every weight moves along a minimum-jerk curve, at rest at both.

    Attributes:
        keys: at least one, their times rising.
        duration_s: how long the passage lasts, at least to the last key.
        blinks_s: when a blink begins.

    Raises:
        ValueError: no key, or times that do not rise.
    """

    keys: tuple[Key, ...]
    duration_s: float
    blinks_s: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        times = [key.time_s for key in self.keys]
        if not times or any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError(f"a passage needs keys whose times rise, not {times}")
        if self.duration_s < times[-1]:
            raise ValueError(f"a passage of {self.duration_s} s must last to its last key, at {times[-1]} s")

    def at(self, time_s: float) -> Expression:
        """The expression at a time; before the first key and after the last, theirs."""
        below = self._between(time_s)
        above = self._between(time_s + _LEAD_S)
        weights = np.where(_UPPER_FACE, above.weights, below.weights).astype(np.float32)
        lids = max((float(blink(time_s - start)) for start in self.blinks_s), default=0.0)
        if lids > 0:
            # Lids that are lowered already have less far to go: a blink is not added to them.
            weights[_BLINKS] = np.maximum(weights[_BLINKS], lids)
        return Expression(weights, above.gaze, below.sway, below.breath)

    def frame_times(self, frames_per_second: float) -> NDArray[np.float64]:
        """When to draw, in seconds: the first frame at 0, none at or after the end."""
        return frame_times(self.duration_s, frames_per_second)

    def _between(self, time_s: float) -> Expression:
        times = [key.time_s for key in self.keys]
        place = int(np.searchsorted(times, time_s, side="right"))
        if place == 0 or place == len(times):
            return self.keys[min(place, len(times) - 1)].expression
        start, end = self.keys[place - 1], self.keys[place]
        t = (time_s - start.time_s) / (end.time_s - start.time_s)
        return start.expression.mix(end.expression, float(minimum_jerk(t)))


def frame_times(duration_s: float, frames_per_second: float) -> NDArray[np.float64]:
    """When to draw a film, in seconds: the first frame at 0, none at or after the end, and one at least."""
    count = max(round(duration_s * frames_per_second), 1)
    return np.asarray(np.arange(count) / frames_per_second, np.float64)


def emotion_passage(expression: Expression, *, duration_s: float = 4.0, pace: Pace = _PACE) -> Passage:
    """From rest to an expression, a while there, and back to rest, with human timing.

    Onset and offset take the times of `pace`; what is left of `duration_s` is rest at both ends and the apex between. A
    shorter film than these need is played faster as a whole.

    Raises:
        ValueError: a duration that is not above 0.
    """
    if not duration_s > 0:
        raise ValueError(f"a passage must last longer than 0 seconds, not {duration_s}")
    pace = _steady(pace)
    # The shortest that still holds its apex for as long as it rises.
    haste = min(1.0, duration_s / (2 * pace.attack_s + pace.release_s + 0.4))
    onset, offset = pace.attack_s * haste, pace.release_s * haste
    free = duration_s - onset - offset
    before, after = 0.12 * free, 0.2 * free
    # The apex is not frozen: it sinks a little before it fades.
    apex_end = duration_s - after - offset
    keys = (
        Key(before, Expression()),
        Key(before + onset, expression),
        Key(apex_end, expression.scaled(0.93)),
        Key(apex_end + offset, Expression()),
    )
    blinks = (apex_end + 0.1 * offset,) if duration_s >= 2.5 else ()
    return Passage(keys, duration_s, blinks)


def _steady(pace: Pace) -> Pace:
    """The same, where what comes or goes at once still takes a moment: keys must follow each other."""
    return Pace(max(pace.attack_s, _MOMENT_S), max(pace.release_s, _MOMENT_S))


def tour(expressions: Sequence[Expression], *, paces: Sequence[Pace] | None = None, hold_s: float = 1.2) -> Passage:
    """From rest through one expression after the other, and back to rest; `paces` are theirs, one for each.

    Between two the face comes most of the way back before it takes up the next, with a blink on the turn: a mixture of
    joy and anger halfway would be neither.

    Raises:
        ValueError: no expression, a negative hold, or not one pace for each expression.
    """
    if not expressions or hold_s < 0:
        raise ValueError("a tour needs an expression and a hold of at least 0 seconds")
    paces = [_PACE] * len(expressions) if paces is None else paces
    time_s = 0.5
    keys = [Key(time_s, Expression())]
    blinks = []
    for index, (expression, pace) in enumerate(zip(expressions, paces, strict=True)):
        pace = _steady(pace)
        time_s += pace.attack_s
        keys.append(Key(time_s, expression))
        time_s += max(hold_s, _MOMENT_S)
        keys.append(Key(time_s, expression.scaled(0.94)))
        last = index == len(expressions) - 1
        blinks.append(time_s + 0.3 * pace.release_s)
        time_s += pace.release_s
        keys.append(Key(time_s, Expression() if last else expression.scaled(0.1)))
    return Passage(tuple(keys), time_s + 0.6, tuple(blinks))


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Expressions measured one after the other, as from a driver's video.

    Attributes:
        times_s: in seconds from the beginning of the film, never falling.
        expressions: as many; None where no face was seen.

    Raises:
        ValueError: no entry, lengths that differ, or times that fall.
    """

    times_s: tuple[float, ...]
    expressions: tuple[Expression | None, ...]

    def __post_init__(self) -> None:
        if not self.times_s or len(self.times_s) != len(self.expressions):
            raise ValueError(
                f"{len(self.times_s)} times for {len(self.expressions)} expressions; expected one for each"
            )
        if any(later < earlier for earlier, later in pairwise(self.times_s)):
            raise ValueError("the times of a timeline must not fall")

    @property
    def duration_s(self) -> float:
        """To the end of the last entry, which lasts as long as the mean one."""
        count = len(self.times_s)
        return self.times_s[-1] * count / (count - 1) if count > 1 else 1 / 25

    @property
    def seen(self) -> int:
        """How many entries have a face."""
        return sum(expression is not None for expression in self.expressions)

    def filled(self, *, absence_s: float = ABSENCE_S) -> Timeline:
        """The same without gaps: where no face was seen, the last expression fades to rest over `absence_s`."""
        filled: list[Expression] = []
        last, since = Expression(), 0.0
        for time_s, expression in zip(self.times_s, self.expressions, strict=True):
            if expression is not None:
                last, since = expression, time_s
            left = max(1 - (time_s - since) / absence_s, 0.0) if absence_s > 0 else float(time_s <= since)
            filled.append(last.scaled(float(smooth_step(left))))
        return Timeline(self.times_s, tuple(filled))

    def at(self, time_s: float) -> Expression:
        """The expression at a time, between its neighbours; no face counts as rest."""
        place = int(np.searchsorted(self.times_s, time_s, side="right"))
        before = self.expressions[max(place - 1, 0)] or Expression()
        if place in (0, len(self.times_s)):
            return before
        after = self.expressions[place] or Expression()
        start, end = self.times_s[place - 1], self.times_s[place]
        return before.mix(after, (time_s - start) / max(end - start, 1e-9))


def relative_to_rest(timeline: Timeline, *, quantile: float = 0.15, most: float = 0.35) -> Timeline:
    """A driver's expressions as differences from the driver's own resting face.

    Nobody's coefficients are all zero at rest: some brows always look raised, and the camera often stands low. Each
    weight's rest is its `quantile` over the film, but never above `most`, so that a smile held throughout is not taken
    for rest; what is left is stretched to [0, 1] again. Gaze and sway are taken from their medians.
    """
    seen = [expression for expression in timeline.expressions if expression is not None]
    if not seen:
        return timeline
    weights = np.stack([expression.weights for expression in seen])
    rest: Float32 = np.minimum(np.quantile(weights, quantile, axis=0), most).astype(np.float32)
    gaze = np.median(np.stack([expression.gaze for expression in seen]), axis=0).astype(np.float32)
    sway = np.median(np.stack([expression.sway for expression in seen]), axis=0).astype(np.float32)

    def relative(expression: Expression | None) -> Expression | None:
        if expression is None:
            return None
        return Expression(
            np.clip((expression.weights - rest) / (1 - rest), 0, 1).astype(np.float32),
            np.clip(expression.gaze - gaze, -1, 1),
            expression.sway - sway,
            expression.breath,
        )

    return Timeline(timeline.times_s, tuple(relative(expression) for expression in timeline.expressions))


def blended(weights: Mapping[str, float]) -> Expression:
    """An expression from weights by name, as given on the command line: `mouthSmile` stands for both of its sides.

    >>> blended({"mouthSmile": 0.5})["mouthSmileLeft"]
    0.5

    Raises:
        ValueError: an unknown name, or a weight out of [0, 1].
    """
    single: dict[str, float] = {}
    for name, weight in weights.items():
        if not 0 <= weight <= 1:
            raise ValueError(f"the weight of {name} must lie between 0 and 1, not {weight:g}")
        sides = [side for side in (f"{name}Left", f"{name}Right") if side in BLENDSHAPE_INDEX]
        both = len(sides) == 2 and name not in BLENDSHAPE_INDEX and name not in ("jaw", "mouth")
        single.update(dict.fromkeys(sides, weight) if both else {name: weight})
    return Expression.from_mapping(single)
