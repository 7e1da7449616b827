"""Steadiness over time. Nothing here looks at a clock: each step is told how many seconds have passed."""

from __future__ import annotations

import math

import numpy as np

from visavis.types import EMOTIONS, Emotion, Float32

__all__ = ["OneEuro", "SteadyEmotion"]


class OneEuro:
    """The 1 Euro filter: calm when the value rests, quick when it moves.

    A low-pass filter whose cutoff rises with the value's own speed: f_c = min_cutoff + beta |dx/dt| (equation 5).
    Source: G. Casiez, N. Roussel, D. Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
    Interactive Systems", CHI 2012.

    >>> filter = OneEuro()
    >>> filter.step(np.zeros(2, np.float32), 0.0)
    array([0., 0.], dtype=float32)

    Args:
        min_cutoff_hz: cutoff at rest; lower is calmer, and later: a constant of 1 / (2 pi f) seconds.
        beta: rise of the cutoff, in hertz, for a speed of one unit a second.
        derivative_cutoff_hz: cutoff of the low-pass filter on the speed.
    """

    def __init__(self, *, min_cutoff_hz: float = 2.0, beta: float = 1.5, derivative_cutoff_hz: float = 1.0) -> None:
        if min_cutoff_hz <= 0 or derivative_cutoff_hz <= 0 or beta < 0:
            raise ValueError("the cutoffs must be above 0, and beta not below it")
        self.min_cutoff_hz = min_cutoff_hz
        self.beta = beta
        self.derivative_cutoff_hz = derivative_cutoff_hz
        self._value: Float32 | None = None
        self._speed: Float32 | None = None

    def step(self, value: Float32, dt_s: float) -> Float32:
        """The filtered value, `dt_s` seconds after the step before; the first step gives `value` itself.

        Args:
            value: float32 array; each element has its own speed, and so its own cutoff.
            dt_s: seconds since the last step; without any (0 or less) the last value stands.
        """
        if self._value is None or self._speed is None:
            self._value, self._speed = value.copy(), np.zeros_like(value)
        elif dt_s > 0:
            speed = (value - self._value) / dt_s
            self._speed = self._speed + _alpha(self.derivative_cutoff_hz, dt_s) * (speed - self._speed)
            cutoff = (self.min_cutoff_hz + self.beta * np.abs(self._speed)).astype(np.float32)
            self._value = (self._value + _alpha(cutoff, dt_s) * (value - self._value)).astype(np.float32)
        return self._value.copy()

    def reset(self) -> None:
        """Forget everything: the next step is a first one."""
        self._value = self._speed = None


def _alpha(cutoff_hz: float | Float32, dt_s: float) -> Float32:
    """The weight of the new value in a low-pass filter of that cutoff (equations 2 and 3)."""
    turns = 2 * math.pi * dt_s * np.asarray(cutoff_hz, np.float32)
    return np.asarray(turns / (turns + 1), np.float32)


class SteadyEmotion:
    """An emotion that does not flicker: what is held persists until the evidence for another has weight and time.

    The probabilities are averaged over `time_constant_s`. Emotions persist, so the one that is held has its odds
    multiplied by `hold_odds`; and once taken up it is held for at least `min_dwell_s`, by as much more as that needs.
    The result is a distribution again, whose `dominant` is the held emotion.

    >>> steady = SteadyEmotion()
    >>> joy, anger = Emotion.from_mapping({"joy": 1}), Emotion.from_mapping({"anger": 1})
    >>> _ = steady.step(joy, 0.0)
    >>> steady.step(anger, 0.04).dominant
    'joy'
    >>> [steady.step(anger, 0.1).dominant for _ in range(9)][-1]
    'anger'

    Args:
        time_constant_s: seconds in which the average covers 63 % of a change.
        hold_odds: at least 1; a challenger must be so many times likelier than the held emotion.
        min_dwell_s: shortest time that an emotion is held.
    """

    def __init__(self, *, time_constant_s: float = 0.3, hold_odds: float = 1.5, min_dwell_s: float = 0.7) -> None:
        if time_constant_s < 0 or hold_odds < 1 or min_dwell_s < 0:
            raise ValueError("times must not be below 0, nor hold_odds below 1")
        self.time_constant_s = time_constant_s
        self.hold_odds = hold_odds
        self.min_dwell_s = min_dwell_s
        self._average: Float32 | None = None
        self._held = 0
        self._held_s = 0.0

    @property
    def held(self) -> str | None:
        """The emotion that is held, or None before the first step."""
        return None if self._average is None else EMOTIONS[self._held]

    def step(self, emotion: Emotion, dt_s: float) -> Emotion:
        """The steadied emotion, `dt_s` seconds after the step before; the first step gives `emotion` itself."""
        if self._average is None:
            self._average = emotion.probabilities.copy()
            self._held, self._held_s = int(np.argmax(self._average)), 0.0
            return emotion
        dt_s = max(dt_s, 0.0)
        keep = math.exp(-dt_s / self.time_constant_s) if self.time_constant_s > 0 else 0.0
        self._average = self._average * np.float32(keep) + emotion.probabilities * np.float32(1 - keep)
        self._held_s += dt_s
        odds = self._average.copy()
        odds[self._held] *= self.hold_odds
        if self._held_s >= self.min_dwell_s:
            challenger = int(np.argmax(odds))
            if challenger != self._held:
                self._held, self._held_s = challenger, 0.0
                odds = self._average.copy()
                odds[self._held] *= self.hold_odds
        odds[self._held] = max(odds[self._held], float(odds.max()) * 1.001)
        return Emotion((odds / odds.sum()).astype(np.float32))

    def reset(self) -> None:
        """Forget everything: the next step is a first one."""
        self._average = None
