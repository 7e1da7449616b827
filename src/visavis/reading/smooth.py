"""Steadiness over time. Nothing here looks at a clock: each step is told how many seconds have passed."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from visavis.types import EMOTIONS, Emotion, Float32

__all__ = ["OneEuro", "SteadyEmotion"]

#: No frame counts for more than e^3, twenty to one: a network that is certain of a mistake is certain for one frame.
_MOST: Final = 3.0
#: Seconds for which a face must be read as `unsure` before that is told, and the other way round.
_DOUBT_S: Final = 0.5


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
    """An emotion that does not flicker, and yet turns quickly when the face does.

    Three things happen, all by elapsed time:

    - the probabilities are averaged exponentially over `time_constant_s`: this is what is told;
    - what is held persists until the evidence against it adds up. For each other emotion the logarithm of its odds
      against the held one, less that of `hold_odds`, is summed over time and never falls below 0; at
      `switch_evidence` (units times seconds) it takes over. This is Page's test (E. S. Page, "Continuous Inspection
      Schemes", Biometrika 41, 1954), which for a given rate of false alarms finds a change soonest (G. Lorden, Annals
      of Mathematical Statistics 42, 1971): a clear expression is followed within a few frames, a doubtful one after a
      second, and a tie never;
    - an emotion that was taken up is held for at least `min_dwell_s`.

    A face that holds still gives little reason to think anew: what its label trembles between is noise. There the odds
    must be `still_odds`, save for `neutral`, as the 1 Euro filter is calm at rest and quick in motion.

    Life before a camera is mostly neutral, where readers take all emotions to be equally likely: `neutral_odds` is the
    prior by which `neutral` is made likelier. The result is a distribution whose `dominant` is the held emotion.

    >>> steady = SteadyEmotion()
    >>> joy, anger = Emotion.from_mapping({"joy": 1}), Emotion.from_mapping({"anger": 1})
    >>> _ = steady.step(joy, 0.0)
    >>> steady.step(anger, 0.04).dominant
    'joy'
    >>> [steady.step(anger, 0.1).dominant for _ in range(9)][-1]
    'anger'

    Args:
        time_constant_s: seconds in which the average covers 63 % of a change.
        hold_odds: at least 1; a challenger must be more than so many times likelier than the held emotion.
        switch_evidence: the sum at which it takes over: ten times likelier (2.3 units) than that takes 0.1 s at 0.23;
            above 0.12 no single frame of 25 a second is enough, however certain.
        still_odds: what `hold_odds` becomes while the face holds still.
        min_dwell_s: shortest time that an emotion is held.
        neutral_odds: so many times likelier is `neutral` than a reader takes it to be.
    """

    def __init__(
        self,
        *,
        time_constant_s: float = 0.15,
        hold_odds: float = 1.5,
        still_odds: float = 2.0,
        switch_evidence: float = 0.125,
        min_dwell_s: float = 0.2,
        neutral_odds: float = 1.0,
    ) -> None:
        times = (time_constant_s, switch_evidence, min_dwell_s)
        if min(times) < 0 or min(hold_odds, still_odds) < 1 or neutral_odds <= 0:
            raise ValueError("times and evidence must not be below 0, nor hold_odds and still_odds below 1")
        self.time_constant_s = time_constant_s
        self.hold_odds = hold_odds
        self.still_odds = still_odds
        self.switch_evidence = switch_evidence
        self.min_dwell_s = min_dwell_s
        self.neutral_odds = neutral_odds
        self._average: Float32 | None = None
        self._extent = 0.0
        self._held = 0
        self._held_s = 0.0
        self._against: Float32 = np.zeros(len(EMOTIONS), np.float32)
        self._doubt_s = 0.0
        self._unsure = False

    @property
    def held(self) -> str | None:
        """The emotion that is held, or None before the first step."""
        return None if self._average is None else EMOTIONS[self._held]

    def step(self, emotion: Emotion, dt_s: float, *, stillness: float = 0.0) -> Emotion:
        """The steadied emotion, `dt_s` seconds after the step before; the first step holds what `emotion` says.

        Args:
            emotion: as it is read from one frame.
            dt_s: seconds since the step before.
            stillness: of the face, in [0, 1], as `Stillness` tells it.
        """
        now = emotion.probabilities.copy()
        now[0] *= self.neutral_odds
        now /= now.sum()
        if self._average is None:
            self._average, self._extent = now, emotion.extent
            self._held, self._held_s = int(np.argmax(now)), 0.0
            self._unsure, self._doubt_s = emotion.unsure, 0.0
            return self._told()
        dt_s = max(dt_s, 0.0)
        new = 1 - _keep(self.time_constant_s, dt_s)
        self._average = (self._average + np.float32(new) * (now - self._average)).astype(np.float32)
        self._extent += new * (emotion.extent - self._extent)
        self._weigh(now, dt_s, stillness)
        # Seconds for which the face was rather read the other way than is told: sure for unsure, or unsure for sure.
        self._doubt_s = max(self._doubt_s + (dt_s if emotion.unsure != self._unsure else -dt_s), 0.0)
        if self._doubt_s > _DOUBT_S * (1 + 3 * stillness):
            self._unsure, self._doubt_s = not self._unsure, 0.0
        return self._told()

    def reset(self) -> None:
        """Forget everything: the next step is a first one."""
        self._average = None
        self._against[:] = 0

    def _weigh(self, now: Float32, dt_s: float, stillness: float) -> None:
        """Add up what speaks against the held emotion; where it is enough, the strongest challenger takes over."""
        self._held_s += dt_s
        logs = np.log(np.maximum(now, 1e-6))
        needed = (1 - stillness) * math.log(self.hold_odds) + stillness * math.log(self.still_odds)
        gain = np.clip(logs - logs[self._held] - needed, -_MOST, _MOST)
        # Rest is where every expression ends: it asks for no more than a moving face does.
        gain[0] = np.clip(logs[0] - logs[self._held] - math.log(self.hold_odds), -_MOST, _MOST)
        gain[self._held] = 0
        self._against = np.maximum(self._against + gain * np.float32(dt_s), 0).astype(np.float32)
        # Of those whose evidence is capped, the likeliest now.
        challenger = int(np.argmax(self._against + 1e-3 * now * (self._against > 0)))
        enough = self._against[challenger] > 0 and self._against[challenger] >= self.switch_evidence
        if enough and self._held_s >= self.min_dwell_s:
            self._held, self._held_s = challenger, 0.0
            self._against[:] = 0
        # Sums may wait for the dwell to end, but not grow meanwhile: what is over by then takes nothing over.
        np.minimum(self._against, self.switch_evidence, out=self._against)

    def _told(self) -> Emotion:
        assert self._average is not None
        told = self._average.copy()
        told[self._held] *= self.hold_odds
        told[self._held] = max(told[self._held], float(told.max()) * 1.001)
        return Emotion((told / told.sum()).astype(np.float32), self._unsure, min(max(self._extent, 0.0), 1.0))


def _keep(time_constant_s: float, dt_s: float) -> float:
    return math.exp(-dt_s / time_constant_s) if time_constant_s > 0 else 0.0
